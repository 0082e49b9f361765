"""Waiting responses, the synchronous one and the stream: each holds a thread of the server for as long."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db import close_old_connections

from avatarsite.web.places import Place
from studio.gateway.models import GatewayRequest
from studio.gateway.status import RequestStatus, find_request, status_of

PAUSE = 0.5
MAX_SECONDS = 1_800.0


def pause() -> None:
    close_old_connections()
    time.sleep(PAUSE)


def each_status(row: GatewayRequest, place: Place) -> Iterator[RequestStatus]:
    """How the request stands, again and again until it is over, it or its client is gone, or it has taken too long."""
    ends = time.monotonic() + MAX_SECONDS
    while (status := _look(row)) is not None:
        yield status
        if status.phase.is_over or place.is_over or time.monotonic() > ends:
            return
        pause()


def _look(row: GatewayRequest) -> RequestStatus | None:
    found = find_request(row.workspace, row.protocol, row.reference)  # type: ignore[arg-type]  # a member, as text
    return status_of(found) if found else None
