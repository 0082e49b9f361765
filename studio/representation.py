"""A render as the API and our webhooks give it: plain values, from one table of names, columns and getters.

A new field is a line of FIELDS, and one of ``RenderSerializer`` in ``studio/api/serializers.py``, which documents it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from django.urls import reverse

from avatarsite.api.serializers import moment, site_link
from avatarsite.http.public_addresses import host_of
from billing.api.money import money
from studio.helps import help_of
from studio.models import Captions, Part, Render, RenderState
from studio.models.renders import WithheldFor
from studio.papers.give import HOLDS_NONE
from studio.providers import registry
from studio.storage.types import content_type_of

# What a finished video may have, and where its name stands: in the row itself, or in that of its captions.
OUTPUTS = ("video", "poster")
RENDITION_OUTPUTS = ("video.mp4", "video.mov", "video.webm", "preview.gif")
CAPTION_OUTPUTS = {"captions.srt": "srt", "captions.vtt": "vtt", "captioned_video": "video"}
# The papers of those outputs that can't hold them.
PAPERS_OUTPUTS = {"papers": "video", "captioned_papers": "captioned_video", "video.webm.papers": "video.webm"}


def outputs_of(render: Render) -> list[dict[str, str]]:
    found = []
    for kind, name in output_names(render).items():
        url = site_link(reverse("api_render_output", kwargs={"render": render.pk, "output": kind}))
        found.append({"kind": kind, "url": url, "content_type": content_type_of(name)})
    return found


def output_names(render: Render) -> dict[str, str]:
    """The storage name of each file that people are given, by its kind."""
    if render.withheld_at:
        return {}
    names = {kind: getattr(render, kind).name for kind in OUTPUTS}
    captions = captions_row(render) if render.video else None
    if captions:
        names |= {kind: getattr(captions, column).name for kind, column in CAPTION_OUTPUTS.items()}
    if render.video:
        names |= {each.output: each.file.name for each in render.renditions.all()}
    there = {kind: name for kind, name in names.items() if name}
    return there | _papers_of(render, there)


def _papers_of(render: Render, there: Mapping[str, str]) -> dict[str, str]:
    if not any(name.rsplit(".", 1)[-1] in HOLDS_NONE for name in there.values()):
        return {}
    beside = {papers.file: papers.beside.name or "" for papers in render.papers.all() if papers.beside}
    return {kind: beside[there[of]] for kind, of in PAPERS_OUTPUTS.items() if there.get(of) in beside}


def renditions_of(render: Render) -> list[dict[str, Any]]:
    """Other formats that were asked for; without a query of one that isn't ready, or whose were fetched before."""
    if render.state != RenderState.READY:
        return []
    return [
        {
            "format": each.format,
            "state": each.state.value,
            "output": each.output if each.file else None,
            "bytes": each.bytes,
            "failure": each.failure or None,
        }
        for each in render.renditions.all()
    ]


def captions_row(render: Render) -> Captions | None:
    try:
        return render.captions
    except Captions.DoesNotExist:
        return None


def captions_of(render: Render) -> dict[str, Any] | None:
    captions = captions_row(render)
    if captions is None:
        return None
    return {
        "from": captions.source,
        "state": captions.state.value,
        "estimated": captions.is_estimated,
        "burn": captions.burn or None,
        "burn_state": captions.burn_state.value if captions.burn_state else None,
        "failure": captions.failure or captions.burn_failure or None,
    }


def options_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of the address that the video is sent to only the host: what stands behind it may be a signature."""
    endpoint = options.get("upload_endpoint")
    return {
        "output_format": options.get("output_format", "mp4"),
        "output_quality": options.get("output_quality", 95),
        "content_check": options.get("content_check", "none"),
        "if_flagged": options.get("if_flagged", "deliver"),
        "visible_label": options.get("visible_label", "none"),
        "ttl_seconds": options.get("ttl_seconds"),
        "upload_host": host_of(endpoint) if endpoint else None,
    }


def tags_of(render: Render) -> list[str]:
    """In order; of a render whose ``tags`` were fetched before, or that is known to have none, without a query."""
    return sorted(tag.word for tag in render.tags.all()) if render.is_tagged else []


STATE_DETAILS = ("unconfirmed", "late")


def state_detail_of(render: Render) -> str | None:
    if render.unconfirmed:
        return "unconfirmed"
    return "late" if render.late else None


def usual_seconds_of(render: Render) -> dict[str, int] | None:
    """Within how many seconds half of such videos were there, and nine in ten; while its provider has it."""
    if render.usual_half is None or render.state != RenderState.RENDERING:
        return None
    return {"p50": render.usual_half, "p90": render.usual_most or 0}


def can_cancel(render: Render) -> bool:
    """Whether a wish to stop it can still be passed on."""
    if render.ended or render.cancel_requested_at:
        return False
    if render.is_whole or render.state in (RenderState.SPEAKING, RenderState.QUEUED):
        return render.state != RenderState.JOINING
    return render.state != RenderState.INGESTING and registry.can_stop(render.offer)


def charge_return_of(render: Render) -> dict[str, Any] | None:
    if render.returned_at is None:
        return None
    return {
        "amount": money(render.returned_micros),
        "reason": render.returned_reason,
        "at": moment(render.returned_at),
    }


def parts_of(render: Render) -> list[dict[str, Any]] | None:
    """The parts of a long video in their order; None for one that is made at once."""
    if render.parts_total is None:
        return None
    rate = render.work.rate
    return [_part(part, rate) for part in render.parts.select_related("render")]


def _part(part: Part, rate: int) -> dict[str, Any]:
    made = part.render
    charged = None if part.kept or made.charge_micros is None else money(made.charge_micros)
    return {
        "number": part.number,
        "from_ms": part.begin * 1000 // rate,
        "to_ms": part.end * 1000 // rate,
        "state": made.state,
        "kept": part.kept,
        "offer": made.offer,
        "ceiling": money(0 if part.kept else made.ceiling_micros, "ceiling"),
        "charge": charged,
        "failure": failure_of(made),
        "url": site_link(reverse("api_render_part", args=[part.whole_id, part.number])) if made.given_out else None,
    }


def failure_of(render: Render) -> dict[str, str] | None:
    if render.state != RenderState.FAILED:
        return None
    step, remedy = help_of(render.failure_code)
    return {"code": render.failure_code, "message": render.failure_message, "remedy": remedy, "next": step.value}


WITHHELD = {
    WithheldFor.FLAGGED: "The content check marked this video, and it is withheld, as was asked for.",
    WithheldFor.UNCHECKED: "Its content could not be checked, so it is withheld, as was asked for of marked videos.",
    WithheldFor.OPERATOR: "The people who run this service withhold this video.",
}


def withheld_of(render: Render) -> dict[str, Any] | None:
    if render.withheld_at is None:
        return None
    why = f"{WITHHELD[WithheldFor(render.withheld_for)]} {render.withheld_why}".strip()
    return {"reason": render.withheld_for, "message": why, "at": moment(render.withheld_at)}


class Field(NamedTuple):
    """A field of the API's render: its name, the columns of the row that it reads, and its value."""

    name: str
    columns: tuple[str, ...]
    value: Callable[[Render], Any]


def _plain(name: str, column: str = "") -> Field:
    return Field(name, (column or name,), attrgetter(column or name))


def _moment(name: str, column: str = "") -> Field:
    read = attrgetter(column or name)
    return Field(name, (column or name,), lambda render: moment(read(render)))


# Not its words, which may be many.
CAPTION_COLUMNS = ("render_id", "source", "srt", "vtt", "video", "burn", "failure", "burn_failure", "next_try_at")
FIELDS = (
    _plain("id"),
    _plain("state"),
    Field("state_detail", ("state", "tries", "late_at"), state_detail_of),
    _plain("title"),
    _plain("project", "project_id"),
    _plain("group", "group_id"),
    _plain("portrait", "portrait_id"),
    _plain("voice", "voice_id"),
    _plain("speech", "speech_id"),
    _plain("model"),
    _plain("offer"),
    _plain("routing"),
    _plain("fallback"),
    _plain("why"),
    _plain("prompt"),
    Field("options", ("options",), lambda render: options_of(render.options)),
    _plain("reference"),
    _plain("metadata"),
    Field("tags", (), tags_of),
    Field("webhook_host", ("webhook_url",), lambda render: host_of(render.webhook_url) if render.webhook_url else None),
    Field("rights", ("rights",), lambda render: render.rights or None),
    _plain("test"),
    _plain("token", "token_id"),
    Field("ceiling", ("ceiling_micros",), lambda render: money(render.ceiling_micros, "ceiling")),
    Field(
        "charge",
        ("charge_micros",),
        lambda render: None if render.charge_micros is None else money(render.charge_micros),
    ),
    Field("charge_return", ("returned_micros", "returned_at", "returned_reason"), charge_return_of),
    _plain("duration_ms", "measured_ms"),
    _plain("width"),
    _plain("height"),
    _plain("seed"),
    _plain("nsfw_content"),
    Field("withheld", ("withheld_at", "withheld_for", "withheld_why"), withheld_of),
    _plain("bytes", "video_bytes"),
    _plain("sha256", "video_sha256"),
    Field("parts", ("parts_total",), parts_of),
    Field("outputs", ("video", "poster", "withheld_at"), outputs_of),
    Field("renditions", (), renditions_of),
    Field("captions", (), captions_of),
    Field("failure", ("state", "failure_code", "failure_message"), failure_of),
    _moment("created_at"),
    _moment("finished_at"),
    _moment("cancel_requested_at"),
    Field("can_cancel", (), can_cancel),
    _moment("state_since"),
    Field("usual_seconds", ("usual_half", "usual_most"), usual_seconds_of),
    _moment("late_at"),
    _moment("give_up_at"),
    _moment("files_delete_at", "delete_at"),
    _moment("files_deleted_at"),
)
# A render has half as many columns again, which would be fetched for nothing.
COLUMNS = tuple(dict.fromkeys(column for field in FIELDS for column in field.columns))


def serialize_render(render: Render) -> dict[str, Any]:
    """As ``RenderSerializer`` documents it, which a test holds it to; not by it: a list makes twenty or more."""
    return {field.name: field.value(render) for field in FIELDS}
