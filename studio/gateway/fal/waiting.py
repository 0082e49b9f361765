"""Answers that take as long as the video, the synchronous one and the stream: each holds a thread of the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import BoundedSemaphore

from django.db import close_old_connections

from studio.gateway.models import GatewayRequest
from studio.gateway.outcome import Standing, find_request, standing_of

PAUSE = 0.5
MOST_SECONDS = 1_800.0
AT_ONCE = 8  # of one process; whoever comes then is told to come again, or to use the queue
_places = BoundedSemaphore(AT_ONCE)


class NoPlace(Exception):
    """So many wait already that one more would keep others from being served."""


class Place:
    """A place among those that wait. ``close`` gives it back, once."""

    def __init__(self) -> None:
        if not _places.acquire(blocking=False):
            raise NoPlace
        self._is_taken = True

    def close(self) -> None:
        if self._is_taken:
            self._is_taken = False
            _places.release()


def pause() -> None:
    close_old_connections()
    time.sleep(PAUSE)


def each_look(row: GatewayRequest) -> Iterator[Standing]:
    """How the request stands, again and again until it is over, it is gone, or it has taken too long."""
    ends = time.monotonic() + MOST_SECONDS
    while (standing := _look(row)) is not None:
        yield standing
        if standing.phase.is_over or time.monotonic() > ends:
            return
        pause()


def _look(row: GatewayRequest) -> Standing | None:
    found = find_request(row.workspace, row.protocol, row.reference)  # type: ignore[arg-type]  # a member, as text
    return standing_of(found) if found else None
