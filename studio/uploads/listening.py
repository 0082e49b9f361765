"""Listening to long voices: asked for here by a row and a task, since it takes too long for a request of the web.

What is heard are the stretches that a voice is cut into, by ``studio/pipeline/long/sound.py``.
"""

from __future__ import annotations

import math
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from avatarsite.errors import DomainError
from avatarsite.queue import jobs
from studio.media.voices.voices import MAX_AT_ONCE_MS
from studio.models import Listening, Upload, UploadKind
from studio.providers import registry

TASK = "studio.listen"
# As an hour of sound took 18 s on two quiet cores, and 49 s on busy ones.
SHARE = 0.01
MIN_SECONDS, MIN_RETRY_SECONDS = 5, 2
REFUSED_FOR = timedelta(hours=1)  # then it may be something else that was wrong


class BeingListenedTo(DomainError):
    """Nobody knows yet which parts a voice has, and so what it costs; ``retry_after`` says when somebody will."""

    def __init__(self, listening: Listening) -> None:
        seconds = seconds_for(listening.voice)
        gone = (timezone.now() - listening.asked_at).total_seconds()
        super().__init__(
            "voice_being_heard",
            f"The voice is being listened to, which takes about {seconds} seconds. The price follows.",
            field="voice",
            remedy="Ask again then.",
            retry_after=max(math.ceil(seconds - gone), MIN_RETRY_SECONDS),
        )


def needs_parts(model: str, voice_ms: int) -> bool:
    """Whether a voice is too long for every offer of the model."""
    offers = registry.offers_of(model)
    limits = [registry.provider(offer.provider).capabilities.voice_ms[1] for offer in offers]
    return voice_ms > min(MAX_AT_ONCE_MS, max(limits, default=MAX_AT_ONCE_MS))


def seconds_for(voice: Upload) -> int:
    """About as long as it takes, in fives."""
    return max(math.ceil((voice.duration_ms or 0) / 1000 * SHARE / 5) * 5, MIN_SECONDS)


def listen_ahead(voice: Upload) -> None:
    """Have a new voice listened to before anybody asks for its price, if a model needs it in parts."""
    if voice.kind == UploadKind.VOICE and any(needs_parts(model, voice.duration_ms or 0) for model in registry.MODELS):
        ask_to_listen(voice)


def ask_to_listen(voice: Upload) -> Listening:
    """The row of a voice that is to be listened to; whoever asks while it is, asks for nothing more.

    In a transaction that ends with a refusal it is undone, so whoever begins one asks before it.
    """
    now = timezone.now()
    with transaction.atomic():
        row, is_new = Listening.objects.get_or_create(voice=voice, defaults={"asked_at": now, "next_try_at": now})
        again = row.next_try_at is None and row.write(tries=0, next_try_at=now, asked_at=now, refused={})
        if is_new or again:
            jobs.enqueue(TASK, voice_id=voice.pk)
    return row
