"""A request for a video, and whether it is valid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avatarsite.workspaces.access import demand_open
from avatarsite.workspaces.errors import Suspended
from avatarsite.workspaces.models import ApiToken, Workspace
from studio.captions.wish import Wish
from studio.errors import RequestRefused
from studio.models import Project, Upload, UploadKind
from studio.pipeline.request.options import OptionRefused, checked_options
from studio.pipeline.request.quote import Terms
from studio.pipeline.request.spoken import Spoken
from studio.pipeline.request.usual_checks import checks_of
from studio.providers import registry
from studio.uploads.add import UploadRefused, check_pair
from studio.videos.tags import tidy

PROMPT_LIMIT = 2_500
TITLE_LIMIT = 120
REFERENCE_LIMIT = 200
METADATA_LIMIT, METADATA_NAME_LIMIT, METADATA_VALUE_LIMIT = 50, 40, 500


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """A request for a video. ``max_amount_micros`` is the price that they saw, of all takes: the most we hold.

    ``reference`` and ``metadata`` are the customer's own words, kept and given back. ``token`` is the API token that
    asks; one for tests gets the draft engine whatever the model, and no money moves. ``terms`` are those of the quote
    that is taken up. ``notify`` is whether the person who asks is mailed when it ends; left open, who asks by hand is,
    and who asks by a token is not. ``webhook_url`` is an address that is told of this render alone, checked before.
    Without ``accept_warnings`` a paid video is refused while something speaks against its portrait, and without
    ``rights`` while nobody has stated the right to its face and its voice.
    ``approved`` is whether a person has said yes to what its token may not spend by itself.
    """

    workspace: Workspace
    project: Project
    portrait: Upload
    voice: Upload
    model: str = "draft"
    offer: str | None = None
    routing: str = "cheapest"
    fallback: bool = True
    prompt: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    max_amount_micros: int | None = None
    token: ApiToken | None = None
    reference: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    terms: Terms | None = None
    notify: bool | None = None
    accept_warnings: bool = True
    rights: bool = True
    # Of a script: then ``voice`` is what it came to, or until it is spoken a stand-in of the length that is held for.
    spoken: Spoken | None = None
    webhook_url: str = ""
    tags: Sequence[str] = ()
    captions: Wish | None = None
    approved: bool = False

    @property
    def mails(self) -> bool:
        return self.token is None if self.notify is None else self.notify

    @property
    def voice_key(self) -> str:
        """What makes two voices the same: a script is one before and after it is spoken."""
        return self.spoken.plan.digest if self.spoken else self.voice.pk

    @property
    def speech_micros(self) -> int:
        """What speaking its script will cost, beside the video."""
        return self.spoken.ceiling_micros if self.spoken else 0

    @property
    def test(self) -> bool:
        return self.token is not None and self.token.test


def speech_micros(requests: Iterable[RenderRequest]) -> int:
    """What speaking the scripts of many costs: each of them once."""
    return sum({request.voice_key: request.speech_micros for request in requests}.values())


def validate(request: RenderRequest) -> dict[str, Any]:
    """The request's options, complete. Raises RequestRefused with the first thing that is wrong with it."""
    _check_open(request.workspace)
    _check_names(request)
    check_words(request.reference, request.metadata)
    tidy(request.tags)
    _check_length("prompt", request.prompt.strip(), PROMPT_LIMIT)
    try:
        check_pair(request.portrait, request.voice)
        options = checked_options(checks_of(request.workspace) | dict(request.options))
    except (UploadRefused, OptionRefused) as refusal:
        raise RequestRefused(refusal.field, refusal.code, refusal.message, refusal.remedy) from refusal
    return options


def check_warnings(request: RenderRequest, ceiling_micros: int) -> None:
    """That a portrait which something speaks against is paid for only by who accepts it. Raises RequestRefused."""
    if request.accept_warnings or not ceiling_micros or not request.portrait.warnings:
        return
    found = " ".join(warning["message"] for warning in request.portrait.warnings)
    raise RequestRefused("accept_warnings", "portrait_warnings", found, "Confirm it, or choose another portrait.")


def _check_open(workspace: Workspace) -> None:
    """Every door asks as well; this is for whoever asks in a customer's place."""
    try:
        demand_open(workspace)
    except Suspended as refusal:
        raise RequestRefused("workspace", "workspace_suspended", refusal.sentence) from refusal


def _check_names(request: RenderRequest) -> None:
    """That everything named exists, and in this workspace."""
    if request.model not in registry.MODELS:
        choices = ", ".join(registry.MODELS)
        found = f"There is no model {request.model!r}."
        raise RequestRefused("model", "unknown_model", found, f"Choose one of {choices}.")
    if request.portrait.kind != UploadKind.PORTRAIT or request.portrait.workspace_id != request.workspace.pk:
        found = "This is not a portrait of this workspace."
        raise RequestRefused("portrait", "not_a_portrait", found, "Choose another.")
    if request.voice.kind != UploadKind.VOICE or request.voice.workspace_id != request.workspace.pk:
        raise RequestRefused("voice", "not_a_voice", "This is not a voice track of this workspace.", "Choose another.")
    if request.project.workspace_id != request.workspace.pk or request.project.archived_at:
        raise RequestRefused("project", "no_such_project", "This project can't take videos.", "Choose another.")


def check_words(reference: str, metadata: Mapping[str, Any]) -> None:
    """That the customer's own words are within their limits, and can be stored. Raises RequestRefused."""
    _check_length("reference", reference, REFERENCE_LIMIT)
    if len(metadata) > METADATA_LIMIT:
        found = f"The metadata has {len(metadata)} entries; the limit is {METADATA_LIMIT}."
        raise RequestRefused(
            "metadata", "metadata_too_large", found, "Keep the rest on your side, under the reference."
        )
    for name, value in metadata.items():
        if not isinstance(name, str) or not isinstance(value, str):
            found = f"The metadata's {name!r} is not a text."
            raise RequestRefused("metadata", "metadata_not_text", found, "Send names and values as strings.")
        _check_length("metadata", name, METADATA_NAME_LIMIT)
        _check_length("metadata", value, METADATA_VALUE_LIMIT)


def _check_length(field: str, text: str, limit: int) -> None:
    if len(text) > limit:
        found = f"The {field} has {len(text):,} characters; the limit is {limit:,}."
        raise RequestRefused(field, f"{field}_too_long", found, "Shorten it.")
    if "\0" in text:
        raise RequestRefused(field, f"{field}_unreadable", f"The {field} has a NUL in it.", "Leave it out.")
