"""A circuit breaker: who has just found a part away saves the others the wait."""

from __future__ import annotations

import logging
import threading
import time

logger = logging.getLogger(__name__)


class Breaker:
    """One part, in this process. While it's open nobody asks the part, but for one who tries after each pause."""

    every: dict[str, Breaker] = {}

    def __init__(self, part: str, *, pause_seconds: float = 5.0) -> None:
        self.part, self.pause_seconds = part, pause_seconds
        self._lock = threading.Lock()
        self._open_until: float | None = None
        Breaker.every[part] = self

    @property
    def is_away(self) -> bool:
        """Whether the part was away when it was last asked; asks nobody."""
        return self._open_until is not None

    def lets_through(self) -> bool:
        """Whether the caller may ask the part. One caller after each pause may, and tells what came of it."""
        if self._open_until is None:
            return True
        with self._lock:
            now = time.monotonic()
            if self._open_until is None or now < self._open_until:
                return self._open_until is None
            self._open_until = now + self.pause_seconds
            return True

    def trip(self, why: object) -> None:
        if not self.is_away:
            logger.error("The %s is away: %s", self.part, why)
        self._open_until = time.monotonic() + self.pause_seconds

    def reset(self) -> None:
        if self.is_away:
            logger.warning("The %s is back.", self.part)
        self._open_until = None
