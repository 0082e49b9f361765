"""Sending a render to its provider. The job's row is written before the call, the answer after it."""

from __future__ import annotations

import logging
from datetime import timedelta

from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils import timezone

from avatarsite import jobs
from studio.models import Outcome, ProviderJob, Render, RenderState
from studio.pipeline import states
from studio.pipeline.cancel import finish_cancelled
from studio.pipeline.failures import WORKER_FAILED, fail_by_provider, fail_render
from studio.pipeline.orders import build_order
from studio.pipeline.wake import wake_watch
from studio.providers import registry
from studio.providers.types import Failure, Fault, Submission
from studio.providers.types import Outcome as Answer

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=150)  # longer than any submit may take, uploads of the inputs included
MAX_TRIES = 30  # of asking what became of a submit; the deadline of the state ends it earlier or later
MAX_ATTEMPTS = 4  # jobs at providers for one render


def submit_render(render_id: str) -> bool:
    """Send the render, or find out what became of an earlier sending. True if this call moved it on."""
    render = Render.objects.select_related("hold", "portrait", "voice").get(pk=render_id)
    job = _claim(render)
    if job is None:
        return False
    if render.tries > MAX_TRIES:
        return fail_render(render, code="worker_failed", message=WORKER_FAILED, reason="too many tries to send it")
    provider, order = registry.provider_of(job.offer), build_order(render, job)
    first_time = job.outcome == Outcome.PENDING and render.tries == 1
    submission = async_to_sync(provider.submit if first_time else provider.recover)(order)
    return record(render, job, submission)


def _claim(render: Render) -> ProviderJob | None:
    """Take the step and make sure of a job row, in one transaction before the call. None if it isn't ours to do."""
    with transaction.atomic():
        if render.state == RenderState.QUEUED:
            return _first_claim(render)
        if render.state == RenderState.SUBMITTING and states.claim(render, lease=LEASE):
            return render.jobs.order_by("attempt").last()
    return None


def _first_claim(render: Render) -> ProviderJob | None:
    now = timezone.now()
    if render.next_try_at is None or render.next_try_at > now:
        return None
    attempt = render.jobs.count() + 1
    claimed = states.advance(
        render,
        RenderState.SUBMITTING,
        reason="sending",
        detail={"offer": render.offer, "attempt": attempt},
        tries=1,
        next_try_at=now + LEASE,
    )
    return ProviderJob.objects.create(render=render, attempt=attempt, offer=render.offer) if claimed else None


def record(render: Render, job: ProviderJob, submission: Submission) -> bool:
    """Store the provider's answer to a submit and move the render on."""
    if submission.outcome is Answer.ACCEPTED:
        return _accepted(render, job, submission)
    if submission.outcome is Answer.REJECTED:
        return _rejected(render, job, submission)
    return _unknown(render, job, submission)


def _accepted(render: Render, job: ProviderJob, submission: Submission) -> bool:
    now = timezone.now()
    with transaction.atomic():
        won = states.advance(
            render, RenderState.RENDERING, reason="accepted", detail={"offer": job.offer}, next_try_at=None
        )
        if won:
            _store(
                job,
                submission,
                outcome=Outcome.ACCEPTED,
                provider_job_id=submission.provider_job_id,
                handle=dict(submission.handle),
                accepted_at=now,
                next_check_at=now,
            )
            wake_watch()
            if render.cancel_requested_at:
                jobs.enqueue("studio.cancel", render_id=render.pk)
    return won


def _rejected(render: Render, job: ProviderJob, submission: Submission) -> bool:
    failure = submission.failure or Failure(Fault.UNKNOWN, "rejected", "")
    with transaction.atomic():
        _store(
            job,
            submission,
            outcome=Outcome.REJECTED,
            finished_at=timezone.now(),
            failure_code=failure.code,
            failure_message=failure.message,
        )
        if render.cancel_requested_at:
            return finish_cancelled(render, reason="cancelled before a provider took it")
        if not failure.retryable or job.attempt >= MAX_ATTEMPTS:
            return fail_by_provider(render, failure)
        wait = states.backoff(job.attempt, first=5, most=300)
        return states.advance(
            render,
            RenderState.QUEUED,
            reason="the provider would not take it now",
            detail={"offer": job.offer, "code": failure.code, "message": failure.message},
            next_try_at=timezone.now() + wait,
        )


def _unknown(render: Render, job: ProviderJob, submission: Submission) -> bool:
    """Not answered is not refused: the money stays on hold and the provider is asked again."""
    failure = submission.failure or Failure(Fault.UNKNOWN, "no_answer", "")
    _store(job, submission, outcome=Outcome.UNKNOWN, failure_code=failure.code, failure_message=failure.message)
    logger.warning("%s: not known yet whether %s took it: %s", render.pk, job.offer, failure.message)
    states.try_again(
        render,
        after=states.backoff(render.tries, first=2, most=120),
        reason="not known yet whether the provider took it",
        detail={"offer": job.offer, "code": failure.code, "message": failure.message},
    )
    return False


def _store(job: ProviderJob, submission: Submission, **fields: object) -> None:
    # A late answer never overwrites a verdict.
    raw = {"raw": submission.raw} if submission.raw is not None else {}
    ProviderJob.objects.filter(pk=job.pk, outcome__in=(Outcome.PENDING, Outcome.UNKNOWN)).update(**fields, **raw)
