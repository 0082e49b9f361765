"""Loop of the watch, which sends every render and asks after every job: asyncio over rows, its schedule in memory.

A poll that says "still running" touches no row. Webhooks and new jobs show as a row whose ``next_check_at`` is recent;
a job that ended elsewhere drops out at the next look over all rows. Correctness rests on the conditional updates of
``reports``, never on the lease.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from asgiref.sync import async_to_sync, sync_to_async
from django.db import close_old_connections
from django.utils import timezone

from avatarsite.monitoring import logs
from avatarsite.queue import lease
from avatarsite.queue.sweeping import tell_failure
from studio.metrics import count_no_answer, timed_call
from studio.models import ProviderJob
from studio.models.jobs import ENDED_STATUSES
from studio.pipeline.orders import handle_of
from studio.pipeline.reports import apply_report, note_refusal
from studio.pipeline.submit import Claimed, names_of, send
from studio.pipeline.watch.rate_limit import RateLimiters
from studio.pipeline.watch.rows import (
    Refusal,
    apply_all,
    load_due,
    note_refusals,
    record_all,
    trusted_webhooks,
    work_left,
)
from studio.pipeline.watch.schedule import PollSchedule, Tracked
from studio.pipeline.watch.wake import WATCH
from studio.providers import http, registry
from studio.providers.types import Failure, Fault, JobReport, JobStatus, ProviderError, Submission

logger = logging.getLogger(__name__)

RUN_SECONDS = 45.0  # well below the queue's own limit for the watch cluster
LOOK_EVERY = 0.5  # for new and nudged rows
LOOK_OVER_EVERY = 20.0  # over all rows, for those that ended elsewhere
RENEW_EVERY = 5.0
# How far jobs are is written down together, in a crowd more of it at once: each commit costs as much as fifty rows.
NEWS_EVERY, CROWD_NEWS_EVERY = 1.0, 4.0
REFUSED_AGAIN = 60.0  # how often the operator is told of the same refusal
IDLE_SECONDS = 1.5  # how long to stay when nothing is left
TICK = 0.2
FINISH_SECONDS = 20.0  # for calls that are under way when the time is up
QUESTIONS_AT_ONCE = 60  # at each provider, so that one that hangs takes no other's place
SENDS_AT_ONCE = 20  # to each provider
CROWD = 100  # with more jobs than this, a successor does not ask about all of them in its first second


def watch(*, run_seconds: float = RUN_SECONDS, stopping: Callable[[], bool] = lambda: False) -> bool:
    """Watch until nothing is left or the time is up; then hand over to the next task. False if another watches."""
    close_old_connections()
    return lease.run_alone(WATCH, lambda owner: async_to_sync(_Watch(owner, run_seconds, stopping).run)(), work_left)


def check_now(job: ProviderJob) -> bool:
    """One check in the foreground. True if it changed something; raises ProviderError if it told us nothing."""
    asked_at = timezone.now()
    try:
        report = http.run(registry.provider_of(job.offer).check, handle_of(job))
    except ProviderError as error:
        note_refusal(job.offer, error.failure, asked_at)
        raise
    return apply_report(job.pk, report)


@dataclass(slots=True)
class _Watch:
    owner: str
    run_seconds: float
    stopping: Callable[[], bool]
    schedule: PollSchedule = field(default_factory=PollSchedule)
    limiters: RateLimiters = field(default_factory=RateLimiters)
    reports: list[tuple[str, JobReport]] = field(default_factory=list)
    news: dict[str, JobReport] = field(default_factory=dict)
    questions: set[asyncio.Task[None]] = field(default_factory=set)
    answers: list[tuple[Claimed, Submission]] = field(default_factory=list)
    sends: dict[asyncio.Task[None], str] = field(default_factory=dict)  # and to which provider
    refusals: dict[str, Refusal] = field(default_factory=dict)
    refused_at: dict[str, float] = field(default_factory=dict)
    calling: set[str] = field(default_factory=set)  # providers whose webhooks reach us
    sends_wait: bool = False
    looked_at: datetime | None = None
    news_at: float = 0.0

    async def run(self) -> None:
        async with http.open_pool():
            self.limiters.restore(await sync_to_async(lease.handover)(WATCH))
            await self._loop()

    async def _loop(self) -> None:
        start = last_look_over = last_renewed = idle_since = time.monotonic()
        last_look = 0.0
        while (now := time.monotonic()) - start < self.run_seconds and not self.stopping():
            if now - last_renewed > RENEW_EVERY:
                if not await self._renew():
                    break
                last_renewed = now
            if now - last_look > LOOK_EVERY:
                everything = self.looked_at is None or now - last_look_over > LOOK_OVER_EVERY
                await self._look(everything=everything)
                last_look, last_look_over = now, now if everything else last_look_over
            await self._start_due(now)
            await self._apply()
            if self.schedule.tracked or self.sends or self.sends_wait:
                idle_since = now
            elif now - idle_since > IDLE_SECONDS:
                break
            await asyncio.sleep(TICK)
        await self._finish()

    async def _finish(self) -> None:
        unfinished = self.questions | self.sends.keys()
        if unfinished:
            await asyncio.wait(unfinished, timeout=FINISH_SECONDS)
        self.news_at = 0.0
        await self._apply()
        await self._renew()

    async def _renew(self) -> bool:
        """What it has learned of how fast each provider may be asked is for the next watch."""
        return await sync_to_async(lease.acquire)(WATCH, self.owner, handover=self.limiters.to_save())

    # --- Rows ------------------------------------------------------------------------------------------------------

    async def _look(self, *, everything: bool) -> None:
        """Find what is new, nudged or gone, and claim what is to be sent."""
        since, first = self.looked_at, self.looked_at is None
        self.looked_at = timezone.now()
        if everything:
            self.calling = await sync_to_async(trusted_webhooks)()
        snapshot = await sync_to_async(load_due)(
            self.schedule.tracked.keys(),
            since=since,
            everything=everything,
            room=SENDS_AT_ONCE,
            sending=Counter(self.sends.values()),
            resting=self.limiters.resting("submit"),
            busy=bool(self.schedule.tracked or self.sends),
        )
        self.sends_wait = snapshot.sends_wait
        if snapshot.still is not None:
            for gone in self.schedule.tracked.keys() - snapshot.still:
                self.schedule.drop(gone)
        spread = first and len(snapshot.loaded) > CROWD
        for job in snapshot.loaded:
            self.schedule.tracked[job.pk] = job
            self.schedule.plan(job, random.uniform(0, self._interval(job)) if spread else None)  # noqa: S311
        self._nudge(snapshot.jobs)
        for claimed in snapshot.claims:
            self._start_send(claimed)

    def _nudge(self, found: dict[str, datetime]) -> None:
        """Ask now about each job whose row somebody has touched."""
        for pk, check_at in found.items():
            job = self.schedule.tracked.get(pk)
            if job is not None and check_at > job.seen_check_at:
                job.seen_check_at = check_at
                self.schedule.plan(job)

    async def _apply(self) -> None:
        """Write down what has come in since the last time."""
        if self.answers:
            answers, self.answers = self.answers, []
            await sync_to_async(record_all)(answers)
        if self.refusals:
            refusals, self.refusals = self.refusals, {}
            await sync_to_async(note_refusals)(refusals)
        now = time.monotonic()
        wait = CROWD_NEWS_EVERY if len(self.schedule.tracked) > CROWD else NEWS_EVERY
        if self.reports or (self.news and now - self.news_at > wait):
            self.news_at = now
            reports, self.reports = self.reports, []
            news, self.news = self.news, {}
            for ended in await sync_to_async(apply_all)(reports, news):
                self.schedule.drop(ended)

    # --- Sending ---------------------------------------------------------------------------------------------------

    def _start_send(self, claimed: Claimed) -> None:
        task = asyncio.create_task(self._send(claimed))
        self.sends[task] = registry.offer(claimed.job.offer).provider
        task.add_done_callback(self.sends.pop)

    async def _send(self, claimed: Claimed) -> None:
        logs.is_about(**names_of(claimed))
        try:
            limiter = self.limiters.of(registry.offer(claimed.job.offer).provider)
            await limiter.wait("submit")
            submission = await send(claimed)
        except Exception as error:  # noqa: BLE001 -- told
            # The lease runs out, and whoever takes the step then asks the provider what it knows.
            await sync_to_async(tell_failure)("Sending a video to its provider", claimed.render.pk, error)
            return
        if submission is None:
            return
        if submission.failure is not None and submission.failure.fault is Fault.RATE_LIMIT:
            limiter.too_much("submit", submission.retry_after_seconds)
        self.answers.append((claimed, submission))

    # --- Asking ----------------------------------------------------------------------------------------------------

    async def _start_due(self, now: float) -> None:
        """Begin the questions that are due, as many at a time and a second as each provider may be asked."""
        for provider in self.schedule.providers:
            most = registry.provider(provider).capabilities.checks_at_once
            limiter = self.limiters.of(provider)
            while (
                self.schedule.busy[provider] < QUESTIONS_AT_ONCE
                and self.schedule.is_due(provider, now)
                and await limiter.may("poll")
            ):
                self._start_question(provider, self.schedule.take(provider, now, most))

    def _start_question(self, provider: str, asked: list[Tracked]) -> None:
        self.schedule.busy[provider] += 1
        task = asyncio.create_task(self._ask(provider, asked))
        self.questions.add(task)
        task.add_done_callback(self.questions.discard)

    async def _ask(self, provider: str, asked: list[Tracked]) -> None:
        """One question, about all of ``asked``."""
        asked_at = timezone.now()
        if len(asked) == 1:
            logs.is_about(render=asked[0].render, job=asked[0].pk)
        try:
            told = await _answers(provider, asked)
        finally:
            self.schedule.busy[provider] -= 1
        for job, report in zip(asked, told, strict=True):
            if isinstance(report, ProviderError):
                self._not_told(job, report, asked_at)
            else:
                self._told(job, report)

    def _told(self, job: Tracked, report: JobReport) -> None:
        job.failures = 0
        before, job.said = job.said, _said(job, report)
        if report.status.value in ENDED_STATUSES or report.status is JobStatus.UNKNOWN:
            self.reports.append((job.pk, report))
        elif job.said != before:
            self.news[job.pk] = report
        # Planned even if it has ended, until that has been written down.
        self.schedule.plan_again(job, max(report.retry_after_seconds or 0, self._interval(job)))

    def _not_told(self, job: Tracked, error: ProviderError, asked_at: datetime) -> None:
        """The poll failed, which is not to say that the render failed."""
        job.failures += 1
        count_no_answer(job.provider, "check", error.failure)
        wait = error.retry_after_seconds or min(2.0**job.failures, 60.0)
        logger.info("%s: check at %s told nothing: %s", job.render, job.offer, error.failure.named)
        if error.failure.fault is Fault.RATE_LIMIT:
            self.limiters.of(job.provider).too_much("poll", error.retry_after_seconds, asked_at=asked_at.timestamp())
        now = time.monotonic()
        if error.failure.fault.is_ours and now - self.refused_at.get(job.provider, -REFUSED_AGAIN) >= REFUSED_AGAIN:
            self.refused_at[job.provider] = now
            self.refusals[job.offer] = error.failure, asked_at
        self.schedule.plan_again(job, max(wait, self._interval(job)))

    def _interval(self, job: Tracked) -> float:
        return job.interval(webhook=job.provider in self.calling)


async def _answers(provider: str, asked: list[Tracked]) -> list[JobReport | ProviderError]:
    """What the provider says of each; where one of several breaks our reading, each is asked about by itself."""
    try:
        with timed_call(provider, "check"):
            return await registry.provider(provider).check_many([job.handle for job in asked])
    except Exception as error:  # noqa: BLE001 -- told, once it's known which it is
        if len(asked) > 1:
            return [(await _answers(provider, [job]))[0] for job in asked]
        await sync_to_async(tell_failure)("Asking about a job at its provider", asked[0].render, error)
        return [ProviderError(Failure(Fault.UNKNOWN, type(error).__name__, str(error)))]


def _said(job: Tracked, report: JobReport) -> tuple[str, int | None, int | None]:
    """As its row will stand: what a report leaves out stays as it was."""
    _, progress, place = job.said
    return (
        report.status.value,
        progress if report.progress is None else report.progress,
        place if report.queue_position is None else report.queue_position,
    )
