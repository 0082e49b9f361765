"""Late videos: whoever waits is told once, and may have theirs given up at a moment of their choice, for nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from avatarsite.queue.due_rows import Kind
from avatarsite.workspaces.models import User
from studio.errors import RequestRefused
from studio.models import Render, RenderState
from studio.models.renders import ALIVE
from studio.pipeline.cancel import give_up
from studio.pipeline.events import tell
from studio.pipeline.notify import file_late_notice
from studio.pipeline.states import note

LATE_EVENT = "render.late"
TOLD = "it takes longer than nine in ten there"
MIN_WAIT, MAX_WAIT = timedelta(minutes=1), timedelta(hours=24)
GIVEN_UP = "It was not ready by {:%H:%M} UTC, when it was to be given up."


def tell_late(render: Render) -> bool:
    """Tell of it once: its history, its webhooks and a mail; its page says so by itself. Of a part its whole tells."""
    now = timezone.now()
    with transaction.atomic():
        due = Render.objects.filter(pk=render.pk, state=RenderState.RENDERING, late_at__lte=now, late_told_at=None)
        if not due.update(late_told_at=now):
            return False
        whole = Render.objects.select_related("workspace", "requested_by").filter(pk=render.whole_id or render.pk).get()
        if whole != render:
            waiting = Render.objects.filter(pk=whole.pk, state=RenderState.RENDERING, late_told_at=None)
            if not waiting.update(late_at=now, late_told_at=now):
                return False
            whole.refresh_from_db(fields=["late_at", "late_told_at"])
        note(whole, TOLD, detail={"offer": render.offer})
        tell(whole, LATE_EVENT)
        file_late_notice(whole)
    return True


def wish_given_up(render: Render, moment: datetime | None, *, user: User | None) -> None:
    """Have it given up at ``moment`` if it isn't ready by then, or, without one, waited for as before.

    Raises RequestRefused.
    """
    with transaction.atomic():
        one = Render.objects.select_for_update(of=("self",)).get(pk=render.pk)
        if one.give_up_at == moment:
            return
        if moment is not None:
            _check(one, moment)
        if not Render.objects.filter(pk=one.pk, state__in=ALIVE).update(give_up_at=moment):
            raise RequestRefused("render", "give_up_ended", "This video has ended already.", "")
        who = user.get_full_name() if user else "a program"
        wish = f"given up at {moment:%H:%M} UTC if it is not ready" if moment else "waited for again"
        note(one, f"to be {wish}, by {who}")


def _check(one: Render, moment: datetime) -> None:
    now = timezone.now()
    if one.ended:
        raise RequestRefused("render", "give_up_ended", "This video has ended already.", "")
    if not one.late:
        told = "It is not late yet: nine in ten take as long."
        raise RequestRefused("render", "give_up_early", told, "Wait until it is late, or cancel it where that can be.")
    if not now + MIN_WAIT - timedelta(seconds=5) <= moment <= now + MAX_WAIT:
        told = "The moment has to be between a minute and a day from now."
        raise RequestRefused("in_seconds", "give_up_moment", told, "Choose another moment.")


def give_up_now(render: Render) -> bool:
    """Its customer's moment has come: it ends, and nothing is charged; what its provider still makes is our loss."""
    if render.give_up_at is None or render.give_up_at > timezone.now():
        return False
    message = GIVEN_UP.format(render.give_up_at)
    return give_up(render, code="given_up", message=message, reason="given up, as its customer wished")


def _late() -> QuerySet[Render]:
    return Render.objects.filter(late_told_at=None)


KINDS = (
    Kind("late", _late, at="late_at", act=tell_late, what="Telling of a late video"),
    Kind(
        "give_up",
        Render.objects.select_related("hold").all,
        at="give_up_at",
        act=give_up_now,
        what="Giving a late video up",
    ),
)
