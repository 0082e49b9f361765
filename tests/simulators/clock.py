"""Provider time: seconds since the start, which may run faster than ours and may be moved on by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Any


class Alarm:
    """One thing to do at one moment. Cancelling it is cheap: it stays in the heap and rings for nobody."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call: Callable[[], Any] | None = call

    def ring(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()

    def cancel(self) -> None:
        self._call = None


class Clock:
    """All waiting of the simulators goes through here, on one timer, however many jobs there are."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._base = 0.0
        self._since = time.monotonic()
        self._heap: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        return self._base + (time.monotonic() - self._since) * self.speed

    def set_speed(self, speed: float) -> None:
        if not 0 < speed <= 1_000_000:
            raise ValueError("speed is a number above 0, at most 1,000,000")
        self._base, self._since = self.now(), time.monotonic()
        self.speed = speed
        self._arm()

    def jump(self, seconds: float) -> None:
        """Move on by ``seconds`` at once; everything that became due rings in its order."""
        if seconds < 0:
            raise ValueError("time moves forward only")
        self._base += seconds
        self._ring()

    def at(self, moment: float, call: Callable[[], Any]) -> Alarm:
        alarm = Alarm(call)
        heapq.heappush(self._heap, (moment, next(self._order), alarm))
        if self._heap[0][2] is alarm:
            self._arm()
        return alarm

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` of provider time."""
        done = asyncio.get_running_loop().create_future()
        alarm = self.at(self.now() + seconds, lambda: done.cancelled() or done.set_result(None))
        try:
            await done
        finally:
            alarm.cancel()

    def real_seconds(self, seconds: float, *, least: float = 0.0) -> float:
        """``seconds`` of provider time in ours, for time limits: never less than ``least``."""
        return max(seconds / self.speed, least)

    def forget(self) -> None:
        """Drop every alarm."""
        self._heap.clear()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            delay = max(0.0, (self._heap[0][0] - self.now()) / self.speed)
            self._timer = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        now = self.now()
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2].ring()
        self._arm()
