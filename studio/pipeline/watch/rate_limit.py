"""Rate limits of the watch: so many requests a second to each provider, and fewer for a while after a 429.

Submits and polls share a provider's budget. One watch at a time holds the lease, so its count is the whole server's,
all but a few requests; what it has learned is saved for the next one in the row of the lease.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from aiolimiter import AsyncLimiter
from django.conf import settings

AGAIN = 0.2  # seconds between two looks whether it may go on
MIN_RATE = 0.2  # requests a second that are always tried
UNLIMITED = 50.0  # where a provider without a limit of ours begins, once it has said that it's too much
REST_SECONDS = 5.0  # after a 429 that doesn't say for how long
# Then one more render is tried: it may have another provider to go to, and can't know while it waits here.
MAX_REST = {"submit": 30.0, "poll": 900.0}
FASTER_EVERY = 30.0  # seconds without a 429, after which the rate doubles


@dataclass(slots=True)
class RateLimiter:
    """One provider's. ``most`` is the configured rate, requests a second; 0 is no limit."""

    most: float
    rate: float = 0.0  # as it stands; 0 is no limit
    changed: float = 0.0  # time.time()
    # Until when nothing is asked, by "submit" and "poll": a provider without room for jobs still answers questions.
    rests: dict[str, float] = field(default_factory=dict)
    _limiter: AsyncLimiter | None = None

    def __post_init__(self) -> None:
        self._set(self.rate or self.most)

    async def wait(self, kind: str) -> None:
        """Come back when a request may go out; it is counted."""
        while not await self.may(kind):  # noqa: ASYNC110 -- time passes, and nobody is there to set an event
            await asyncio.sleep(AGAIN)

    async def may(self, kind: str) -> bool:
        """Whether a request may go out now; if so, it is counted."""
        if self.is_resting(kind):
            return False
        self._recover()
        if self._limiter is None:
            return True
        if not self._limiter.has_capacity():
            return False
        await self._limiter.acquire()
        return True

    def is_resting(self, kind: str) -> bool:
        """No longer than it may: a clock that was set back makes nobody rest for an hour."""
        return 0 < self.rests.get(kind, 0.0) - time.time() < MAX_REST[kind] + 1

    def too_much(self, kind: str, retry_after: float | None, *, asked_at: float | None = None) -> None:
        """The provider has answered 429 to what was asked ``asked_at``, by ``time.time``, or now.

        One wave of such answers slows it down once: what was asked before it was slowed down belongs to that wave.
        """
        now = time.time()
        was_resting = self.is_resting(kind) or (asked_at or now) < self.changed
        until = now + min(retry_after or REST_SECONDS, MAX_REST[kind])
        self.rests[kind] = max(self.rests[kind], until) if self.is_resting(kind) else until
        if kind == "poll" and not was_resting:
            self._set(max((self.rate or UNLIMITED) / 2, MIN_RATE))
            self.changed = now

    def _recover(self) -> None:
        limit = self.most or UNLIMITED
        if self.rate == self.most or abs(time.time() - self.changed) < FASTER_EVERY:
            return
        doubled = self.rate * 2
        self._set(doubled if doubled < limit else self.most)
        self.changed = time.time()

    def _set(self, rate: float) -> None:
        """A burst of up to a second's worth, and at least one."""
        self.rate = rate
        self._limiter = AsyncLimiter(max(rate, 1.0), max(rate, 1.0) / rate) if rate else None


@dataclass(slots=True)
class RateLimiters:
    """Each provider's limiter, made when it is first asked for."""

    _known: dict[str, RateLimiter] = field(default_factory=dict)

    def of(self, provider: str) -> RateLimiter:
        if provider not in self._known:
            self._known[provider] = RateLimiter(settings.PROVIDERS_PER_SECOND.get(provider, 0.0))
        return self._known[provider]

    def resting(self, kind: str) -> list[str]:
        return [name for name, limiter in self._known.items() if limiter.is_resting(kind)]

    def to_save(self) -> dict[str, Any]:
        """What the next watch has to know: who is asked more slowly than configured, or not at all for now."""
        now = time.time()
        return {
            name: {"rate": limiter.rate, "changed": limiter.changed, "rests": limiter.rests}
            for name, limiter in self._known.items()
            if limiter.rate != limiter.most or any(until > now for until in limiter.rests.values())
        }

    def restore(self, told: dict[str, Any]) -> None:
        for name, said in told.items():
            limiter = self._known[name] = RateLimiter(settings.PROVIDERS_PER_SECOND.get(name, 0.0), rate=said["rate"])
            limiter.changed, limiter.rests = said["changed"], dict(said["rests"])
