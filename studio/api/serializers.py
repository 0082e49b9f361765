"""Serializers of the studio's rows. Each is both the answer and its documentation."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from avatarsite.api.serializers import site_link
from billing.api.money import Money
from studio.helps import Step
from studio.media.captions.painter import LOOKS
from studio.media.portraits.findings import Code
from studio.models import (
    Approval,
    ApprovalState,
    CaptionSource,
    CaptionState,
    Project,
    Render,
    RenderState,
    RenditionFormat,
    RenditionState,
    Upload,
    UploadKind,
)
from studio.models.renders import WithheldFor
from studio.pipeline.request.options import CONTENT_CHECKS, IF_FLAGGED, LABELS, OUTPUT_FORMATS
from studio.representation import (
    CAPTION_OUTPUTS,
    OUTPUTS,
    PAPERS_OUTPUTS,
    RENDITION_OUTPUTS,
    STATE_DETAILS,
    can_cancel,
    captions_of,
    charge_return_of,
    failure_of,
    options_of,
    outputs_of,
    parts_of,
    renditions_of,
    state_detail_of,
    tags_of,
    usual_seconds_of,
    withheld_of,
)

Serializer = serializers.Serializer[Any]


class WarningSerializer(Serializer):
    """What speaks against a portrait: the video is made, and may not be what was hoped for."""

    code = serializers.ChoiceField(choices=[code.value for code in Code])
    message = serializers.CharField()
    remedy = serializers.CharField()


class UploadSerializer(Serializer):
    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=UploadKind.values)
    name = serializers.CharField(help_text="The file’s name as it came.")
    content_type = serializers.CharField(help_text="Of the stored file.")
    bytes = serializers.IntegerField(help_text="Size of the stored file.")
    sha256 = serializers.CharField(help_text="Of the bytes as they came.")
    width = serializers.IntegerField(allow_null=True, help_text="Of a portrait, in pixels.")
    height = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True, help_text="Of a voice, by decoding it.")
    face = serializers.SerializerMethodField(help_text="[x, y, width, height] in pixels, when a face was found.")
    changes = serializers.SerializerMethodField(help_text="What was changed on the way in, as sentences.")
    warnings = WarningSerializer(many=True, help_text="What speaks against a portrait, seen once at its upload.")
    crop_of = serializers.SerializerMethodField(help_text="Of a crop: the upload that it was cut from.")
    script = serializers.CharField(allow_blank=True, help_text="What a voice says, where that is known.")
    sentences = serializers.SerializerMethodField(help_text="When: [start in ms, end in ms, sentence], in order.")
    url = serializers.SerializerMethodField(help_text="A stable link to the file; it needs a token.")
    created_at = serializers.DateTimeField()

    @extend_schema_field({"type": ["array", "null"], "items": {"type": "integer"}})
    def get_face(self, upload: Upload) -> list[int] | None:
        found: list[int] | None = upload.details.get("face")
        return found

    @extend_schema_field({"type": "array", "items": {"type": "array", "items": {"type": ["integer", "string"]}}})
    def get_sentences(self, upload: Upload) -> list[list[int | str]]:
        found: list[list[int | str]] = upload.sentences
        return found

    def get_changes(self, upload: Upload) -> list[str]:
        return [str(change) for change in upload.details.get("changes", [])]

    @extend_schema_field({"type": ["string", "null"]})
    def get_crop_of(self, upload: Upload) -> str | None:
        cut_from: str | None = upload.details.get("crop", {}).get("of")
        return cut_from

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_url(self, upload: Upload) -> str:
        return site_link(reverse("api_upload_file", kwargs={"upload": upload.pk}))


class SlotSerializer(Serializer):
    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=UploadKind.values)
    method = serializers.ChoiceField(choices=["PUT"])
    url = serializers.URLField(help_text="Send the bytes here, without a token.")
    headers = serializers.DictField(child=serializers.CharField(), help_text="To be sent with the bytes as they are.")
    max_bytes = serializers.IntegerField()
    expires_at = serializers.DateTimeField()


class OptionsSerializer(Serializer):
    output_format = serializers.ChoiceField(choices=OUTPUT_FORMATS)
    output_quality = serializers.IntegerField()
    content_check = serializers.ChoiceField(choices=CONTENT_CHECKS)
    if_flagged = serializers.ChoiceField(choices=IF_FLAGGED)
    visible_label = serializers.ChoiceField(choices=LABELS)
    ttl_seconds = serializers.IntegerField(allow_null=True, help_text="How long the files are kept; null for ever.")
    upload_host = serializers.CharField(allow_null=True, help_text="Host of the address that the video is sent to.")

    def to_representation(self, instance: dict[str, Any]) -> dict[str, Any]:
        return options_of(instance)


class FailureSerializer(Serializer):
    code = serializers.CharField()
    message = serializers.CharField(
        help_text="What went wrong, in a sentence. Nothing was charged; of a long video that lost a part, it says what "
        "was made, what that cost and what came back."
    )
    remedy = serializers.CharField(help_text="What can be done about it, in a sentence.")
    next = serializers.ChoiceField(
        choices=[step.value for step in Step],
        help_text="`retry` asks for the same again; `change` and `other_model`: the same again would be refused again.",
    )


class UsualSerializer(Serializer):
    p50 = serializers.IntegerField()
    p90 = serializers.IntegerField()


class OutputSerializer(Serializer):
    kind = serializers.ChoiceField(choices=[*OUTPUTS, *CAPTION_OUTPUTS, *RENDITION_OUTPUTS, *PAPERS_OUTPUTS])
    url = serializers.URLField(help_text="A stable link; it needs a token, and leads to the file.")
    content_type = serializers.CharField()


class RenditionSerializer(Serializer):
    """A video in another format, made when it was asked for: its file is among the outputs."""

    format = serializers.ChoiceField(choices=RenditionFormat.values)
    state = serializers.ChoiceField(choices=RenditionState.values)
    output = serializers.CharField(allow_null=True, help_text="Its kind among the outputs, once it is there.")
    bytes = serializers.IntegerField(allow_null=True)
    failure = serializers.CharField(allow_null=True, help_text="Why it is not there. The video is.")


class CaptionsSerializer(Serializer):
    """Captions of a render: their files are among its outputs."""

    state = serializers.ChoiceField(choices=CaptionState.values, help_text="Of the files beside the video.")
    estimated = serializers.BooleanField(help_text="Whether the times are worked out from the voice’s pauses.")
    burn = serializers.ChoiceField(choices=LOOKS, allow_null=True, help_text="The look in `captioned_video`.")
    burn_state = serializers.ChoiceField(choices=CaptionState.values, allow_null=True)
    failure = serializers.CharField(allow_null=True, help_text="Why something is not there. The video is.")

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.ChoiceField(choices=CaptionSource.values), **super().get_fields()}


class CueSerializer(Serializer):
    start_ms = serializers.IntegerField()
    end_ms = serializers.IntegerField()
    text = serializers.CharField(help_text="Its lines are parted by newlines.")


class FullCaptionsSerializer(CaptionsSerializer):
    cues = CueSerializer(many=True)


class ChargeReturnSerializer(Serializer):
    """Whoever runs the service has given the charge back, whole."""

    amount = Money()
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class WithheldSerializer(Serializer):
    reason = serializers.ChoiceField(choices=WithheldFor.values)
    message = serializers.CharField()
    at = serializers.DateTimeField()


class StatementSerializer(Serializer):
    """Who has stated the right, when, in which wording; with which token, if it was a program."""

    by = serializers.CharField()
    at = serializers.DateTimeField()
    version = serializers.CharField()
    token = serializers.CharField(allow_null=True)


class RightsSerializer(Serializer):
    """Null of what is this service’s own: a sample, a voice that it has spoken."""

    portrait = StatementSerializer(allow_null=True)
    voice = StatementSerializer(allow_null=True)


class PartSerializer(Serializer):
    """A stretch of a long video’s voice, and what has become of it."""

    number = serializers.IntegerField(help_text="Counts from 1.")
    from_ms = serializers.IntegerField()
    to_ms = serializers.IntegerField()
    state = serializers.ChoiceField(choices=RenderState.values)
    kept = serializers.BooleanField(help_text="Made before, for another video: it costs nothing.")
    offer = serializers.CharField(help_text="Where it is made.")
    ceiling = Money()
    charge = Money(allow_null=True)
    failure = FailureSerializer(allow_null=True)
    url = serializers.URLField(
        allow_null=True,
        help_text="A stable link to its video, once it is made; it needs a token, and leads to the file.",
    )


class RenderSerializer(Serializer):
    id = serializers.CharField()
    state = serializers.ChoiceField(choices=RenderState.values)
    state_detail = serializers.SerializerMethodField(
        help_text="`unconfirmed`: it was sent, and the provider has not confirmed yet that it took it; it is asked "
        "again, and nothing is sent twice. `late`: its provider has had it for longer than nine in ten. Otherwise null."
    )
    title = serializers.CharField()
    project = serializers.CharField(source="project_id")
    group = serializers.CharField(source="group_id", allow_null=True, help_text="Shared by takes, or by a batch.")
    portrait = serializers.CharField(source="portrait_id")
    voice = serializers.CharField(source="voice_id", allow_null=True, help_text="Null until its script is spoken.")
    speech = serializers.CharField(
        source="speech_id", allow_null=True, help_text="Of a script: see `/voices/{id}`. Otherwise null."
    )
    model = serializers.CharField()
    offer = serializers.CharField(help_text="Where it is made, and whose price counts.")
    routing = serializers.CharField()
    fallback = serializers.BooleanField()
    why = serializers.CharField(help_text="Why this offer.")
    prompt = serializers.CharField()
    options = OptionsSerializer()
    reference = serializers.CharField()
    metadata = serializers.DictField(child=serializers.CharField())
    tags = serializers.SerializerMethodField(help_text="Words of yours, in lower case and in order.")
    webhook_host = serializers.CharField(
        allow_null=True, help_text="Host of the address that is told of it alone; null without one."
    )
    rights = serializers.SerializerMethodField(help_text="Who has stated the right to its face and voice.")
    test = serializers.BooleanField(help_text="Asked for with a test token: a draft that costs nothing.")
    token = serializers.CharField(source="token_id", allow_null=True)
    ceiling = Money(source="ceiling_micros", help_text="The most that is charged.")
    charge = Money(source="charge_micros", allow_null=True, help_text="What was charged; null before it is ready.")
    charge_return = serializers.SerializerMethodField(help_text="That the charge was given back; usually null.")
    duration_ms = serializers.IntegerField(source="measured_ms", allow_null=True, help_text="Measured on our copy.")
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    seed = serializers.IntegerField(allow_null=True, help_text="Of the video, where its provider tells it.")
    nsfw_content = serializers.BooleanField(
        allow_null=True,
        help_text="Whether the content check marked it; null without one, or where it could not be made.",
    )
    withheld = serializers.SerializerMethodField(
        help_text="That nobody is given its files, and why; null for a video that is given out. It was charged as any "
        "other. `release` gives it out, unless the people who run the service withhold it."
    )
    bytes = serializers.IntegerField(source="video_bytes", allow_null=True)
    sha256 = serializers.CharField(source="video_sha256")
    parts = serializers.SerializerMethodField(help_text="Of a video too long for any offer; null for any other.")
    outputs = serializers.SerializerMethodField()
    renditions = serializers.SerializerMethodField(help_text="Other formats that were asked for.")
    captions = serializers.SerializerMethodField()
    failure = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    cancel_requested_at = serializers.DateTimeField(allow_null=True)
    can_cancel = serializers.SerializerMethodField(help_text="Whether a wish to stop it can still be passed on.")
    state_since = serializers.DateTimeField(help_text="When it came into its state.")
    usual_seconds = serializers.SerializerMethodField(
        help_text="While its provider has it: within how long half of such videos were there, and nine in ten, by our "
        "own last ones; null where they are too few to tell."
    )
    late_at = serializers.DateTimeField(allow_null=True, help_text="When it is `late`, if it is not there by then.")
    give_up_at = serializers.DateTimeField(
        allow_null=True, help_text="When it is given up for nothing, as you wished, if it is not ready by then."
    )
    files_delete_at = serializers.DateTimeField(source="delete_at", allow_null=True)
    files_deleted_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field({"type": ["string", "null"], "enum": [*STATE_DETAILS, None]})
    def get_state_detail(self, render: Render) -> str | None:
        return state_detail_of(render)

    def get_tags(self, render: Render) -> list[str]:
        return tags_of(render)

    @extend_schema_field(PartSerializer(many=True, allow_null=True))
    def get_parts(self, render: Render) -> list[dict[str, Any]] | None:
        return parts_of(render)

    @extend_schema_field(OutputSerializer(many=True))
    def get_outputs(self, render: Render) -> list[dict[str, str]]:
        return outputs_of(render)

    @extend_schema_field(UsualSerializer(allow_null=True))
    def get_usual_seconds(self, render: Render) -> dict[str, int] | None:
        return usual_seconds_of(render)

    def get_can_cancel(self, render: Render) -> bool:
        return can_cancel(render)

    @extend_schema_field(RenditionSerializer(many=True))
    def get_renditions(self, render: Render) -> list[dict[str, Any]]:
        return renditions_of(render)

    @extend_schema_field(CaptionsSerializer(allow_null=True))
    def get_captions(self, render: Render) -> dict[str, Any] | None:
        return captions_of(render)

    @extend_schema_field(RightsSerializer(allow_null=True))
    def get_rights(self, render: Render) -> dict[str, Any] | None:
        return render.rights or None

    @extend_schema_field(ChargeReturnSerializer(allow_null=True))
    def get_charge_return(self, render: Render) -> dict[str, Any] | None:
        return charge_return_of(render)

    @extend_schema_field(WithheldSerializer(allow_null=True))
    def get_withheld(self, render: Render) -> dict[str, Any] | None:
        return withheld_of(render)

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, render: Render) -> dict[str, str] | None:
        return failure_of(render)


class ApprovalSerializer(Serializer):
    """What a token may not spend by itself, until a person says yes or no."""

    id = serializers.CharField()
    state = serializers.ChoiceField(source="stands", choices=ApprovalState.values)
    title = serializers.CharField(help_text="Of the first video.")
    model = serializers.CharField()
    videos = serializers.IntegerField(source="count", help_text="How many would be made.")
    ceiling = Money(source="ceiling_micros", help_text="What the person reads: the most that a yes lets be held.")
    token = serializers.CharField(source="token_id")
    page = serializers.SerializerMethodField(help_text="Where somebody of the workspace decides.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="Undecided until then, it is `expired`.")
    decided_at = serializers.DateTimeField(allow_null=True)
    render = serializers.CharField(source="render_id", allow_null=True, help_text="What was made after a yes.")
    group = serializers.CharField(source="group_id", allow_null=True, help_text="Likewise of a batch, or of takes.")

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_page(self, approval: Approval) -> str:
        return site_link(reverse("approvals", kwargs={"workspace": approval.workspace.slug}) + f"#{approval.pk}")


class EventSerializer(Serializer):
    at = serializers.DateTimeField()
    from_state = serializers.CharField(allow_blank=True, help_text="Empty for the first.")
    to_state = serializers.ChoiceField(choices=RenderState.values)
    reason = serializers.CharField()


class LinkedOutputSerializer(OutputSerializer):
    download_url = serializers.URLField(help_text="The file itself, for whoever has the link, until expires_at.")
    expires_at = serializers.DateTimeField()


class ProjectSerializer(Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    portrait = serializers.CharField(source="portrait_id", allow_null=True)
    defaults = serializers.SerializerMethodField(help_text="What new videos of the project start from.")
    archived_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_defaults(self, project: Project) -> dict[str, Any]:
        return {name: value for name, value in project.defaults.items() if name != "upload_endpoint"}


class CountsSerializer(Serializer):
    """How many renders are in each state."""

    speaking = serializers.IntegerField()
    queued = serializers.IntegerField()
    submitting = serializers.IntegerField()
    rendering = serializers.IntegerField()
    ingesting = serializers.IntegerField()
    joining = serializers.IntegerField()
    ready = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class BatchSerializer(Serializer):
    id = serializers.CharField(source="group.pk")
    size = serializers.IntegerField()
    ended = serializers.BooleanField(help_text="Whether every render of it has ended.")
    states = CountsSerializer()
    ceiling = Money(source="ceiling_micros", help_text="The most that all of it is charged.")
    charged = Money(source="charged_micros", help_text="What has been charged so far.")
    created_at = serializers.DateTimeField(source="group.created_at")


WEBHOOK_ECHO = "The address that was sent, checked; to be sent again with what is asked for. Empty without one."


class ItemQuoteSerializer(Serializer):
    index = serializers.IntegerField(help_text="Counts from 0.")
    ceiling = Money()
    warnings = WarningSerializer(many=True, help_text="What speaks against its portrait.")


class BatchQuoteSerializer(Serializer):
    id = serializers.CharField(help_text="Send it as `quote` with the same items: prices and ceiling bind us.")
    size = serializers.IntegerField()
    ceiling = Money(help_text="The most that all of it would be charged.")
    items = ItemQuoteSerializer(many=True)
    webhook_url = serializers.CharField(help_text=WEBHOOK_ECHO)
    expires_at = serializers.DateTimeField()


class ModelSerializer(Serializer):
    id = serializers.CharField(source="slug")
    name = serializers.CharField()
    summary = serializers.CharField()


class OfferSerializer(Serializer):
    """An offer as it stands, priced for the seconds that were asked about."""

    id = serializers.CharField()
    model = serializers.CharField()
    provider = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a serializer's fields hide its attributes
    available = serializers.BooleanField()
    why_not = serializers.CharField(allow_blank=True, help_text="Why it can’t be had now.")
    price_per_second = Money(allow_null=True)
    ceiling = Money(allow_null=True, help_text="The most that this voice is charged.")
    expected_seconds = serializers.FloatField(allow_null=True, help_text="Until it is ready, by our last renders.")


class HealthSerializer(Serializer):
    state = serializers.ChoiceField(choices=["good", "shaky", "paused"])
    recent_renders = serializers.IntegerField()
    recent_done = serializers.IntegerField()


class LimitsSerializer(Serializer):
    voice_min_ms = serializers.IntegerField()
    voice_max_ms = serializers.IntegerField()
    output_formats = serializers.ListField(child=serializers.CharField(), help_text="Every one works; some by us.")
    content_check = serializers.BooleanField(help_text="Always true.")
    content_check_by = serializers.ChoiceField(
        choices=["provider", "us"], help_text="Who looks, where one is asked for."
    )
    can_cancel = serializers.BooleanField(help_text="Whether a job that is running can be stopped.")


class FullOfferSerializer(OfferSerializer):
    limits = LimitsSerializer()
    health = HealthSerializer()


class PlannedPartSerializer(Serializer):
    number = serializers.IntegerField(help_text="Counts from 1.")
    from_ms = serializers.IntegerField()
    to_ms = serializers.IntegerField()
    kept = serializers.BooleanField(help_text="Made before, by this workspace: it costs nothing.")
    ceiling = Money(help_text="The most that it is charged, whichever offer makes it.")


class QuoteSerializer(Serializer):
    id = serializers.CharField(help_text="Send it as `quote` with a render: offers, prices and ceiling bind us.")
    model = serializers.CharField()
    voice_ms = serializers.IntegerField()
    takes = serializers.IntegerField()
    chosen = serializers.CharField(allow_null=True, help_text="The offer that would make it now.")
    why = serializers.CharField()
    ceiling = Money(
        help_text="The most that all takes are charged together, whichever offer makes them, and speaking the script."
    )
    speech_ceiling = Money(help_text="What of it is for speaking the script.")
    offers = OfferSerializer(many=True)
    warnings = WarningSerializer(many=True, help_text="What speaks against the portrait, where one was named.")
    webhook_url = serializers.CharField(help_text=WEBHOOK_ECHO)
    charge_if_flagged = serializers.ChoiceField(
        choices=["full"],
        help_text="What of its charge is taken for a video that the content check marks: all of it, delivered or "
        "withheld, because it was made. A withheld one can be released.",
    )
    parts = PlannedPartSerializer(
        many=True,
        allow_null=True,
        help_text="Of a voice too long for any offer: how it would be split. Otherwise null.",
    )
    expires_at = serializers.DateTimeField()


# One of each for the process: making a serializer costs more than using it.
serialize_upload = UploadSerializer().to_representation
serialize_slot = SlotSerializer().to_representation
serialize_approval = ApprovalSerializer().to_representation
serialize_event = EventSerializer().to_representation
serialize_project = ProjectSerializer().to_representation
serialize_batch = BatchSerializer().to_representation
serialize_batch_quote = BatchQuoteSerializer().to_representation
serialize_model = ModelSerializer().to_representation
serialize_full_offer = FullOfferSerializer().to_representation
serialize_quote = QuoteSerializer().to_representation
