"""Submission of a render to its provider. The job's row is written before the call, the answer after it.

The same three parts serve the watch, which sends many at once, and ``submit_render``, which sends one: ``claim`` takes
the step, ``send`` talks to the provider and marks that it is about to create, ``record`` stores the answer.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.db.models import Exists, QuerySet
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import backoff
from billing.models import Price
from studio.media.normalise import NormaliseFailed
from studio.metrics import count_submission, timed_call
from studio.models import Outcome, ProviderJob, Render, RenderState
from studio.pipeline import health, states
from studio.pipeline.cancel import finish_cancelled, leave
from studio.pipeline.failures import WORKER_FAILED, fail_by_provider, fail_render
from studio.pipeline.lateness.usual import told_at_acceptance
from studio.pipeline.orders import build_order
from studio.pipeline.places import has_place, take_turn
from studio.pipeline.watch.wake import notify_watcher
from studio.providers import http, registry
from studio.providers.types import Failure, Fault, ProviderError, RenderOrder, Submission
from studio.providers.types import Outcome as Answer

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=150)  # longer than any submit may take, uploads of the inputs included
MAX_TRIES = 60  # of asking what became of a submit; the deadline of the state ends it earlier or later
MAX_ATTEMPTS = 6  # jobs at providers for one render
# What the order itself is to blame for, so that another asking can only say the same.
LASTING = frozenset({Fault.INPUT, Fault.MODERATION})
WHY_LENGTH = 200
NO_ROOM_PAUSE = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A render whose submit step is ours for the time of the lease, and the job that it is about."""

    render: Render
    job: ProviderJob
    claimed_at: datetime = field(default_factory=timezone.now)

    @property
    def asked_at(self) -> datetime:
        """When the provider was asked, as far as it's known: this claim may have sent the job, or looked for it."""
        return max(self.claimed_at, self.job.sent_at or self.claimed_at)


def names_of(claimed: Claimed) -> dict[str, str]:
    """What its lines in the log are about."""
    render = claimed.render
    return {"workspace": str(render.workspace_id), "render": render.pk, "job": claimed.job.pk}


def due_submits() -> QuerySet[Render]:
    """Renders that wait to be sent, or whose sending is in doubt and to be asked about."""
    waiting = (RenderState.QUEUED, RenderState.SUBMITTING)
    return Render.objects.filter(state__in=waiting, next_try_at__lte=timezone.now()).order_by()


def submit_render(render_id: str) -> bool:
    """Send the render, or find out what became of an earlier sending. True if this call moved it on."""
    claimed = claim(render_id)
    if claimed is None:
        return False
    submission = http.run(send, claimed)
    return submission is not None and record(claimed, submission)


def claim(render_id: str) -> Claimed | None:
    """Take the step and make sure of a job row, in one transaction before the call. None if it isn't ours to do."""
    render = Render.objects.select_related("hold", "portrait", "voice", "captions").get(pk=render_id)
    if render.state == RenderState.QUEUED:
        return _first_claim(render)
    if render.state != RenderState.SUBMITTING or not render.claim(LEASE):
        return None
    if render.tries > MAX_TRIES:
        fail_render(render, code="worker_failed", message=WORKER_FAILED, reason="too many tries to send it")
        return None
    job = render.jobs.order_by("attempt").last()
    return Claimed(render, job) if job else None


def _first_claim(render: Render) -> Claimed | None:
    now = timezone.now()
    if render.next_try_at is None or render.next_try_at > now or not _may_go(render):
        return None
    attempt = render.jobs.count() + 1
    with transaction.atomic():
        claimed = states.advance(
            render,
            RenderState.SUBMITTING,
            reason="sending",
            detail={"offer": render.offer, "attempt": attempt},
            tries=1,
            next_try_at=now + LEASE,
        )
        if not claimed:
            return None
        # Somebody may have moved it to its next offer since it was read; the price is that of the offer in the row.
        render.refresh_from_db(fields=["offer", "price", "fallbacks"])
        take_turn(render.workspace_id, registry.offer(render.offer).provider)
        return Claimed(render, ProviderJob.objects.create(render=render, attempt=attempt, offer=render.offer))


def _may_go(render: Render) -> bool:
    """Whether the offer takes renders now; else the render is moved to the next offer, or waits."""
    paused_until = health.may_send(render.offer)
    if paused_until and fall_over(render, reason=f"the provider {_why_not(render.offer)} at the moment"):
        return False
    later = paused_until or _room_at(render.offer)
    if later:
        Render.objects.filter(pk=render.pk, state=RenderState.QUEUED).update(next_try_at=later)
    return later is None


def _why_not(offer: str) -> str:
    return "is not sold" if health.why_paused(offer) == health.NOT_SOLD else "fails"


def _room_at(offer_id: str) -> datetime | None:
    """None when the provider has room for one more of ours, else when to ask again."""
    return None if has_place(registry.offer(offer_id).provider) else timezone.now() + NO_ROOM_PAUSE


async def send(claimed: Claimed) -> Submission | None:
    """Talk to the provider. None when the step waits, or was lost to somebody else, before anything was created."""
    render, job = claimed.render, claimed.job
    provider = registry.provider_of(job.offer)
    try:
        order = await sync_to_async(_build_order, thread_sensitive=False)(render, job)
    except NormaliseFailed as error:
        rejected = Submission(Answer.REJECTED, failure=Failure(Fault.INPUT, "not_normalised", str(error)))
        return rejected if job.sent_at is None else Submission(Answer.UNKNOWN, failure=rejected.failure)
    except OSError as error:
        await _waits_out(render, error)
        return None
    if job.sent_at is not None:
        with timed_call(provider.name, "recover"):
            return _of_a_second_asking(await provider.recover(order))
    try:
        with timed_call(provider.name, "prepare"):
            order = await provider.prepare(order)
    except ProviderError as error:
        # Nothing has been asked for yet, so nothing can have been accepted.
        return Submission(Answer.REJECTED, failure=error.failure, retry_after_seconds=error.retry_after_seconds)
    except OSError as error:
        await _waits_out(render, error)
        return None
    if not await sync_to_async(_mark_sent)(claimed):
        return None
    with timed_call(provider.name, "submit"):
        return await provider.submit(order)


async def _waits_out(render: Render, error: OSError) -> None:
    """Nothing has been sent: the step waits for a part of ours that is away. Raises what is no such thing."""
    if not await sync_to_async(states.waits_out)(render, error, doing="the sending"):
        raise error


def _build_order(render: Render, job: ProviderJob) -> RenderOrder:
    """In a thread of the pool, because it may have to convert a file; the thread's connection ends with it."""
    try:
        return build_order(render, job)
    finally:
        connections.close_all()


def _of_a_second_asking(submission: Submission) -> Submission:
    """Refused for want of credit, a key or room, the second asking says nothing of what became of the first."""
    failure = submission.failure
    if submission.outcome is Answer.REJECTED and (failure is None or failure.fault not in LASTING):
        return replace(submission, outcome=Answer.UNKNOWN)
    return submission


def _mark_sent(claimed: Claimed) -> bool:
    """The last thing before the creating request, and only while the step is still ours."""
    render, job, now = claimed.render, claimed.job, timezone.now()
    ours = Render.objects.filter(pk=render.pk, state=RenderState.SUBMITTING, tries=render.tries, next_try_at__gt=now)
    unsent = ProviderJob.objects.filter(pk=job.pk, sent_at=None, outcome=Outcome.PENDING)
    if not unsent.filter(Exists(ours)).update(sent_at=now):
        return False
    job.sent_at = now
    return True


def record(claimed: Claimed, submission: Submission) -> bool:
    """Store the provider's answer to a submit and move the render on."""
    count_submission(claimed.job.offer, submission)
    if submission.outcome is Answer.ACCEPTED:
        return _accepted(claimed.render, claimed.job, submission)
    if submission.outcome is Answer.REJECTED:
        return _rejected(claimed, submission)
    return _unknown(claimed, submission)


def _accepted(render: Render, job: ProviderJob, submission: Submission) -> bool:
    now = timezone.now()
    with transaction.atomic():
        # That the provider has it is a fact, also when the render has ended meanwhile.
        stored = _store(
            job,
            submission,
            outcome=Outcome.ACCEPTED,
            provider_job_id=submission.provider_job_id,
            handle=dict(submission.handle),
            accepted_at=now,
            next_check_at=now,
            failure_code="",
            failure_message="",
        )
        won = (stored and render.state == RenderState.SUBMITTING) and states.advance(
            render,
            RenderState.RENDERING,
            reason="accepted",
            detail={"offer": job.offer},
            next_try_at=None,
            **told_at_acceptance(job.offer, render.sound.duration_ms or 0, now),
        )
        if won:
            notify_watcher()
            if _cancel_requested(render):
                jobs.enqueue("studio.cancel", render_id=render.pk)
        elif stored:
            leave(job)
            raise_alert("accepted_late", job.pk, f"{job.offer} has {render.pk}, which had ended: a loss of ours.")
    health.note_success(job.offer, asked_at=job.asked_at)
    return won


def _rejected(claimed: Claimed, submission: Submission) -> bool:
    render, job = claimed.render, claimed.job
    failure = submission.failure or Failure(Fault.UNKNOWN, "rejected", "")
    if failure.fault is Fault.NOT_FOUND:
        # No job yet that could be lost: the provider no longer has the model, say, which is for the operator to see.
        failure = replace(failure, fault=Fault.PROVIDER)
    health.note_failure(job.offer, failure, asked_at=claimed.asked_at)
    with transaction.atomic():
        stored = _store(
            job,
            submission,
            outcome=Outcome.REJECTED,
            finished_at=timezone.now(),
            failure_code=failure.code,
            failure_message=failure.message,
        )
        if not stored:
            return False
        if _cancel_requested(render):
            return finish_cancelled(render, reason="cancelled before a provider took it")
        if _is_final(job, failure):
            return fail_by_provider(render, failure)
        return _back_to_the_queue(render, job, failure, submission.retry_after_seconds)


def _is_final(job: ProviderJob, failure: Failure) -> bool:
    """Whether sending it again is pointless. "Too busy" and our own troubles pass; the state's deadline ends those."""
    if failure.fault is Fault.RATE_LIMIT or failure.fault.is_ours:
        return False
    return not failure.retryable or job.attempt >= MAX_ATTEMPTS


def _back_to_the_queue(render: Render, job: ProviderJob, failure: Failure, retry_after: float | None) -> bool:
    """To the next offer at once, or to the same one after a pause."""
    wait = max(backoff(job.attempt, first=5, most=300), timedelta(seconds=min(retry_after or 0, 600)))
    other = bool(render.fallbacks)
    moved = states.advance(
        render,
        RenderState.QUEUED,
        reason="the provider would not take it now",
        detail={"offer": job.offer, "code": failure.code, "message": failure.message},
        next_try_at=timezone.now() + (timedelta() if other else wait),
        # However often it is turned away, it has waited since it was asked for.
        deadline_at=render.created_at + states.DEADLINES[RenderState.QUEUED],
    )
    if moved and _cancel_requested(render):
        return finish_cancelled(render, reason="cancelled before a provider took it")
    if moved and other:
        fall_over(render, reason="the next provider is tried")
    if moved:
        notify_watcher()
    return moved


def _cancel_requested(render: Render) -> bool:
    """Asked of the row: the request may have come while the provider was being talked to."""
    return Render.objects.filter(pk=render.pk, cancel_requested_at__isnull=False).exists()


def fall_over(render: Render, *, reason: str) -> bool:
    """Move a queued render, which no provider has, to the next offer that its customer allows."""
    if not render.fallbacks:
        return False
    following, *rest = render.fallbacks
    price = Price.objects.get(pk=following["price"])
    with transaction.atomic():
        moved = Render.objects.filter(pk=render.pk, state=RenderState.QUEUED, offer=render.offer).update(
            offer=following["offer"],
            price=price,
            fallbacks=rest,
            why=_why_moved(render),
            next_try_at=timezone.now(),
        )
        if moved:
            states.note(render, reason, detail={"from": render.offer, "to": following["offer"]})
    render.offer, render.price, render.fallbacks = following["offer"], price, rest
    return bool(moved)


def _why_moved(render: Render) -> str:
    """Why it was to go where it was sent first, and who of those would not take it; the history has every move."""
    news = f"{registry.provider_label(render.offer)} would not take it."
    whole = f"{render.why} {news}".strip()
    return whole if len(whole) <= WHY_LENGTH else news


def _unknown(claimed: Claimed, submission: Submission) -> bool:
    """Not answered is not refused: the money stays on hold and the provider is asked again."""
    render, job = claimed.render, claimed.job
    failure = submission.failure or Failure(Fault.UNKNOWN, "no_answer", "")
    _store(job, submission, outcome=Outcome.UNKNOWN, failure_code=failure.code, failure_message=failure.message)
    logger.warning("%s: not known yet whether %s took it: %s", render.pk, job.offer, failure.named)
    if render.tries == 1:
        health.note_failure(job.offer, failure, asked_at=claimed.asked_at)
    if render.tries == 8:
        raise_alert("submit_unknown", job.pk, f"{job.offer} has not said for minutes whether it took {render.pk}.")
    states.try_again(
        render,
        after=backoff(render.tries, first=2, most=120),
        reason="not known yet whether the provider took it",
        detail={"offer": job.offer, "code": failure.code, "message": failure.message},
    )
    return False


def _store(job: ProviderJob, submission: Submission, **fields: object) -> bool:
    """False for a late answer: it overwrites no verdict, and what was never sent says nothing of what was."""
    raw = {"raw": submission.raw} if submission.raw is not None else {}
    unsettled = ProviderJob.objects.filter(pk=job.pk, outcome__in=(Outcome.PENDING, Outcome.UNKNOWN))
    return bool(unsettled.filter(sent_at=job.sent_at).update(**fields, **raw))
