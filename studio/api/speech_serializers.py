"""Serializers of speech. Each is both the answer and its documentation."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from avatarsite.api.serializers import site_link
from billing.api.money import Money, money
from billing.prices import price_book
from studio.api.serializers import FailureSerializer, UploadSerializer
from studio.models import Speech, SpeechState
from studio.providers.speech import Speaker
from studio.speech.plan import SpeechPlan
from studio.speech.speakers import engine

Serializer = serializers.Serializer[Any]


class SpeakerSerializer(Serializer):
    id = serializers.CharField(help_text="To be sent as `voice`.")
    name = serializers.CharField()
    language = serializers.CharField(help_text="Of the words that it speaks well, such as en-US.")
    engine = serializers.SerializerMethodField(help_text="Who speaks: this server, or a provider.")
    price = serializers.SerializerMethodField(help_text="Of one generation; of this server’s own voices nothing.")
    generation_characters = serializers.SerializerMethodField(
        help_text="At most so many go into one generation, by whole sentences; a [pause] ends one."
    )
    paces = serializers.SerializerMethodField(help_text="The slowest and the fastest pace.")
    preview_url = serializers.SerializerMethodField(help_text="A sample; it needs a token.")

    def get_engine(self, speaker: Speaker) -> str:
        return engine(speaker.engine).label

    @extend_schema_field(Money(allow_null=True))
    def get_price(self, speaker: Speaker) -> dict[str, Any] | None:
        mouth = engine(speaker.engine)
        price = None if mouth.on_this_server else price_book.current_price(mouth.offer)
        return money(price.price_micros_per_second if price else 0, "price")

    def get_generation_characters(self, speaker: Speaker) -> int:
        return engine(speaker.engine).max_characters

    @extend_schema_field({"type": "array", "items": {"type": "number"}})
    def get_paces(self, speaker: Speaker) -> list[float]:
        return list(engine(speaker.engine).paces)

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_preview_url(self, speaker: Speaker) -> str:
        return site_link(reverse("api_voice_sample", kwargs={"speaker": speaker.id}))


class SpeechSerializer(Serializer):
    id = serializers.CharField()
    state = serializers.ChoiceField(choices=SpeechState.values)
    script = serializers.CharField()
    voice = serializers.CharField(source="speaker")
    pace = serializers.FloatField()
    ceiling = Money(source="ceiling_micros", help_text="What is held for it, and charged when it is ready.")
    charge = Money(source="charge_micros", allow_null=True, help_text="What was charged; null before it is ready.")
    upload = UploadSerializer(allow_null=True, help_text="The voice, once it is ready; null if it was deleted since.")
    failure = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, speech: Speech) -> dict[str, str] | None:
        if speech.state != SpeechState.FAILED:
            return None
        return {"code": speech.failure_code, "message": speech.failure_message}


class SpeechPlanSerializer(Serializer):
    voice = serializers.CharField()
    pace = serializers.FloatField()
    characters = serializers.IntegerField(help_text="Of what is said, pauses aside.")
    estimate_ms = serializers.IntegerField(help_text="About how long it takes to say.")
    longest_ms = serializers.IntegerField(help_text="For how much of a video is held until it is spoken.")
    generations = serializers.IntegerField()
    ceiling = Money(help_text="What speaking it costs.")
    kept = serializers.BooleanField(help_text="Whether the same was spoken before: then it costs nothing.")


class PronunciationSerializer(Serializer):
    id = serializers.CharField()
    word = serializers.CharField()
    said = serializers.CharField()
    created_at = serializers.DateTimeField()


def serialize_speech(speech: Speech) -> dict[str, Any]:
    return dict(SpeechSerializer(speech).data)


def serialize_plan(plan: SpeechPlan, *, kept: bool) -> dict[str, Any]:
    told = {
        "voice": plan.speaker.id,
        "pace": plan.pace,
        "characters": plan.estimate.characters,
        "estimate_ms": plan.estimate.ms,
        "longest_ms": plan.estimate.most_ms,
        "generations": plan.generations,
        "ceiling": 0 if kept else plan.ceiling_micros,
        "kept": kept,
    }
    return dict(SpeechPlanSerializer(told).data)
