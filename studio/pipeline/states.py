"""The states of a render, and the only code that writes them."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.dispatch import Signal
from django.utils import timezone

from avatarsite.monitoring import logs
from avatarsite.outages.answers import outage_of
from avatarsite.queue import jobs
from studio.metrics import count_move
from studio.models import Render, RenderEvent, RenderState, Whole
from studio.models.renders import ALIVE
from studio.pipeline.events import record_event

logger = logging.getLogger(__name__)

# A render that a program asked for has ended. Sent in the transaction that ends it.
ended = Signal()

S = RenderState
TRANSITIONS: dict[str, frozenset[str]] = {
    S.SPEAKING: frozenset({S.QUEUED, S.FAILED, S.CANCELLED}),
    S.QUEUED: frozenset({S.SUBMITTING, S.FAILED, S.CANCELLED}),
    # Back to the queue: no provider has accepted, and another offer or moment may.
    S.SUBMITTING: frozenset({S.QUEUED, S.RENDERING, S.FAILED, S.CANCELLED}),
    # Back to the queue: an operator sends it to another offer (operator/move.py), or the host that made it is gone.
    S.RENDERING: frozenset({S.INGESTING, S.QUEUED, S.FAILED, S.CANCELLED}),
    # Back to rendering: the copy could not be had, and the provider is asked again for where it is.
    S.INGESTING: frozenset({S.RENDERING, S.READY, S.FAILED}),
    S.READY: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
}
# Of a video of several parts: its voice is cut while it is queued, and it is rendering while one of its parts lives.
WHOLE_TRANSITIONS: dict[str, frozenset[str]] = {
    S.SPEAKING: frozenset({S.QUEUED}),
    S.QUEUED: frozenset({S.RENDERING, S.FAILED, S.CANCELLED}),
    S.RENDERING: frozenset({S.JOINING, S.FAILED, S.CANCELLED}),
    S.JOINING: frozenset({S.READY, S.FAILED}),
    S.READY: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
}

# How long each state may take before the sweep ends it and gives the money back. Long, because a provider that is
# slow still delivers, and an unknown submit that is given up at once may yet be made, and cost us.
DEADLINES: dict[str, timedelta] = {
    S.SPEAKING: timedelta(hours=3),
    S.QUEUED: timedelta(hours=24),
    # fal starts a job within 45 minutes or never, so one that was taken has ended by then and is on its list.
    S.SUBMITTING: timedelta(minutes=75),
    S.RENDERING: timedelta(hours=3),
    S.INGESTING: timedelta(hours=6),
}
# A whole that renders waits for its parts, which have deadlines of their own and end all together before it.
WHOLE_DEADLINES: dict[str, timedelta] = {
    S.QUEUED: timedelta(hours=6),
    S.RENDERING: timedelta(hours=46),
    S.JOINING: timedelta(hours=6),
}
# Longer than all states together, so that a hold never runs out under a render that lives.
HOLD_LIFE = timedelta(hours=48)


class IllegalTransition(RuntimeError):
    """Code asked for a move that is not in the table: a bug, not a race."""


def advance(render: Render, to: RenderState, *, reason: str, detail: dict[str, Any] | None = None, **also: Any) -> bool:
    """Move ``render`` from the state it was loaded in to ``to``. False if somebody else moved it first.

    Compare-and-set on the state and the number of tries; the history row and the fields in ``also`` are written in the
    same transaction. On success the instance is up to date.
    """
    was, since = render.state, render.state_since
    table, deadlines = (WHOLE_TRANSITIONS, WHOLE_DEADLINES) if render.is_whole else (TRANSITIONS, DEADLINES)
    if to not in table[was]:
        raise IllegalTransition(f"{render.id} can't go from {was} to {to}.")
    now = timezone.now()
    fields: dict[str, Any] = {
        "state": to,
        "state_since": now,
        "deadline_at": now + deadlines[to] if to in ALIVE else None,
        # The work on a whole is a row of its own.
        "next_try_at": now if to in ALIVE and not render.is_whole else None,
        "tries": 0,
        "late_at": None,
        "usual_half": None,
        "usual_most": None,
        **({} if to in ALIVE else {"finished_at": now, "give_up_at": None}),
        **({"charge_micros": _charge_of_parts(render, to)} if render.is_whole and to not in ALIVE else {}),
        **also,
    }
    with transaction.atomic(savepoint=False):  # nobody goes on in a transaction in which this has failed
        won = Render.objects.filter(pk=render.pk, state=was).update(**fields)
        if not won:
            return False
        RenderEvent.objects.create(
            render=render, from_state=was, to_state=to, reason=reason, detail=detail or {}, at=now
        )
        if to not in ALIVE and render.whole_id:
            wake_whole(render.whole_id)
        elif to not in ALIVE and render.token_id:
            ended.send(Render, render=render)  # a program may wait for word of it
        for name, value in fields.items():
            setattr(render, name, value)
        record_event(render, was=was)
        with logs.about(render=render.pk, workspace=str(render.workspace_id)):
            logger.info("%s is %s", render.pk, render.state)
        if not render.is_whole:
            count_move(render, was=was, since=since, now=now)
    return True


def _charge_of_parts(whole: Render, to: RenderState) -> int | None:
    """What was charged for those that were made for it; nothing was if it ends without a video and without any."""
    paid = Render.objects.filter(uses__whole=whole, uses__kept=False).aggregate(sum=Sum("charge_micros", default=0))
    return int(paid["sum"]) or (0 if to == RenderState.READY else None)


def wake_whole(whole_id: str) -> None:
    """One of its parts has ended, or somebody wants it to: it is looked at now."""
    Whole.objects.filter(pk=whole_id).update(next_try_at=timezone.now(), tries=0)
    jobs.enqueue("studio.whole", render_id=whole_id)


def try_again(render: Render, *, after: timedelta, reason: str, detail: dict[str, Any] | None = None) -> None:
    """Put off the present step, and say why in the history."""
    with transaction.atomic():
        if render.put_off(after):
            note(render, reason, detail=detail)


def waits_out(render: Render, error: Exception, *, doing: str) -> bool:
    """Whether a part of ours is away; then the present step is put off, and the history says why, once."""
    outage = outage_of(error)
    with transaction.atomic():
        if outage is None or not render.waits_out(error):
            return False
        reason = f"{doing} waits: the {outage.part} {outage.how}"
        last = render.events.order_by("-pk").values_list("reason", flat=True).first()
        if last != reason:
            note(render, reason, detail={"why": str(error)})
    return True


def note(render: Render, reason: str, *, detail: dict[str, Any] | None = None) -> None:
    """A line in the history that changes no state."""
    RenderEvent.objects.create(
        render=render,
        from_state=render.state,
        to_state=render.state,
        reason=reason,
        detail=detail or {},
        at=timezone.now(),
    )
