"""Poll schedule: when each job in flight is asked about next, with a queue for each provider."""

from __future__ import annotations

import heapq
import math
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from studio.providers import registry
from studio.providers.types import JobHandle

JITTER = 0.15
# With a webhook on its way, polls are the safety net: the age's part, and the limits, in seconds.
NET_SHARE, NET_SECONDS = 5, (10.0, 60.0)
# Where several jobs fit into one question, they are due on a beat: a sixth of their wait, or less. Beats are powers of
# two, so that young and old jobs meet on them.
BEATS, MAX_BEAT = 6, 8.0
NUDGED = 0.0  # due before all others, also where a rate limit has made a queue


def poll_interval(age_seconds: float, limits: tuple[float, float], *, webhook: bool = False) -> float:
    """Seconds until the next check: a tenth of the job's age, within the provider's limits, jittered.

    With ``webhook`` a letter will say when the job has ended, so it is asked about less often.
    """
    share = 10
    if webhook:
        share, limits = NET_SHARE, (max(limits[0], NET_SECONDS[0]), max(limits[1], NET_SECONDS[1]))
    least, most = limits
    return min(max(age_seconds / share, least), most) * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


@dataclass(slots=True)
class Tracked:
    """A job in flight, as much of it as the loop needs."""

    pk: str
    render: str
    offer: str
    handle: JobHandle
    since: float  # when it was accepted, in seconds since 1970
    seen_check_at: datetime
    said: tuple[str, int | None, int | None]  # status, progress, place in the queue: as stored
    due: float = 0.0  # the one entry of the queue that counts; older ones are passed over
    busy: bool = False
    failures: int = 0

    provider: str = field(init=False)
    asked_together: bool = field(init=False)
    poll_seconds: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        """Looked up once: each answer asks for them."""
        self.provider = registry.offer(self.offer).provider
        can = registry.provider(self.provider).capabilities
        self.asked_together, self.poll_seconds = can.checks_at_once > 1, can.poll_seconds

    def interval(self, *, webhook: bool) -> float:
        return poll_interval(time.time() - self.since, self.poll_seconds, webhook=webhook)


def _due_in(wait: float, *, together: bool) -> float:
    due = time.monotonic() + wait
    if not together or wait <= 0:
        return due
    beat = 2.0 ** math.floor(math.log2(min(wait / BEATS, MAX_BEAT)))
    return math.ceil(due / beat) * beat


@dataclass(slots=True)
class PollSchedule:
    """Every job that is watched, and the order in which they are due by ``time.monotonic``."""

    tracked: dict[str, Tracked] = field(default_factory=dict)
    busy: Counter[str] = field(default_factory=Counter)  # questions under way, by provider
    _queues: dict[str, list[tuple[float, str]]] = field(default_factory=dict)

    @property
    def providers(self) -> list[str]:
        return list(self._queues)

    def plan(self, job: Tracked, wait: float | None = None) -> None:
        """Ask in ``wait`` seconds, or on the next beat after that; without, before all others."""
        job.due = NUDGED if wait is None else _due_in(wait, together=job.asked_together)
        heapq.heappush(self._queues.setdefault(job.provider, []), (job.due, job.pk))

    def is_due(self, provider: str, now: float) -> bool:
        queue = self._queues.get(provider, [])
        while queue and self._passed_over(*queue[0]):
            heapq.heappop(queue)
        return bool(queue) and queue[0][0] <= now

    def take(self, provider: str, now: float, most: int) -> list[Tracked]:
        """Up to ``most`` jobs to ask about in one question, marked as busy; none if none is due yet."""
        taken: list[Tracked] = []
        if not self.is_due(provider, now):
            return taken
        queue = self._queues[provider]
        while queue and len(taken) < most and queue[0][0] <= now:
            due, pk = heapq.heappop(queue)
            if not self._passed_over(due, pk):
                job = self.tracked[pk]
                job.busy, job.due = True, math.inf
                taken.append(job)
        return taken

    def plan_again(self, job: Tracked, wait: float) -> None:
        """After an answer. One that was nudged meanwhile may have ended since it was asked about: again, at once."""
        job.busy = False
        self.plan(job, None if job.due == NUDGED else wait)

    def drop(self, pk: str) -> None:
        self.tracked.pop(pk, None)

    def _passed_over(self, due: float, pk: str) -> bool:
        job = self.tracked.get(pk)
        return job is None or job.busy or job.due != due
