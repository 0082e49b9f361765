"""A render whose script is being spoken: priced exactly once it has been, and let into the queue; or failed with it."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.utils import timezone

from avatarsite.queue import jobs
from avatarsite.queue.due_rows import Kind
from avatarsite.queue.sweeping import each
from billing.holds import holds
from billing.models import Price
from billing.money import charge_micros
from studio.models import Render, RenderState, Speech, SpeechState, Upload
from studio.pipeline.failures import fail_render
from studio.pipeline.request.quote import ceiling_ms
from studio.pipeline.request.scopes import scopes_of
from studio.pipeline.states import HOLD_LIFE, advance
from studio.providers import registry
from studio.speech.rounds import speak_on

LONGER = "The voice came out longer than its price was held for. It is kept: ask for the video again, with this voice."
GONE = "Its voice was deleted before the video was begun."
WHAT = "Moving a video on whose script was spoken"


class _LostError(Exception):
    """Somebody else has moved it first; nothing is written."""


def speak_and_move_on(speech_id: str) -> bool:
    """One round of a speech, and its renders if that was the last. True if it was ours to do."""
    done = speak_on(speech_id)
    move_on(speech_id)
    return done


def move_on(speech_id: str) -> None:
    """Let the renders of a speech that has ended into the queue, or end them with it. Safe to repeat, and at once."""
    speech = Speech.objects.select_related("upload").filter(pk=speech_id).first()
    if speech is None or not speech.ended:
        return
    waiting = Render.objects.filter(speech=speech, state=RenderState.SPEAKING)
    each(
        waiting.select_related("workspace", "project", "requested_by", "token", "hold", "price"),
        partial(_move, speech),
        WHAT,
    )


def _move(speech: Speech, render: Render) -> bool:
    if speech.state == SpeechState.FAILED:
        return fail_render(
            render, code=speech.failure_code, message=speech.failure_message, reason="its script could not be spoken"
        )
    if speech.upload is None:
        return fail_render(render, code="voice_gone", message=GONE, reason="its voice is gone")
    longest_ms, most_micros = exact_ceiling(render, speech.upload)
    if most_micros > render.ceiling_micros:
        return fail_render(render, code="voice_longer", message=LONGER, reason="its voice is longer than was held for")
    try:
        return _let_in(render, speech.upload, longest_ms, most_micros)
    except _LostError:
        return False


def exact_ceiling(render: Render, voice: Upload) -> tuple[int, int]:
    """The longest output and the most that is charged, over every offer that may make it; at the quoted prices."""
    prices = Price.objects.in_bulk([render.price_id, *(each["price"] for each in render.fallbacks)])
    chain = [(render.offer, render.price_id), *((each["offer"], each["price"]) for each in render.fallbacks)]
    found = [
        (longest, charge_micros(longest, prices[price].price_micros_per_second))
        for offer, price in chain
        for longest in [ceiling_ms(voice.duration_ms or 0, registry.provider_of(offer).capabilities.output_step)]
    ]
    return max(longest for longest, _ in found), max(most for _, most in found)


def _let_in(render: Render, voice: Upload, longest_ms: int, most_micros: int) -> bool:
    """With a hold of the exact price in the place of the one by the estimate."""
    with transaction.atomic():
        holds.release_hold(render.hold, reason="priced exactly")
        hold = holds.place_hold(
            render.workspace,
            most_micros,
            key=f"render:{render.pk}:hold:spoken",
            subject=f"render:{render.pk}",
            deadline_at=timezone.now() + HOLD_LIFE,
            budgets=scopes_of(render.project, render.requested_by, render.token),
        )
        won = advance(
            render,
            RenderState.QUEUED,
            reason="its script was spoken",
            detail={"voice_ms": voice.duration_ms, "ceiling_micros": most_micros},
            voice=voice,
            hold=hold,
            ceiling_ms=longest_ms,
            ceiling_micros=most_micros,
        )
        if not won:
            raise _LostError
        jobs.enqueue("studio.watch")
    return True


KINDS = (
    Kind(
        "spoken",
        Render.objects.filter(
            state=RenderState.SPEAKING, speech__state__in=(SpeechState.READY, SpeechState.FAILED)
        ).all,
        task="studio.spoken",
        argument="speech_id",
        key="speech_id",
    ),
)
