"""Inputs: the form of what the API takes. Whether it can be done is the pipeline's to say."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from avatarsite.api.fields import (
    NO_NUL,
    Body,
    Query,
    QueryBoolean,
    QueryInteger,
    StrictBoolean,
    StrictChoice,
    StrictInteger,
    StrictString,
    StrictStringMap,
)
from avatarsite.api.serializers import PageQuery
from avatarsite.legal.rights import OF_ONE_VIDEO
from avatarsite.outbox.models import URL_LENGTH
from billing.money import MAX_MICROS
from studio.captions.wish import MAX_TEXT
from studio.media.captions.files import MAX_CUE_LETTERS, MAX_CUES
from studio.media.captions.painter import LOOKS
from studio.media.portraits.crops import RATIOS
from studio.models import CaptionSource, RenderState, RenditionFormat, UploadKind
from studio.models.tags import WORD_LENGTH
from studio.pipeline.request.batches import MAX_ITEMS
from studio.pipeline.request.options import (
    CONTENT_CHECKS,
    ENDPOINT_LIMIT,
    IF_FLAGGED,
    LABELS,
    MAX_LIFE_SECONDS,
    MIN_LIFE_SECONDS,
    OUTPUT_FORMATS,
    QUALITY,
    TAKES,
)
from studio.pipeline.request.render_request import METADATA_LIMIT, PROMPT_LIMIT, REFERENCE_LIMIT, TITLE_LIMIT
from studio.speech.pronunciations import MAX_SAID, MAX_WORD
from studio.speech.script import MAX_CHARACTERS, MAX_PACE, MIN_PACE
from studio.videos.tags import MAX_TAGS

MAX_VOICE_SECONDS = 24 * 3600
ID_LENGTH = 40
NOTE, MAX_NOTES = re.compile(r"metadata\[.+\]", re.DOTALL), 10
OR_SCRIPT = "Or a script, which is spoken first; then the price is exact, and never above what was held."
MEDIA = "Id of an upload, an https address of a public file, or the file itself as a data URI."


class TagsInput(serializers.ListField):
    def __init__(self, **kwargs: Any) -> None:
        tag = StrictString(min_length=1, max_length=WORD_LENGTH)
        super().__init__(child=tag, required=False, max_length=MAX_TAGS, **kwargs)


class StrictNumber(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return float(super().to_internal_value(data))


class ScriptInput(Body):
    script = StrictString(
        min_length=1,
        max_length=MAX_CHARACTERS,
        help_text="What is to be said. [pause 0.5s] is a pause of half a second.",
    )
    voice = StrictString(required=False, max_length=120, help_text="See GET /voices. Left out: the first of them.")
    pace = StrictNumber(
        required=False, min_value=MIN_PACE, max_value=MAX_PACE, help_text="1, which is usual, is the voice’s own."
    )


class SpeechInput(ScriptInput):
    dry_run = StrictBoolean(required=False, help_text="Say what it would take and cost, and do nothing.")
    max_amount_micros = StrictInteger(
        required=False, min_value=0, max_value=MAX_MICROS, help_text="The most that you allow for speaking it."
    )


class PronunciationInput(Body):
    word = StrictString(min_length=1, max_length=MAX_WORD, help_text="A word or a phrase, whatever its capitals.")
    said = StrictString(min_length=1, max_length=MAX_SAID, help_text="As it is to be said, in the voice’s spelling.")


TEXT = {"type": "string", "minLength": 1, "pattern": NO_NUL}
SCRIPT: dict[str, Any] = {
    "type": "object",
    "required": ["script"],
    "additionalProperties": False,
    "properties": {
        "script": TEXT | {"maxLength": MAX_CHARACTERS, "description": "What is to be said."},
        "voice": {"type": "string", "maxLength": 120, "pattern": NO_NUL, "description": "See GET /voices."},
        "pace": {"type": "number", "minimum": MIN_PACE, "maximum": MAX_PACE},
    },
}


@extend_schema_field({"oneOf": [TEXT, SCRIPT]})
class VoiceField(serializers.Field[Any, Any, Any, Any]):
    """A voice as a text, or the script that one is to be made of."""

    def __init__(self, *, max_length: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._text = StrictString(min_length=1, max_length=max_length)
        self._script = ScriptInput()

    def to_internal_value(self, data: Any) -> Any:
        return (self._script if isinstance(data, dict) else self._text).run_validation(data)


class OptionsInput(Body):
    output_format = StrictChoice(choices=OUTPUT_FORMATS, required=False)
    output_quality = StrictInteger(required=False, min_value=QUALITY[0], max_value=QUALITY[1])
    content_check = StrictChoice(
        choices=CONTENT_CHECKS, required=False, help_text="Left out: as the workspace usually has it."
    )
    if_flagged = StrictChoice(
        choices=IF_FLAGGED,
        required=False,
        help_text="What becomes of a video that the check marks; it is charged either way. Left out: as usual.",
    )
    visible_label = StrictChoice(
        choices=LABELS,
        required=False,
        help_text="`ai_generated`: these words stand in a corner of the picture, for nothing. Left out: as usual.",
    )
    ttl_seconds = StrictInteger(
        required=False,
        allow_null=True,
        min_value=MIN_LIFE_SECONDS,
        max_value=MAX_LIFE_SECONDS,
        help_text="Delete the files so long after they are ready; null keeps them.",
    )
    upload_endpoint = StrictString(
        required=False, max_length=ENDPOINT_LIMIT, help_text="An https address that takes the video by PUT."
    )


class CueInput(Body):
    start_ms = StrictInteger(min_value=0, max_value=MAX_VOICE_SECONDS * 1000)
    end_ms = StrictInteger(min_value=0, max_value=MAX_VOICE_SECONDS * 1000)
    text = StrictString(max_length=MAX_CUE_LETTERS)


class CaptionsInput(Body):
    """Where the words come from, and their times: the voice’s script, a text, a file, or cues as they are."""

    text = StrictString(
        required=False, min_length=1, max_length=MAX_TEXT, help_text="With `text`: what the voice says."
    )
    file = StrictString(required=False, min_length=1, help_text="With `file`: SRT or WebVTT, as it is or a data URI.")
    cues = serializers.ListField(
        child=CueInput(), required=False, min_length=1, max_length=MAX_CUES, help_text="With `cues`."
    )
    burn = StrictChoice(
        choices=LOOKS, required=False, allow_null=True, help_text="A look: makes a further video with them in it."
    )

    def get_fields(self) -> dict[str, Any]:
        # A word of Python's own can't be the name of an attribute.
        return {"from": StrictChoice(choices=CaptionSource.values), **super().get_fields()}


class VideoInput(Body):
    """What bears on how a video is made, wherever one is asked for."""

    model = StrictString(required=False, max_length=60, help_text="See /models. Left out: the draft.")
    routing = StrictString(
        required=False, max_length=120, help_text="`cheapest` (usual), `fastest`, a provider or an offer."
    )
    fallback = StrictBoolean(
        required=False, help_text="Whether other offers may make it when the first will not. Usually true."
    )
    prompt = StrictString(
        required=False, max_length=PROMPT_LIMIT, help_text="Mood and movement; the voice says the words."
    )
    options = OptionsInput(required=False)
    title = StrictString(required=False, max_length=TITLE_LIMIT)
    tags = TagsInput(help_text="Kept in lower case.")
    reference = StrictString(required=False, max_length=REFERENCE_LIMIT, help_text="Your own name for it.")
    metadata = StrictStringMap(
        required=False, help_text=f"Up to {METADATA_LIMIT} notes of yours, given back as they are."
    )
    captions = CaptionsInput(required=False, help_text="Made with the video; they cost nothing.")
    accept_warnings = StrictBoolean(
        required=False,
        help_text="False: refuse a paid video while the portrait has `warnings`. Left out or true: it is made.",
    )
    rights = StrictBoolean(
        required=False,
        help_text=f"True: “{OF_ONE_VIDEO}” Needed once for each face and voice before a paid video, by a token whose "
        "maker has not stated it for all that it sends.",
    )


WEBHOOK = "A public https address that is told of this video alone, beside your endpoints."
NOTIFY = "Mail whoever made the token once all of it has ended. Left out: no mail."


class RenderInput(VideoInput):
    portrait = StrictString(min_length=1, help_text=MEDIA)
    voice = VoiceField(help_text=f"{MEDIA} {OR_SCRIPT}")
    project = StrictString(required=False, max_length=ID_LENGTH, help_text="Left out: the first open project.")
    takes = StrictInteger(
        required=False, min_value=TAKES[0], max_value=TAKES[1], help_text="As many renders, or none of them."
    )
    max_amount_micros = StrictInteger(
        required=False, min_value=0, max_value=MAX_MICROS, help_text="The most that you allow for all takes together."
    )
    notify = StrictBoolean(required=False, help_text=NOTIFY)
    webhook_url = StrictString(required=False, min_length=1, max_length=URL_LENGTH, help_text=WEBHOOK)
    quote = StrictString(required=False, min_length=1, max_length=2_000, help_text="Id of a quote: its prices bind.")


KEEPS_PARTS = "As the render will have it: of a long voice, parts that were made so before cost nothing."


class QuoteInput(Body):
    """Either a voice or its seconds."""

    portrait = StrictString(required=False, max_length=ID_LENGTH, help_text="Id of an upload; checked with the voice.")
    voice = VoiceField(required=False, help_text=f"Id of an upload. {OR_SCRIPT}")
    seconds = StrictInteger(required=False, min_value=1, max_value=MAX_VOICE_SECONDS)
    model = StrictString(required=False, max_length=60)
    routing = StrictString(required=False, max_length=120)
    fallback = StrictBoolean(required=False)
    takes = StrictInteger(required=False, min_value=TAKES[0], max_value=TAKES[1])
    content_check = StrictChoice(choices=CONTENT_CHECKS, required=False)
    prompt = StrictString(required=False, max_length=PROMPT_LIMIT, help_text=KEEPS_PARTS)
    output_quality = StrictInteger(required=False, min_value=QUALITY[0], max_value=QUALITY[1], help_text=KEEPS_PARTS)
    webhook_url = StrictString(
        required=False, min_length=1, max_length=URL_LENGTH, help_text="Checked, and given back as it is to be sent."
    )


class ChangeInput(Body):
    """What of a render is the customer's own."""

    title = StrictString(required=False, min_length=1, max_length=TITLE_LIMIT)
    tags = TagsInput(help_text="All of them: what is left out is gone.")
    reference = StrictString(required=False, max_length=REFERENCE_LIMIT)
    metadata = StrictStringMap(required=False, help_text="All of it: what is left out is gone.")


class ItemInput(VideoInput):
    portrait = StrictString(min_length=1, max_length=ID_LENGTH, help_text="Id of an upload.")
    voice = VoiceField(help_text=f"Id of an upload. {OR_SCRIPT}")


class BatchInput(Body):
    items = serializers.ListField(child=ItemInput(), min_length=1, max_length=MAX_ITEMS)
    project = StrictString(required=False, max_length=ID_LENGTH)
    max_amount_micros = StrictInteger(
        required=False, min_value=0, max_value=MAX_MICROS, help_text="The most that you allow for the whole batch."
    )
    notify = StrictBoolean(required=False, help_text=NOTIFY)
    webhook_url = StrictString(required=False, min_length=1, max_length=URL_LENGTH, help_text=WEBHOOK)


class BatchAskedInput(BatchInput):
    quote = StrictString(
        required=False, min_length=1, max_length=20_000, help_text="Id of a quote of these very items."
    )


class FetchInput(Body):
    """A file that is fetched from `url`, or spelt out in `data`."""

    kind = StrictChoice(choices=UploadKind.values)
    url = StrictString(required=False, min_length=1, max_length=4_000, help_text="A public http or https address.")
    data = StrictString(  # type: ignore[assignment]  # a serializer's fields hide its attributes
        required=False, min_length=1, help_text="A data URI, or bare base64."
    )


class FileInput(serializers.Serializer[Any]):
    kind = StrictChoice(choices=UploadKind.values)
    file = serializers.FileField(allow_empty_file=True)  # which is refused by its content, with its remedy


class CropInput(Body):
    ratio = StrictChoice(choices=list(RATIOS), help_text="Width to height.")


class SlotInput(Body):
    kind = StrictChoice(choices=UploadKind.values)
    name = StrictString(required=False, max_length=200, help_text="The file’s name, for your own lists.")
    bytes = StrictInteger(
        required=False,
        min_value=1,
        help_text="The file’s size. The slot then takes a file of exactly this size, which at a bucket goes straight "
        "there; without it the bytes come to us.",
    )


class ProjectInput(Body):
    name = StrictString(min_length=1, max_length=80)


class ProjectChangeInput(Body):
    name = StrictString(required=False, min_length=1, max_length=80)
    portrait = StrictString(
        required=False, allow_null=True, max_length=ID_LENGTH, help_text="Id of an upload, or null."
    )
    archived = StrictBoolean(required=False, help_text="An archived project takes no new videos.")


class RendersQuery(PageQuery):
    state = StrictChoice(choices=RenderState.values, required=False)
    project = StrictString(required=False, max_length=ID_LENGTH)
    group = StrictString(required=False, max_length=ID_LENGTH, help_text="A batch, or the takes of one wish.")
    reference = StrictString(required=False, max_length=REFERENCE_LIMIT)
    q = StrictString(
        required=False,
        max_length=200,
        help_text="Words, each of them in the title, script, prompt, reference, metadata or a tag.",
    )
    tag = StrictString(required=False, max_length=WORD_LENGTH)
    created_after = serializers.DateTimeField(required=False, help_text="That moment, or later.")
    created_before = serializers.DateTimeField(required=False, help_text="Earlier than that moment.")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """``metadata[key]=value``, any number of them, beside the names that are known."""
        notes = {name: data[name] for name in data if NOTE.fullmatch(name)}
        if len(notes) > MAX_NOTES or any(len(data.getlist(name)) > 1 for name in notes):
            raise serializers.ValidationError({"metadata": [f"Ask for at most {MAX_NOTES}, each of them once."]})
        plain = data.copy()
        for name in notes:
            del plain[name]
        found = super().to_internal_value(plain)
        wanted = {name.removeprefix("metadata[")[:-1]: value for name, value in notes.items()}
        if not wanted:
            return found
        try:
            return found | {"metadata": StrictStringMap().run_validation(wanted)}
        except ValidationError as error:  # of a name that no database stores
            raise serializers.ValidationError({"metadata": error.messages}) from error


class UploadsQuery(PageQuery):
    kind = StrictChoice(choices=UploadKind.values, required=False)


class ProjectsQuery(PageQuery):
    archived = QueryBoolean(required=False)


class WaitQuery(Query):
    wait = QueryInteger(
        required=False,
        default=0,
        min_value=0,
        max_value=settings.API_WAIT_SECONDS,
        help_text="Answer when the render has ended, or after so many seconds.",
    )


class GiveUpInput(Body):
    in_seconds = StrictInteger(
        min_value=60, max_value=86_400, help_text="From now; what is not ready by then ends, and nothing is charged."
    )


class RenditionInput(Body):
    format = StrictChoice(
        choices=RenditionFormat.values, help_text="`gif` is a small preview of the first six seconds, without sound."
    )


class OffersQuery(Query):
    model = StrictString(required=False, max_length=60)
    seconds = QueryInteger(
        required=False, default=10, min_value=1, max_value=MAX_VOICE_SECONDS, help_text="Length of the voice."
    )
