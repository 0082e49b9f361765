"""Requests that wait for a thread: so many, and so long. Whoever comes beyond is turned away at once, by the door.

Without an end all of them would wait for longer than their clients do, and none would be answered in time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from waitress.task import ThreadedTaskDispatcher

from avatarsite.outages.busy import LONG, MANY

LOOK_EVERY = 0.25  # seconds
# A line that has stood for as long as anybody may wait is a load and no rush: then to wait helps nobody, and whoever
# is not served within this share of that time is turned away, so that those who are served have not waited long.
OF_A_STANDING_LINE = 0.1
DOOR_THREADS = 2
# Told at once how things stand, whatever waits.
AT_THE_DOOR = ("/healthz", "/readyz")
# Who tells us something and may not come again, and who counts all this.
NEVER_TURNED_AWAY = ("/hooks/", "/metrics")


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one process: ``threads``; requests that may wait for one, ``most``, and for how long. There 0 is no limit."""

    threads: int
    most: int
    seconds: float


class Waiting:
    """Takes the place of waitress's dispatcher, whose ``threads`` it keeps busy."""

    def __init__(self, threads: ThreadedTaskDispatcher, limits: Limits) -> None:
        self._threads, self._limits = threads, limits
        self._door = ThreadedTaskDispatcher()
        self._door.set_thread_count(DOOR_THREADS)
        self._next_look = 0.0
        self._nobody_waited_at = time.monotonic()

    def add_task(self, channel: Any) -> None:
        request = channel.requests[0]
        request.came_at = time.monotonic()
        if _is_at(request, AT_THE_DOOR):
            self._door.add_task(channel)
        elif self._limits.most and self._without_a_thread() >= self._limits.most and _may_be_turned_away(channel):
            self._turn_away(channel, MANY)
        else:
            self._threads.add_task(channel)

    def look(self) -> None:
        """Turn away who has waited for too long, though no thread becomes free."""
        now, queue = time.monotonic(), self._threads.queue
        if not queue:
            self._nobody_waited_at = now
        if not self._limits.seconds or now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY
        stands = now - self._nobody_waited_at > self._limits.seconds
        long_ago = now - self._limits.seconds * (OF_A_STANDING_LINE if stands else 1.0)
        with self._threads.lock:
            late = [one for one in queue if one.requests[:1] and one.requests[0].came_at < long_ago]
            late = [one for one in late if _may_be_turned_away(one)]
            for one in late:
                queue.remove(one)
        for one in late:
            self._turn_away(one, LONG)

    def shutdown(self, timeout: float) -> None:
        for each in (self._threads, self._door):
            each.shutdown(timeout=timeout)

    def _without_a_thread(self) -> int:
        """Number of those in the line for whom no thread is free: one that is about to wake is somebody's already."""
        free = len(self._threads.threads) - int(self._threads.active_count)
        return len(self._threads.queue) - free

    def _turn_away(self, channel: Any, why: str) -> None:
        channel.requests[0].turned_away = why
        self._door.add_task(channel)


def _may_be_turned_away(channel: Any) -> bool:
    """Not what can't be read: that is answered sooner than it is sent away."""
    request = channel.requests[0]
    return request.error is None and not _is_at(request, NEVER_TURNED_AWAY)


def _is_at(request: Any, addresses: tuple[str, ...]) -> bool:
    return getattr(request, "path", "").startswith(addresses)
