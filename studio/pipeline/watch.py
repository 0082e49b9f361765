"""One task that sends every render and watches every job: an asyncio loop over rows, with the schedule in memory.

A poll that says "still running" writes nothing. Webhooks and new jobs show as a row whose ``next_check_at`` is recent;
a job that ended elsewhere drops out at the next look over all rows. Correctness rests on the conditional updates of
``reports``, never on the lease.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter

from asgiref.sync import async_to_sync, sync_to_async
from django.db import close_old_connections
from django.db.models import QuerySet
from django.utils import timezone

from avatarsite import jobs
from studio.models import Outcome, ProviderJob, Render, RenderState
from studio.models.jobs import ENDED_STATUSES
from studio.pipeline import wake
from studio.pipeline.orders import handle_of
from studio.pipeline.reports import apply_report
from studio.pipeline.submit import Claimed, claim, due_submits, record, send
from studio.providers import http, registry
from studio.providers.types import JobReport, ProviderError, Submission

logger = logging.getLogger(__name__)

RUN_SECONDS = 45.0  # well below the queue's own limit for the watch cluster
LOOK_EVERY = 0.5  # for new and nudged rows
LOOK_OVER_EVERY = 20.0  # over all rows, for those that ended elsewhere
RENEW_EVERY = 5.0
IDLE_SECONDS = 1.5  # how long to stay when nothing is left
APPLY_EVERY = 0.2
FINISH_SECONDS = 20.0  # for calls that are under way when the time is up
CHECKS_AT_ONCE = 100
SENDS_AT_ONCE = 20
SOON = timedelta(seconds=60)  # a render that is to be sent again within this time is waited for
JITTER = 0.15
# Clocks of several hosts may differ by this much; a row that is loaded twice is watched once.
OVERLAP = timedelta(seconds=5)


def open_jobs() -> QuerySet[ProviderJob]:
    """Jobs that a provider has accepted and that have not ended, as far as we know."""
    return ProviderJob.objects.filter(
        outcome=Outcome.ACCEPTED, next_check_at__isnull=False, render__state=RenderState.RENDERING
    )


def watch(*, run_seconds: float = RUN_SECONDS, stopping: Callable[[], bool] = lambda: False) -> bool:
    """Watch until nothing is left or the time is up; then hand over to the next task. False if another watches."""
    owner = str(uuid.uuid4())
    close_old_connections()
    if not wake.take_lease(owner):
        return False
    try:
        async_to_sync(_Watch(owner, run_seconds, stopping).run)()
    finally:
        wake.drop_lease(owner)
        if work_left():
            jobs.enqueue("studio.watch")
    return True


def work_left() -> bool:
    """Whether a watcher has something to do, now or soon."""
    waiting = (RenderState.QUEUED, RenderState.SUBMITTING)
    soon = Render.objects.filter(state__in=waiting, next_try_at__lte=timezone.now() + SOON)
    return open_jobs().exists() or soon.exists()


def check_now(job: ProviderJob) -> bool:
    """One check in the foreground. True if it changed something; raises ProviderError if it told us nothing."""
    report = http.run(registry.provider_of(job.offer).check, handle_of(job))
    return apply_report(job.pk, report)


def poll_interval(age_seconds: float, limits: tuple[float, float]) -> float:
    """Seconds until the next check: a tenth of the job's age, within the provider's limits, jittered."""
    least, most = limits
    return min(max(age_seconds / 10, least), most) * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


@dataclass(slots=True)
class _Tracked:
    job: ProviderJob
    seen_check_at: datetime
    due: float = 0.0  # the one entry of the schedule that counts; older ones are passed over
    busy: bool = False
    failures: int = 0


@dataclass(slots=True)
class _Watch:
    owner: str
    run_seconds: float
    stopping: Callable[[], bool]
    tracked: dict[str, _Tracked] = field(default_factory=dict)
    due: list[tuple[float, str]] = field(default_factory=list)
    reports: list[tuple[str, JobReport]] = field(default_factory=list)
    checks: set[asyncio.Task[None]] = field(default_factory=set)
    answers: list[tuple[Claimed, Submission]] = field(default_factory=list)
    sends: set[asyncio.Task[None]] = field(default_factory=set)
    waiting: bool = False
    looked_at: datetime | None = None

    async def run(self) -> None:
        async with http.open_pool():
            await self._loop()

    async def _loop(self) -> None:
        start = last_look_over = last_renewed = idle_since = time.monotonic()
        last_look = 0.0
        while (now := time.monotonic()) - start < self.run_seconds and not self.stopping():
            if now - last_renewed > RENEW_EVERY:
                if not await sync_to_async(wake.take_lease)(self.owner):
                    break
                last_renewed = now
            if now - last_look > LOOK_EVERY:
                everything = now - last_look_over > LOOK_OVER_EVERY
                await self._look(everything=everything)
                await self._start_sends()
                last_look, last_look_over = now, now if everything else last_look_over
            self._start_due(now)
            await self._apply()
            if self.tracked or self.sends or self.waiting:
                idle_since = now
            elif now - idle_since > IDLE_SECONDS:
                break
            await asyncio.sleep(APPLY_EVERY)
        await self._finish()

    async def _finish(self) -> None:
        unfinished = self.checks | self.sends
        if unfinished:
            await asyncio.wait(unfinished, timeout=FINISH_SECONDS)
        await self._apply()

    async def _start_sends(self) -> None:
        """Claim what is due and send it; the answers are stored with the next batch of reports."""
        claims, self.waiting = await sync_to_async(_claim_due)(SENDS_AT_ONCE - len(self.sends))
        for claimed in claims:
            task = asyncio.create_task(self._send(claimed))
            self.sends.add(task)
            task.add_done_callback(self.sends.discard)

    async def _send(self, claimed: Claimed) -> None:
        try:
            submission = await send(claimed)
        except Exception:
            # The lease runs out, and whoever takes the step then asks the provider what it knows.
            logger.exception("%s: the sending broke", claimed.render.pk)
            return
        if submission is not None:
            self.answers.append((claimed, submission))

    async def _look(self, *, everything: bool) -> None:
        rows = open_jobs()
        first_look = self.looked_at is None
        if self.looked_at and not everything:
            rows = rows.filter(next_check_at__gt=self.looked_at - OVERLAP)
        self.looked_at = timezone.now()
        found = await sync_to_async(_load)(rows)
        if everything:
            for gone in self.tracked.keys() - {job.pk for job in found}:
                del self.tracked[gone]
        for job in found:
            self._take(job, spread=first_look and len(found) > CHECKS_AT_ONCE)

    def _take(self, job: ProviderJob, *, spread: bool) -> None:
        """Watch a row that is new to us, or check one now that somebody has nudged."""
        check_at = job.next_check_at or timezone.now()
        known = self.tracked.get(job.pk)
        if known and known.seen_check_at >= check_at:
            return
        try:
            # A successor with thousands of rows does not ask about all of them in its first second.
            wait = random.uniform(0, self._interval(job)) if spread else 0.0  # noqa: S311
        except registry.UnknownOffer:
            logger.exception("%s is at an offer that this server no longer has", job.pk)
            return
        tracked = self.tracked[job.pk] = known or _Tracked(job, check_at)
        tracked.seen_check_at = check_at
        self._schedule(tracked, wait)

    def _schedule(self, tracked: _Tracked, wait: float) -> None:
        tracked.due = time.monotonic() + wait
        heapq.heappush(self.due, (tracked.due, tracked.job.pk))

    def _start_due(self, now: float) -> None:
        while self.due and self.due[0][0] <= now and len(self.checks) < CHECKS_AT_ONCE:
            due, pk = heapq.heappop(self.due)
            tracked = self.tracked.get(pk)
            if tracked is None or tracked.busy or tracked.due != due:
                continue
            tracked.busy = True
            task = asyncio.create_task(self._check(tracked))
            self.checks.add(task)
            task.add_done_callback(self.checks.discard)

    async def _check(self, tracked: _Tracked) -> None:
        job, wait = tracked.job, None
        try:
            report = await registry.provider_of(job.offer).check(handle_of(job))
            self.reports.append((job.pk, report))
            tracked.failures, wait = 0, report.retry_after_seconds
        except ProviderError as error:
            # "The poll failed" is not "the render failed".
            tracked.failures += 1
            wait = error.retry_after_seconds or min(2.0**tracked.failures, 60.0)
            logger.info("%s: check at %s told nothing: %s", job.render_id, job.offer, error)
        except Exception:
            tracked.failures += 1
            wait = min(2.0**tracked.failures, 60.0)
            logger.exception("%s: check at %s broke", job.render_id, job.offer)
        finally:
            tracked.busy = False
        self._schedule(tracked, max(wait or 0, self._interval(job)))

    def _interval(self, job: ProviderJob) -> float:
        age = (timezone.now() - (job.accepted_at or job.created_at)).total_seconds()
        return poll_interval(age, registry.provider_of(job.offer).capabilities.poll_seconds)

    async def _apply(self) -> None:
        if self.answers:
            answers, self.answers = self.answers, []
            await sync_to_async(_record_all)(answers)
        if not self.reports:
            return
        batch, self.reports = self.reports, []
        for ended in await sync_to_async(_apply_all)(batch):
            self.tracked.pop(ended, None)


def _load(rows: QuerySet[ProviderJob]) -> list[ProviderJob]:
    close_old_connections()
    needed = ("render", "offer", "reference", "provider_job_id", "handle", "next_check_at", "accepted_at", "created_at")
    return list(rows.only(*needed))


def _claim_due(room: int) -> tuple[list[Claimed], bool]:
    """Claim up to ``room`` renders, one workspace after the other; and whether more are waiting, or will be soon."""
    close_old_connections()
    due = due_submits().values_list("pk", "workspace_id")[: max(room, 0) * 10]
    turns: dict[str, int] = {}
    ranked = []
    for pk, workspace in due:
        turns[workspace] = turns.get(workspace, 0) + 1
        ranked.append((turns[workspace], pk))
    claims = [claimed for _, pk in sorted(ranked, key=itemgetter(0))[: max(room, 0)] if (claimed := _claim(pk))]
    return claims, bool(ranked) or work_left()


def _claim(pk: str) -> Claimed | None:
    """One that can't be claimed, because its offer is no longer sold, say, must not keep the others from being sent."""
    try:
        return claim(pk)
    except Exception:
        logger.exception("%s: could not be claimed", pk)
        waiting = (RenderState.QUEUED, RenderState.SUBMITTING)
        Render.objects.filter(pk=pk, state__in=waiting).update(next_try_at=timezone.now() + 2 * SOON)
        return None


def _record_all(answers: Iterable[tuple[Claimed, Submission]]) -> None:
    for claimed, submission in answers:
        try:
            record(claimed, submission)
        except Exception:
            logger.exception("%s: the provider's answer could not be stored", claimed.render.pk)


def _apply_all(batch: Iterable[tuple[str, JobReport]]) -> list[str]:
    """Write each report; one that can't be written is lost with a log line, and the next check says it again."""
    ended = []
    for pk, report in batch:
        try:
            apply_report(pk, report)
        except Exception:
            logger.exception("report of %s could not be stored", pk)
        else:
            if report.status.value in ENDED_STATUSES:
                ended.append(pk)
    return ended
