"""A render whose script is being spoken: priced exactly once it has been, and let into the queue; or failed with it."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from django.db import transaction
from django.utils import timezone

from avatarsite.queue.due_rows import Kind
from avatarsite.queue.sweeping import each
from billing.holds import holds
from billing.models import Hold, Price
from billing.money import charge_micros
from studio.errors import RequestRefused
from studio.media.errors import UploadRefused
from studio.models import Render, RenderState, Speech, SpeechState, Upload
from studio.pipeline.failures import fail_render
from studio.pipeline.long.plan import Plan
from studio.pipeline.long.sound import sound_of
from studio.pipeline.long.write import write_parts
from studio.pipeline.request.quote import Terms, ceiling_ms
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.scopes import scopes_of
from studio.pipeline.request.take import price_request, request_again
from studio.pipeline.states import HOLD_LIFE, advance
from studio.pipeline.watch.wake import notify_watcher
from studio.providers import registry
from studio.speech.rounds import speak_on
from studio.uploads.listening import BeingListenedTo, needs_parts

logger = logging.getLogger(__name__)

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
    if needs_parts(render.model, speech.upload.duration_ms or 0):
        return _move_whole(render, speech.upload)
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


def _move_whole(render: Render, voice: Upload) -> bool:
    """As a video of parts. It waits while its voice is listened to, which wakes it, and while no offer can be had."""
    render.voice = voice
    try:
        sound_of(voice)
        plan = price_request(request := _request_of(render), render.options)
    except UploadRefused as refusal:
        return fail_render(render, code=refusal.code, message=str(refusal), reason="its voice can't be parted")
    except BeingListenedTo:
        return False
    except RequestRefused as refusal:
        logger.warning("%s waits: %s", render.pk, refusal)
        return False
    assert isinstance(plan, Plan)  # noqa: S101 -- it needs parts
    plan = plan.within(render.ceiling_micros)
    if plan.ceiling_micros > render.ceiling_micros:
        return fail_render(render, code="voice_longer", message=LONGER, reason="its voice is longer than was held for")
    try:
        with transaction.atomic():
            _let_in_whole(render, voice, request, plan)
    except _LostError:
        return False
    return True


def _request_of(render: Render) -> RenderRequest:
    """What was asked for, at the offers and prices that were held for."""
    chain = [(render.offer, render.price_id), *((each["offer"], each["price"]) for each in render.fallbacks)]
    return replace(request_again(render, token=render.token), terms=Terms(tuple(chain), render.why))


def _let_in_whole(render: Render, voice: Upload, request: RenderRequest, plan: Plan) -> None:
    """With a hold for each part in the place of the one by the estimate."""
    holds.release_hold(render.hold, reason="priced exactly")
    render.parts_total = len(plan.parts)
    write_parts(render, request, render.options, plan, render.requested_by)
    first, *others = plan.chain
    won = advance(
        render,
        RenderState.QUEUED,
        reason="its script was spoken",
        detail={"voice_ms": voice.duration_ms, "ceiling_micros": plan.ceiling_micros, "parts": len(plan.parts)},
        voice=voice,
        parts_total=len(plan.parts),
        hold=_hold(render, 0),
        ceiling_ms=plan.ceiling_ms,
        ceiling_micros=plan.ceiling_micros,
        offer=first.offer,
        price=first.price,
        fallbacks=[{"offer": line.offer, "price": line.price.pk} for line in others if line.price],
    )
    if not won:
        raise _LostError


def _let_in(render: Render, voice: Upload, longest_ms: int, most_micros: int) -> bool:
    """With a hold of the exact price in the place of the one by the estimate."""
    with transaction.atomic():
        holds.release_hold(render.hold, reason="priced exactly")
        hold = _hold(render, most_micros)
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
        notify_watcher()
    return True


def _hold(render: Render, amount_micros: int) -> Hold:
    return holds.place_hold(
        render.workspace,
        amount_micros,
        key=f"render:{render.pk}:hold:spoken",
        subject=f"render:{render.pk}",
        deadline_at=timezone.now() + HOLD_LIFE,
        budgets=scopes_of(render.project, render.requested_by, render.token),
    )


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
