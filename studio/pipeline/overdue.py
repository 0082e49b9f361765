"""The sweep of renders: finds whatever was dropped, nudges it on, and ends what has outlived its deadline."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from avatarsite.inbox.receive import due_events
from avatarsite.queue import jobs
from avatarsite.queue.sweeping import each, run_clauses
from billing.models import HoldState
from studio.models import JobStatus, Outcome, ProviderJob, Render, RenderState
from studio.models.renders import ALIVE, ENDED
from studio.pipeline.cancel import ASKED_TO_STOP, can_stop, give_up, job_in_flight
from studio.pipeline.deliver import due_deliveries
from studio.pipeline.expire import delete_due_files
from studio.pipeline.failures import OVERDUE, release
from studio.pipeline.states import note
from studio.pipeline.watch.rows import work_left

logger = logging.getLogger(__name__)

BATCH = 200  # rows of each kind in one sweep
SETTLED_LATE = timedelta(seconds=30)
STOPS = 3  # times a provider is asked to stop what is overdue
STOP_PATIENCE = timedelta(minutes=5)  # after each of them


def sweep() -> dict[str, int]:
    """Nudge everything that is due. Each clause is one indexed query with a limit; returns how many of each."""
    found = run_clauses(CLAUSES, "The sweep of renders")
    if sum(found.values()):
        logger.info("sweep: %s", ", ".join(f"{name} {count}" for name, count in found.items() if count))
    return found


def _end_overdue() -> int:
    overdue = Render.objects.filter(state__in=ALIVE, deadline_at__lt=timezone.now()).select_related("hold")
    return sum(each(overdue[:BATCH], end_overdue, "Ending an overdue video"))


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
    if job is None or not can_stop(job.offer):
        return False
    if render.events.filter(reason=ASKED_TO_STOP).count() >= STOPS:
        return False
    with transaction.atomic():
        put_off = Render.objects.filter(pk=render.pk, state=RenderState.RENDERING, deadline_at=render.deadline_at)
        if put_off.update(deadline_at=timezone.now() + STOP_PATIENCE):
            note(render, ASKED_TO_STOP, detail={"offer": job.offer})
            jobs.enqueue("studio.stop_overdue", render_id=render.pk)
    return True


def _nudge_ingests() -> int:
    return _nudge(_due(RenderState.INGESTING), "studio.ingest")


def _nudge_cancels() -> int:
    requested = Render.objects.filter(
        state=RenderState.RENDERING, cancel_requested_at__lt=timezone.now() - SETTLED_LATE
    )
    return _nudge(requested, "studio.cancel")


def _watch_again() -> int:
    """Renders that wait for a job which nobody watches. Our transactions make none; a repair by hand might."""
    watched = ProviderJob.objects.filter(render=OuterRef("pk"), next_check_at__isnull=False)
    lost = Render.objects.filter(
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


def _nudge_deliveries() -> int:
    ids = due_deliveries()
    for render_id in ids:
        jobs.enqueue("studio.deliver", render_id=render_id)
    return len(ids)


def _nudge_inbound_events() -> int:
    ids = due_events()
    for event_pk in ids:
        jobs.enqueue("avatarsite.handle_event", event_pk=event_pk)
    return len(ids)


def _due(*states: RenderState) -> QuerySet[Render]:
    return Render.objects.filter(state__in=states, next_try_at__lte=timezone.now()).order_by("next_try_at")


def _nudge(renders: QuerySet[Render], task: str) -> int:
    ids = list(renders.values_list("pk", flat=True)[:BATCH])
    for render_id in ids:
        jobs.enqueue(task, render_id=render_id)
    return len(ids)


CLAUSES: dict[str, Callable[[], int]] = {
    "overdue": _end_overdue,
    "ingest": _nudge_ingests,
    "cancel": _nudge_cancels,
    "unwatched": _watch_again,
    "watch": _nudge_watch,
    "orphan holds": _release_orphans,
    "deliveries": _nudge_deliveries,
    "files to delete": delete_due_files,
    "inbound events": _nudge_inbound_events,
}
