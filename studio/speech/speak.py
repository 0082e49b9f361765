"""The door of speech.

Whoever has words and wants a voice calls, in this order:

- ``speakers.speakers(test=…)``: whom one can choose from (``Speaker.id``, ``name``, ``language``);
- ``plan.plan_speech(SpeechWish(workspace, script, voice, pace, user, token))``: what it would take and cost, with
  ``estimate.ms`` (about how long) and ``ceiling_micros`` (exactly what is held and charged); it writes nothing.
  A page that counts while somebody types asks no row: ``estimate.estimate(read_script(text), speaker.rate, pace=…)``;
- ``speak(wish, budgets=scopes_of(project, user, token))``: the speech, at once. It is spoken by a task; the row's
  ``state`` goes from ``speaking`` to ``ready`` (then ``upload`` is the voice, with ``script`` and ``sentences``) or to
  ``failed`` (``failure_message`` says why, nothing was charged). The same words, voice, pace and pronunciations again
  are the same speech: free, and usually ready at once. ``speak_now`` waits, for commands and tests.

RequestRefused names field and remedy of what can't be; credit and budgets refuse as they do for a render.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from avatarsite.queue import jobs, lease
from avatarsite.workspaces.models import Workspace
from billing.holds import holds
from studio.errors import RequestRefused
from studio.models import Speech, SpeechPart, SpeechState
from studio.models.speech import speech_id
from studio.speech import rounds
from studio.speech.plan import SpeechPlan, SpeechWish, pause_behind, plan_speech
from studio.speech.rounds import SPEAK_HERE
from studio.speech.speakers import engine

DEADLINE = timedelta(hours=2)
HOLD_LIFE = timedelta(hours=6)
MAX_SPEAKING = 500  # speeches of a workspace that wait at once


def speak(
    wish: SpeechWish, *, budgets: Sequence[str] = (), plan: SpeechPlan | None = None, max_micros: int | None = None
) -> Speech:
    """Have it spoken, or find it where it has been. The row, its hold and its place in the queue are one transaction.

    ``plan`` is that of ``plan_speech``, if it is at hand. Raises RequestRefused, holds.InsufficientCredit,
    holds.WalletFrozen or holds.BudgetReached; then nothing is held.
    """
    plan = plan or plan_speech(wish)
    if known := spoken_before(wish.workspace, plan):
        return known
    if max_micros is not None and plan.ceiling_micros > max_micros:
        found = "Speaking it costs more than you allow."
        raise RequestRefused("max_amount_micros", "price_changed", found, "Look at the price again, or allow more.")
    _check_room(wish.workspace)
    try:
        with transaction.atomic():
            return _write(wish, plan, budgets)
    except IntegrityError:
        # Somebody else asked for the same at once, and has committed by now.
        if known := spoken_before(wish.workspace, plan):
            return known
        raise


def spoken_before(workspace: Workspace, plan: SpeechPlan) -> Speech | None:
    """The same speech, when its voice is kept or on its way."""
    same = Speech.objects.for_workspace(workspace).filter(digest=plan.digest).exclude(state=SpeechState.FAILED)
    return same.exclude(state=SpeechState.READY, upload=None).order_by("pk").last()


def speak_now(wish: SpeechWish, *, budgets: Sequence[str] = ()) -> Speech:
    """As ``speak``, spoken in this process before it returns."""
    speech = speak(wish, budgets=budgets)
    while not speech.ended:
        if not rounds.speak_on(speech.pk):
            time.sleep(engine(speech.speaker.partition(":")[0]).check_seconds / 4)
        speech = Speech.objects.get(pk=speech.pk)
    return speech


def _check_room(workspace: Workspace) -> None:
    waiting = Speech.objects.for_workspace(workspace).filter(state=SpeechState.SPEAKING).count()
    if waiting >= MAX_SPEAKING:
        found = f"{waiting} scripts of this workspace wait to be spoken, which is as many as may."
        raise RequestRefused("script", "too_many_speeches", found, "Wait until some of them have been.")


def _write(wish: SpeechWish, plan: SpeechPlan, budgets: Sequence[str]) -> Speech:
    now = timezone.now()
    speech = Speech(
        id=speech_id(),
        workspace=wish.workspace,
        requested_by=wish.user,
        token=wish.token,
        script=wish.script,
        speaker=plan.speaker.id,
        pace=plan.pace,
        digest=plan.digest,
        price=plan.price,
        ceiling_micros=plan.ceiling_micros,
        deadline_at=now + DEADLINE,
        next_try_at=now,
    )
    if plan.price:
        speech.hold = holds.place_hold(
            wish.workspace,
            plan.ceiling_micros,
            key=f"speech:{speech.pk}:hold",
            subject=f"speech:{speech.pk}",
            deadline_at=now + HOLD_LIFE,
            budgets=budgets,
        )
    speech.save(force_insert=True)
    SpeechPart.objects.bulk_create(
        SpeechPart(
            speech=speech,
            number=number,
            sentences=[one.line.sentence for one in part if one.said],
            said=[one.said for one in part if one.said],
            pause_ms=pause_behind(part, last=number == len(plan.parts)),
        )
        for number, part in enumerate(plan.parts, 1)
    )
    if engine(plan.speaker.engine).on_this_server:
        lease.wake(SPEAK_HERE)
    else:
        jobs.enqueue("studio.speak", speech_id=speech.pk)
    return speech
