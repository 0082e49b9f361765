"""Inputs: the form of what the API takes. Whether it can be done is the pipeline's to say."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from avatarsite.api.fields import Body, Choice, Flag, Notes, Query, QueryFlag, QueryWhole, Text, Whole
from avatarsite.api.serializers import PageQuery
from billing.money import MAX_MICROS
from studio.models import RenderState, UploadKind
from studio.pipeline.request.batches import MAX_ITEMS
from studio.pipeline.request.options import (
    CONTENT_CHECKS,
    ENDPOINT_LIMIT,
    MAX_LIFE_SECONDS,
    MIN_LIFE_SECONDS,
    OUTPUT_FORMATS,
    QUALITY,
    TAKES,
)
from studio.pipeline.request.render_request import METADATA_LIMIT, PROMPT_LIMIT, REFERENCE_LIMIT, TITLE_LIMIT

MAX_VOICE_SECONDS = 24 * 3600
ID_LENGTH = 40
MEDIA = "Id of an upload, an https address of a public file, or the file itself as a data URI."


class OptionsInput(Body):
    output_format = Choice(choices=OUTPUT_FORMATS, required=False)
    output_quality = Whole(required=False, min_value=QUALITY[0], max_value=QUALITY[1])
    content_check = Choice(choices=CONTENT_CHECKS, required=False)
    ttl_seconds = Whole(
        required=False,
        allow_null=True,
        min_value=MIN_LIFE_SECONDS,
        max_value=MAX_LIFE_SECONDS,
        help_text="Delete the files so long after they are ready; null keeps them.",
    )
    upload_endpoint = Text(
        required=False, max_length=ENDPOINT_LIMIT, help_text="An https address that takes the video by PUT."
    )


class VideoInput(Body):
    """What bears on how a video is made, wherever one is asked for."""

    model = Text(required=False, max_length=60, help_text="See /models. Left out: the draft.")
    routing = Text(required=False, max_length=120, help_text="`cheapest` (usual), `fastest`, a provider or an offer.")
    fallback = Flag(required=False, help_text="Whether other offers may make it when the first will not. Usually true.")
    prompt = Text(required=False, max_length=PROMPT_LIMIT, help_text="Mood and movement; the voice says the words.")
    options = OptionsInput(required=False)
    title = Text(required=False, max_length=TITLE_LIMIT)
    reference = Text(required=False, max_length=REFERENCE_LIMIT, help_text="Your own name for it.")
    metadata = Notes(required=False, help_text=f"Up to {METADATA_LIMIT} notes of yours, given back as they are.")


NOTIFY = "Mail whoever made the token once all of it has ended. Left out: no mail."


class RenderInput(VideoInput):
    portrait = Text(min_length=1, help_text=MEDIA)
    voice = Text(min_length=1, help_text=MEDIA)
    project = Text(required=False, max_length=ID_LENGTH, help_text="Left out: the first open project.")
    takes = Whole(required=False, min_value=TAKES[0], max_value=TAKES[1], help_text="As many renders, or none of them.")
    max_amount_micros = Whole(
        required=False, min_value=0, max_value=MAX_MICROS, help_text="The most that you allow for all takes together."
    )
    notify = Flag(required=False, help_text=NOTIFY)
    quote = Text(required=False, min_length=1, max_length=2_000, help_text="Id of a quote: its prices bind.")


class QuoteInput(Body):
    """Either a voice or its seconds."""

    portrait = Text(required=False, max_length=ID_LENGTH, help_text="Id of an upload; checked with the voice.")
    voice = Text(required=False, max_length=ID_LENGTH, help_text="Id of an upload.")
    seconds = Whole(required=False, min_value=1, max_value=MAX_VOICE_SECONDS)
    model = Text(required=False, max_length=60)
    routing = Text(required=False, max_length=120)
    fallback = Flag(required=False)
    takes = Whole(required=False, min_value=TAKES[0], max_value=TAKES[1])
    content_check = Choice(choices=CONTENT_CHECKS, required=False)


class ItemInput(VideoInput):
    portrait = Text(min_length=1, max_length=ID_LENGTH, help_text="Id of an upload.")
    voice = Text(min_length=1, max_length=ID_LENGTH, help_text="Id of an upload.")


class BatchInput(Body):
    items = serializers.ListField(child=ItemInput(), min_length=1, max_length=MAX_ITEMS)
    project = Text(required=False, max_length=ID_LENGTH)
    max_amount_micros = Whole(
        required=False, min_value=0, max_value=MAX_MICROS, help_text="The most that you allow for the whole batch."
    )
    notify = Flag(required=False, help_text=NOTIFY)


class BatchAskedInput(BatchInput):
    quote = Text(required=False, min_length=1, max_length=20_000, help_text="Id of a quote of these very items.")


class FetchInput(Body):
    """A file that is fetched from `url`, or spelt out in `data`."""

    kind = Choice(choices=UploadKind.values)
    url = Text(required=False, min_length=1, max_length=4_000, help_text="A public http or https address.")
    data = Text(  # type: ignore[assignment]  # a serializer's fields hide its attributes
        required=False, min_length=1, help_text="A data URI, or bare base64."
    )


class FileInput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=UploadKind.values)
    file = serializers.FileField()


class SlotInput(Body):
    kind = Choice(choices=UploadKind.values)
    name = Text(required=False, max_length=200, help_text="The file’s name, for your own lists.")
    bytes = Whole(
        required=False,
        min_value=1,
        help_text="The file’s size. The slot then takes a file of exactly this size, which at a bucket goes straight "
        "there; without it the bytes come to us.",
    )


class ProjectInput(Body):
    name = Text(min_length=1, max_length=80)


class ProjectChangeInput(Body):
    name = Text(required=False, min_length=1, max_length=80)
    portrait = Text(required=False, allow_null=True, max_length=ID_LENGTH, help_text="Id of an upload, or null.")
    archived = Flag(required=False, help_text="An archived project takes no new videos.")


class RendersQuery(PageQuery):
    state = serializers.ChoiceField(choices=RenderState.values, required=False)
    project = Text(required=False, max_length=ID_LENGTH)
    group = Text(required=False, max_length=ID_LENGTH, help_text="A batch, or the takes of one wish.")
    reference = Text(required=False, max_length=REFERENCE_LIMIT)


class UploadsQuery(PageQuery):
    kind = serializers.ChoiceField(choices=UploadKind.values, required=False)


class ProjectsQuery(PageQuery):
    archived = QueryFlag(required=False)


class WaitQuery(Query):
    wait = QueryWhole(
        required=False,
        default=0,
        min_value=0,
        max_value=settings.API_WAIT_SECONDS,
        help_text="Answer when the render has ended, or after so many seconds.",
    )


class OffersQuery(Query):
    model = Text(required=False, max_length=60)
    seconds = QueryWhole(
        required=False, default=10, min_value=1, max_value=MAX_VOICE_SECONDS, help_text="Length of the voice."
    )
