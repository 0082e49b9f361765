"""Sweep of renders: whatever was dropped is nudged on, what has outlived its deadline is ended."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from avatarsite.queue import clock, jobs
from avatarsite.queue.due_rows import Clause, Kind
from avatarsite.queue.sweeping import BATCH, each
from billing.models import HoldState
from studio.captions.make import KIND as CAPTIONS
from studio.models import (
    Delivery,
    DeliveryState,
    JobStatus,
    OfferHealth,
    Outcome,
    ProviderJob,
    Render,
    RenderState,
    Speech,
    Whole,
)
from studio.models.renders import ENDED
from studio.pipeline.cancel import ASKED_TO_STOP, give_up, job_in_flight
from studio.pipeline.expire import delete_if_due
from studio.pipeline.failures import OVERDUE, release
from studio.pipeline.lateness import late
from studio.pipeline.long.cut import drop_cuts
from studio.pipeline.states import note
from studio.pipeline.watch.rows import work_left
from studio.providers import registry

logger = logging.getLogger(__name__)

SETTLED_LATE = timedelta(seconds=30)
STOPS = 3  # times a provider is asked to stop what is overdue
STOP_PATIENCE = timedelta(minutes=5)  # after each of them


def register_patience() -> None:
    """How long we wait for whom, beside the due rows."""
    clock.register_patience(Render, "deadline_at", "late_at")
    clock.register_patience(Speech, "deadline_at")
    clock.register_patience(ProviderJob, "next_check_at")
    clock.register_patience(OfferHealth, "open_until")


def end_overdue(render: Render) -> bool:
    """Fail a render whose state has outlived its deadline; a late video is our loss, never the customer's.

    Where the provider can stop it, it's asked to first, a few times: what is still made would cost us.
    """
    if render.deadline_at is None or render.deadline_at > timezone.now() or _ask_to_stop(render):
        return False
    reason = f"too long {render.get_state_display().lower()}"
    # If not, it has moved on, and its job is still to be watched.
    return give_up(render, code="overdue", message=OVERDUE, reason=reason)


def _ask_to_stop(render: Render) -> bool:
    """True if there is something to wait for: the provider's answer, or a video that comes before it."""
    job = job_in_flight(render.pk)
    if job is None or not registry.can_stop(job.offer):
        return False
    if render.events.filter(reason=ASKED_TO_STOP).count() >= STOPS:
        return False
    with transaction.atomic():
        put_off = Render.objects.filter(pk=render.pk, state=RenderState.RENDERING, deadline_at=render.deadline_at)
        if put_off.update(deadline_at=timezone.now() + STOP_PATIENCE):
            note(render, ASKED_TO_STOP, detail={"offer": job.offer})
            jobs.enqueue("studio.stop_overdue", render_id=render.pk)
    return True


def _watch_again() -> int:
    """Renders that wait for a job which nobody watches. Our transactions make none; a repair by hand might."""
    watched = ProviderJob.objects.filter(render=OuterRef("pk"), next_check_at__isnull=False)
    lost = Render.objects.single().filter(
        ~Exists(watched), state=RenderState.RENDERING, state_since__lt=timezone.now() - SETTLED_LATE
    )
    return sum(each(lost[:BATCH], _watch_last_job, "Watching a video again"))


def _watch_last_job(render: Render) -> bool:
    last = render.jobs.filter(outcome=Outcome.ACCEPTED).order_by("attempt").last()
    if last is None:
        return False
    logger.error("%s was waiting for %s, which nobody watched", render.pk, last.pk)
    again = {"status": JobStatus.UNKNOWN, "finished_at": None, "next_check_at": timezone.now()}
    return bool(ProviderJob.objects.filter(pk=last.pk).update(**again))


def _nudge_watch() -> int:
    if not work_left():
        return 0
    jobs.enqueue("studio.watch")
    return 1


def _release_orphans() -> int:
    """Open holds of renders that have ended. Our transactions make none; an operator's repair might."""
    orphans = Render.objects.filter(state__in=ENDED, hold__state=HoldState.OPEN).select_related("hold")
    return len(each(orphans[:BATCH], _release_orphan, "Releasing the hold of an ended video"))


def _release_orphan(render: Render) -> None:
    logger.error("%s has ended as %s with an open hold", render.pk, render.state)
    release(render, reason="found by the sweep")


def _of(*states: RenderState) -> QuerySet[Render]:
    return Render.objects.single().filter(state__in=states)


def _to_cancel() -> QuerySet[Render]:
    """Whose wish to be cancelled has been left lying; while one is rendering, it has a deadline."""
    left = timezone.now() - SETTLED_LATE
    return _of(RenderState.RENDERING).filter(deadline_at__isnull=False, cancel_requested_at__lt=left)


KINDS = (
    CAPTIONS,
    *late.KINDS,
    Kind("submit", partial(_of, RenderState.QUEUED, RenderState.SUBMITTING)),  # the watch claims them itself
    Kind("ingest", partial(_of, RenderState.INGESTING), task="studio.ingest", argument="render_id"),
    Kind("cancel", _to_cancel, at="cancel_requested_at", task="studio.cancel", argument="render_id"),
    Kind("long_video", Whole.objects.all, task="studio.whole", argument="render_id"),
    Kind(
        "deliver",
        Delivery.objects.filter(state=DeliveryState.WAITING).all,
        task="studio.deliver",
        argument="render_id",
        key="render_id",
    ),
    Kind(
        "overdue",
        Render.objects.select_related("hold").all,
        at="deadline_at",
        act=end_overdue,
        what="Ending an overdue video",
    ),
    Kind(
        "video_files",
        Render.objects.all,
        at="delete_at",
        act=delete_if_due,
        what="Deleting a video’s files on time",
        apart=True,
    ),
)
CLAUSES: dict[str, Clause] = {
    "unwatched": _watch_again,
    "watch": _nudge_watch,
    "orphan_holds": _release_orphans,
    "cuts": drop_cuts,
}
