"""Cancellation of a render, and the truth about the money before anybody confirms it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from avatarsite.queue import jobs
from avatarsite.workspaces.models import User
from billing.money import usd_at_most
from studio.models import JobStatus, Outcome, ProviderJob, Render, RenderState
from studio.models.jobs import ENDED_STATUSES
from studio.models.renders import ALIVE, ENDED
from studio.pipeline.failures import OVERDUE, fail_render, release
from studio.pipeline.long.tally import parts_of, tally_of
from studio.pipeline.notify import file_notice
from studio.pipeline.orders import handle_of
from studio.pipeline.states import advance, note, wake_whole
from studio.pipeline.watch.wake import notify_watcher
from studio.providers import http, registry
from studio.providers.types import CancelAnswer, ProviderError

logger = logging.getLogger(__name__)

UNSENT = (RenderState.SPEAKING, RenderState.QUEUED)
LOOKS = 3
ANSWERED = "the provider's answer to the cancel: "
TOO_LATE = [f"{ANSWERED}{answer}" for answer in (CancelAnswer.TOO_LATE, CancelAnswer.IMPOSSIBLE)]
INSTEAD = " Now that it is late, it can be given up at a moment of your choice, for nothing."
ASKED_TO_STOP = "overdue; the provider is asked to stop"


@dataclass(frozen=True, slots=True)
class CancelTerms:
    """Whether a render can be stopped now, and what that does to the money.

    ``too_late`` is after its provider was asked and could not stop it any more.
    """

    possible: bool
    sentence: str
    too_late: bool = False


def cancel_terms(render: Render) -> CancelTerms:
    held = usd_at_most(render.ceiling_micros)
    if render.ended:
        return CancelTerms(possible=False, sentence="This video has ended already.")
    if render.cancel_requested_at and not is_stopping(render):
        sentence = f"The provider can't stop it any more. If a video comes of it, you get it and pay at most {held}."
        sentence += INSTEAD if render.late else ""
        return CancelTerms(possible=False, sentence=sentence, too_late=True)
    if render.cancel_requested_at:
        return CancelTerms(possible=False, sentence="It is being stopped.")
    if render.is_whole:
        return _terms_of_whole(render)
    if render.state in UNSENT:
        return CancelTerms(possible=True, sentence=f"Nothing has been sent yet. All {held} that is held comes back.")
    if render.state == RenderState.INGESTING:
        return CancelTerms(possible=False, sentence="The provider has finished it; it will be here in a moment.")
    if not registry.can_stop(render.offer):
        sentence = f"The provider can't stop a video that it has taken. You will get it, and pay at most {held}."
        sentence += INSTEAD if render.late else ""
        return CancelTerms(possible=False, sentence=sentence)
    stopped = f"The provider is asked to stop. If it does, all {held} that is held comes back;"
    return CancelTerms(
        possible=True, sentence=f"{stopped} if it has finished by then, you get the video and pay for it."
    )


def _terms_of_whole(render: Render) -> CancelTerms:
    if render.state == RenderState.JOINING:
        return CancelTerms(possible=False, sentence="All its parts are made; it will be here in a moment.")
    held = usd_at_most(render.ceiling_micros)
    if not parts_of(render).filter(jobs__isnull=False).exists():
        return CancelTerms(possible=True, sentence=f"Nothing has been sent yet. All {held} that is held comes back.")
    sentence = (
        "Its parts are stopped, and what is held for them comes back. A part that is made by then is kept and paid."
    )
    return CancelTerms(possible=True, sentence=sentence)


def is_stopping(render: Render) -> bool:
    """Whether it has been asked to stop, still may, and has not ended; not once its provider could not any more."""
    asked = render.cancel_requested_at is not None and not render.ended
    return asked and not render.events.filter(reason__in=TOO_LATE).exists()


def request_cancel(render: Render, *, user: User | None) -> bool:
    """Stop the render, or pass the request on to its provider. False if that is not possible (any more)."""
    who = user.get_full_name() if user else "the server"
    if render.is_whole:
        return _cancel_whole(render, user, who)
    for _ in range(LOOKS):
        if not cancel_terms(render).possible:
            return False
        if render.state in UNSENT and finish_cancelled(render, reason=f"cancelled by {who}"):
            return True
        if _pass_on(render, who):
            return True
        # It has moved on, perhaps back to the queue: what is possible is another question now.
        render.refresh_from_db()
    return False


def _cancel_whole(whole: Render, user: User | None, who: str) -> bool:
    """Stop its parts; it ends once the last of them has. If all are made by then, it is joined."""
    if not cancel_terms(whole).possible:
        return False
    with transaction.atomic():
        states = (RenderState.QUEUED, RenderState.RENDERING)
        asked = Render.objects.filter(pk=whole.pk, state__in=states, cancel_requested_at=None)
        if not asked.update(cancel_requested_at=timezone.now()):
            return False
        whole.refresh_from_db()
        note(whole, f"cancel asked for by {who}")
        wake_whole(whole.pk)
    stop_parts(whole, user=user)
    if not parts_of(whole).exclude(state=RenderState.CANCELLED).exists():
        finish_cancelled(whole, reason=f"cancelled by {who}")
    return True


def stop_parts(whole: Render, *, user: User | None = None) -> None:
    """Have those stopped that still can be; the others are made, kept and paid."""
    for part in parts_of(whole).filter(state__in=ALIVE).select_related("hold").order_by("-pk"):
        request_cancel(part, user=user)


def _pass_on(render: Render, who: str) -> bool:
    """Store the request for one whose render is at a provider, or on the way there."""
    with transaction.atomic():
        requested = Render.objects.filter(
            pk=render.pk, state__in=(RenderState.SUBMITTING, RenderState.RENDERING), cancel_requested_at=None
        ).update(cancel_requested_at=timezone.now())
        if requested:
            render.refresh_from_db()
            note(render, f"cancel asked for by {who}")
            jobs.enqueue("studio.cancel", render_id=render.pk)
    return bool(requested)


def cancel_at_provider(render_id: str) -> bool:
    """Pass a stored request on. A render that is being sent is cancelled by the submit step, once it's accepted."""
    job = job_in_flight(render_id)
    return job is not None and job.render.cancel_requested_at is not None and _stop(job)


def stop_overdue(render_id: str) -> bool:
    """Stop a render that took longer than we wait for one, if it may be stopped and nobody has done so before.

    Its money goes back once the provider says that nothing will come; a video that has come meanwhile is fetched.
    """
    job = job_in_flight(render_id)
    return job is not None and was_asked_to_stop(job.render) and _stop(job)


def job_in_flight(render_id: str) -> ProviderJob | None:
    """The job that a provider is at for this render."""
    jobs_there = ProviderJob.objects.select_related("render__hold").filter(
        render_id=render_id,
        render__state=RenderState.RENDERING,
        outcome=Outcome.ACCEPTED,
        next_check_at__isnull=False,
    )
    return jobs_there.order_by("attempt").last()


def was_asked_to_stop(render: Render) -> bool:
    return render.events.filter(reason=ASKED_TO_STOP).exists()


def end_stopped(render: Render) -> bool:
    """The provider has stopped it: because its customer asked for it, or because nobody waits for it any more."""
    if render.cancel_requested_at is None and was_asked_to_stop(render):
        return fail_render(render, code="overdue", message=OVERDUE, reason="too long rendering, and stopped")
    return finish_cancelled(render, reason="the provider stopped it")


def give_up(render: Render, *, code: str, message: str, reason: str) -> bool:
    """Fail it and give its hold back, whoever has it. Where a provider does, it's asked to stop: it would cost us.

    Of a long video so do its parts that live; those that were made are kept, and the customer reads what they cost.
    """
    with transaction.atomic():
        if render.is_whole:
            for part in parts_of(render).filter(state__in=ALIVE).select_related("hold"):
                give_up(part, code=code, message=message, reason=reason)
            message = f"{message} {tally_of(render)}"
        if not fail_render(render, code=code, message=message, reason=reason):
            return False
        for job in render.jobs.filter(outcome=Outcome.ACCEPTED, next_check_at__isnull=False):
            leave(job)
    return True


def leave(job: ProviderJob) -> None:
    """Watch it no longer, and have its provider asked to stop, within the caller's transaction."""
    ProviderJob.objects.filter(pk=job.pk).update(next_check_at=None)
    jobs.enqueue("studio.abandon", job_id=job.pk)


def abandon(job_id: str) -> bool:
    """Ask the provider to stop what nobody waits for any more. True if it has; what it makes is a loss of ours."""
    gone = Q(render__state__in=ENDED) | ~Q(offer=F("render__offer"))  # ended, or sent elsewhere
    left = ProviderJob.objects.select_related("render").filter(
        gone, pk=job_id, outcome=Outcome.ACCEPTED, next_check_at=None
    )
    job = left.exclude(status__in=ENDED_STATUSES).first()
    if job is None or not registry.can_stop(job.offer) or (answer := _asked_to_stop(job)) is None:
        return False
    note(job.render, f"the provider's answer to the cancel: {answer}")
    stopped = {"status": JobStatus.CANCELLED, "finished_at": timezone.now()}
    return answer is CancelAnswer.CANCELLED and bool(left.exclude(status__in=ENDED_STATUSES).update(**stopped))


def _stop(job: ProviderJob) -> bool:
    answer = _asked_to_stop(job)
    return answer is not None and _record(job, answer)


def _asked_to_stop(job: ProviderJob) -> CancelAnswer | None:
    try:
        return http.run(registry.provider_of(job.offer).cancel, handle_of(job))
    except ProviderError as error:
        logger.warning("%s: cancel did not reach %s: %s", job.render_id, job.offer, error.failure.named)
        return None


def _record(job: ProviderJob, answer: CancelAnswer) -> bool:
    with transaction.atomic():
        if answer is CancelAnswer.CANCELLED:
            # A report that came first counts: the video that it speaks of is fetched and paid for.
            return _close(job) and end_stopped(job.render)
        # Whatever else it said, the next check is what counts, and it is due now.
        ProviderJob.objects.filter(pk=job.pk, next_check_at__isnull=False).update(next_check_at=timezone.now())
        note(job.render, f"{ANSWERED}{answer}")
        notify_watcher()
    return False


def _close(job: ProviderJob) -> bool:
    return bool(
        ProviderJob.objects.filter(pk=job.pk, next_check_at__isnull=False)
        .exclude(status__in=ENDED_STATUSES)
        .update(status=JobStatus.CANCELLED, finished_at=timezone.now(), next_check_at=None)
    )


def finish_cancelled(render: Render, *, reason: str) -> bool:
    """End the render as cancelled and give the hold back, in one transaction."""
    with transaction.atomic():
        won = advance(render, RenderState.CANCELLED, reason=reason)
        if won:
            release(render, reason="cancelled")
            file_notice(render)
    return won
