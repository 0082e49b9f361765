"""Voices from words: speakers with a sample each, scripts spoken into uploads, and how a workspace's words are said."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from avatarsite.api.pagination import listed
from avatarsite.api.serializers import NoQuery, list_serializer
from avatarsite.api.views import ApiView, LeadsToFile
from avatarsite.web.places import NoPlace, Place
from studio.api import resolve
from studio.api.inputs import PronunciationInput, SpeechInput, WaitQuery
from studio.api.renders import PAYMENT, RenderView
from studio.api.speech_serializers import (
    PronunciationSerializer,
    SpeakerSerializer,
    SpeechPlanSerializer,
    SpeechSerializer,
    serialize_plan,
    serialize_speech,
)
from studio.api.waiting import until_spoken
from studio.models import Pronunciation, Speech
from studio.pipeline.request.consent import demand_no_consent
from studio.pipeline.request.scopes import scopes_of
from studio.speech.plan import plan_speech
from studio.speech.pronunciations import pronounce, pronunciations_of
from studio.speech.samples import content_type_of, sample_of
from studio.speech.speak import speak, spoken_before
from studio.speech.speakers import speaker_of, speakers

TAGS = ["Voices"]


class Voices(RenderView):
    @extend_schema(
        operation_id="list_voices",
        tags=TAGS,
        summary="List the voices that scripts can be spoken by",
        responses=list_serializer(SpeakerSerializer),
    )
    def get(self, _request: Any) -> Response:
        self.query(NoQuery)
        return Response(listed([SpeakerSerializer(one).data for one in speakers(test=self.token.test)]))

    @extend_schema(
        operation_id="create_voice",
        tags=TAGS,
        summary="Have a script spoken",
        description="The answer is 201 when the voice is there, as it is for words that were spoken before, and 202 "
        "while it is being spoken: then follow it by its `id`. What it costs is held at once; a script that can’t be "
        "spoken costs nothing. With `dry_run` the answer is 200 and says what it would take and cost; nothing is held.",
        parameters=[WaitQuery],
        request=SpeechInput,
        responses=PAYMENT | {200: SpeechPlanSerializer, 201: SpeechSerializer, 202: SpeechSerializer},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        seconds = self.query(WaitQuery)["wait"]
        asked = self.body(SpeechInput)
        wish = resolve.speech_wish_of(self.token, asked)
        plan = plan_speech(wish)
        if asked.get("dry_run"):
            return Response(serialize_plan(plan, kept=spoken_before(self.workspace, plan) is not None))
        most, budgets = asked.get("max_amount_micros"), scopes_of(None, self.user, self.token)

        def operation() -> Response:
            if not spoken_before(self.workspace, plan):
                demand_no_consent(self.token, plan.ceiling_micros)
            return _answer(speak(wish, budgets=budgets, plan=plan, max_micros=most))

        answer = self.asking(operation)
        if answer.status_code != 202 or not seconds or not isinstance(answer, Response):
            return answer
        speech = get_object_or_404(_speeches(self.workspace), pk=answer.data["id"])
        with suppress(NoPlace):  # then as it stands, at once
            return _answer(until_spoken(speech, seconds=seconds))
        return answer


class OneVoice(ApiView):
    @extend_schema(
        operation_id="get_voice",
        tags=TAGS,
        summary="Get a script’s voice, or wait for it",
        parameters=[WaitQuery],
        responses=SpeechSerializer,
    )
    def get(self, _request: Any, speech: str) -> Response:
        asked = self.query(WaitQuery)
        row = get_object_or_404(_speeches(self.workspace), pk=speech)
        if asked["wait"] and not row.ended:
            with suppress(NoPlace):
                row = until_spoken(row, seconds=asked["wait"])
        return Response(serialize_speech(row))


class VoiceSample(ApiView):
    content_negotiation_class = LeadsToFile

    @extend_schema(
        operation_id="get_voice_sample",
        tags=TAGS,
        summary="Hear a voice",
        description="A short sample, as WAV or MP3.",
        responses={200: OpenApiResponse(description="The sound.")},
    )
    def get(self, _request: Any, speaker: str) -> HttpResponseBase:
        self.query(NoQuery)
        known = {one.id: one for one in speakers()}
        if speaker not in known:
            raise Http404
        with Place(self.workspace.pk):
            path = sample_of(speaker_of(speaker))
        return HttpResponse(path.read_bytes(), content_type=content_type_of(path))


class Pronunciations(ApiView):
    @extend_schema(
        operation_id="list_pronunciations",
        tags=TAGS,
        summary="List how the workspace’s words are said",
        responses=list_serializer(PronunciationSerializer),
    )
    def get(self, _request: Any) -> Response:
        self.query(NoQuery)
        return Response(listed([PronunciationSerializer(row).data for row in pronunciations_of(self.workspace)]))

    @extend_schema(
        operation_id="set_pronunciation",
        tags=TAGS,
        summary="Say how a word is said",
        description="In every script that is spoken from now on; a word that was there before is said anew.",
        request=PronunciationInput,
        responses={201: PronunciationSerializer},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.body(PronunciationInput)

        def operation() -> Response:
            row = pronounce(self.workspace, asked["word"], asked["said"])
            return Response(PronunciationSerializer(row).data, status=201)

        return self.run_once(operation)


class OnePronunciation(ApiView):
    @extend_schema(
        operation_id="delete_pronunciation",
        tags=TAGS,
        summary="Say a word as it is written again",
        responses={204: None},
    )
    def delete(self, _request: Any, pronunciation: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(Pronunciation.objects.for_workspace(self.workspace), pk=pronunciation)

        def operation() -> Response:
            row.delete()
            return Response(status=204)

        return self.run_once(operation)


def _speeches(workspace: Any) -> QuerySet[Speech]:
    return Speech.objects.for_workspace(workspace).select_related("upload")


def _answer(speech: Speech) -> Response:
    location = reverse("api_voice", kwargs={"speech": speech.pk})
    status = 202 if not speech.ended else 201
    return Response(serialize_speech(speech), status=status, headers={"Location": location})
