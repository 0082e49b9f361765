"""Places for requests that take long. Each holds a thread that others need.

All kinds of waiting together, for a render's end or for a customer's server, get a quarter of a process's threads, and
a workspace half of those; the judging of files gets three quarters, and a workspace half of all. Whoever gets no place
is answered at once, with how things stand or with when to come again; and whoever has gone gives the place back.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any, Self, TypeVar

from django.http import HttpRequest, HttpResponseBase

from avatarsite.errors import DomainError

LOOK_EVERY = 0.5  # seconds until a client that has gone is noticed
RETRY_AFTER = 5
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Share:
    """Of a process's threads what all together may hold, and what one workspace may."""

    name: str
    of_all: float
    of_one: float


WAITING = Share("waiting", 1 / 4, 1 / 8)
JUDGING = Share("judging", 3 / 4, 1 / 2)

_asked: ContextVar[Mapping[str, Any] | None] = ContextVar("asked", default=None)
_lock = Lock()
_taken: dict[Share, Counter[str]] = {WAITING: Counter(), JUDGING: Counter()}
_closing = Event()
_threads = 16


class NoPlace(DomainError):
    """So many are at it already that one more would keep others from being served."""

    def __init__(self) -> None:
        super().__init__(
            "busy", "Too many requests of this kind are under way.", remedy=f"Try again in {RETRY_AFTER} seconds."
        )


class ClientGone(DomainError):
    """Nobody is there any more to get the answer, or the process has been told to stop."""

    def __init__(self) -> None:
        super().__init__("busy", "The client hung up, or this server is about to stop.", remedy="Try again.")


def know_the_request(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """The middleware by which a place knows of which request it is; outside of one, as in a worker, all may wait."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        known = _asked.set(request.META)
        try:
            return get_response(request)
        finally:
            _asked.reset(known)

    return middleware


class Place:
    """A place among those of its kind, until ``close``. Raises NoPlace."""

    def __init__(self, workspace: str, share: Share = WAITING) -> None:
        asked = _asked.get()
        self._workspace, self._share = workspace, share
        self._is_taken = False
        self._gone: Callable[[], bool] = (asked or {}).get("waitress.client_disconnected", _never)
        if asked is not None:
            self._take()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_over(self) -> bool:
        """Whether it makes no sense to wait on: the client has gone, or the process is about to."""
        return self._gone() or _closing.is_set()

    def pause(self, seconds: float) -> bool:
        """Wait. False as soon as there is no sense in it any more."""
        ends = time.monotonic() + seconds
        while not self.is_over and (left := ends - time.monotonic()) > 0:
            _closing.wait(min(left, LOOK_EVERY))
        return not self.is_over

    async def wanted(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` gives. Raises ClientGone, and ends it, as soon as there is no sense in it any more."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                if self.is_over:
                    raise ClientGone
                await asyncio.wait({task}, timeout=LOOK_EVERY)
            return task.result()
        finally:
            task.cancel()

    def close(self) -> None:
        with _lock:
            if self._is_taken:
                self._is_taken = False
                _taken[self._share][self._workspace] -= 1
                _taken[self._share] += Counter()  # forgets whoever has none

    def _take(self) -> None:
        share = self._share
        with _lock:
            taken = _taken[share]
            is_full = taken.total() >= int(_threads * share.of_all)
            if _closing.is_set() or is_full or taken[self._workspace] >= max(1, int(_threads * share.of_one)):
                raise NoPlace
            taken[self._workspace] += 1
            self._is_taken = True


def of_threads(threads: int) -> None:
    """Give out as many places as a process of so many threads can spare."""
    global _threads  # noqa: PLW0603 -- one number of the process
    _threads = threads


def close() -> None:
    """End all waiting, and let nobody begin any: the process has been told to stop."""
    _closing.set()


def are_closed() -> bool:
    return _closing.is_set()


def _never() -> bool:
    return False
