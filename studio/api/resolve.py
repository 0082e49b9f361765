"""Resolution of an input into a request, and of what it names: media by id, address or data URI; projects by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from avatarsite.workspaces.models import ApiToken, User, Workspace
from studio.captions.wish import Wish, wish_of
from studio.errors import RequestRefused
from studio.media.captions.errors import CaptionsRefused
from studio.models import Project, Upload, UploadKind
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.spoken import Spoken, spoken_of
from studio.pipeline.request.usual import usual_of
from studio.projects import open_projects, project_for_new_video
from studio.speech.plan import SpeechWish
from studio.uploads.fetch import fetch_upload, inline_upload, is_address, is_data_uri, trimmed

PREFIX = "upl_"
MIN_LONG_SCRIPT = 300  # characters: thirty of the longest pauses are five minutes
NAMED = (
    "model",
    "prompt",
    "title",
    "reference",
    "metadata",
    "max_amount_micros",
    "notify",
    "accept_warnings",
    "webhook_url",
    "tags",
)


def from_body(  # noqa: PLR0913 -- a body, and what it names
    token: ApiToken,
    asked: Mapping[str, Any],
    *,
    project: Project,
    portrait: Upload,
    voice: Upload,
    captions: Wish | None = None,
    spoken: Spoken | None = None,
) -> RenderRequest:
    """A body as the request that the pipeline takes."""
    options = dict(asked.get("options", {}))
    if "takes" in asked:
        options["takes"] = asked["takes"]
    return RenderRequest(
        workspace=token.workspace,
        project=project,
        portrait=portrait,
        voice=voice,
        spoken=spoken,
        options=options,
        token=token,
        captions=captions,
        rights=asked.get("rights", False) or bool(token.rights),
        **routing_of(token.workspace, asked),
        **{name: asked[name] for name in NAMED if name in asked},
    )


def captions(asked: Mapping[str, Any], voice: Upload) -> Wish | None:
    """The captions that a body wishes for, judged by the voice that is to be heard. Raises RequestRefused."""
    wished = asked.get("captions")
    try:
        return wish_of(wished, voice, length_ms=voice.duration_ms or 0) if wished else None
    except CaptionsRefused as refusal:
        refusal.field = f"captions.{refusal.field}"
        raise


def routing_of(workspace: Workspace, asked: Mapping[str, Any]) -> dict[str, Any]:
    """``routing`` and ``fallback`` as a body names them, or as the workspace usually has them."""
    usual = usual_of(workspace)
    return {"routing": asked.get("routing", usual.routing), "fallback": asked.get("fallback", usual.fallback)}


def speech_wish_of(token: ApiToken, asked: Mapping[str, Any]) -> SpeechWish:
    """A script as a body has it."""
    named = {name: asked[name] for name in ("voice", "pace") if name in asked}
    return SpeechWish(token.workspace, asked["script"], user=token.made_by, token=token, **named)


def media(token: ApiToken, asked: Mapping[str, Any], *, user: User | None) -> tuple[Upload, Upload, Spoken | None]:
    """The portrait and the voice that a body means. May go out to the network, so never inside a transaction.

    For a script the voice is what it came to, or a stand-in. Raises RequestRefused or UploadRefused.
    """
    workspace = token.workspace
    if isinstance(asked["voice"], dict):
        spoken, stand_in = spoken_of(speech_wish_of(token, asked["voice"]))
        return _portrait(workspace, asked["portrait"], user), stand_in, spoken
    texts = [asked[kind.value] for kind in UploadKind]
    portrait, voice = (trimmed(text) if trimmed(text).startswith(PREFIX) else "" for text in texts)
    known = known_uploads(workspace, filter(None, (portrait, voice)))
    portrait_upload, voice_upload = (
        of_kind(known, kind, pk) if pk else _brought(workspace, kind, text, user)
        for kind, text, pk in zip(UploadKind, texts, (portrait, voice), strict=True)
    )
    return portrait_upload, voice_upload, None


def _portrait(workspace: Workspace, text: str, user: User | None) -> Upload:
    pk = trimmed(text) if trimmed(text).startswith(PREFIX) else ""
    if not pk:
        return _brought(workspace, UploadKind.PORTRAIT, text, user)
    return of_kind(known_uploads(workspace, [pk]), UploadKind.PORTRAIT, pk)


def _brought(workspace: Workspace, kind: UploadKind, text: str, user: User | None) -> Upload:
    """The upload that is made of an address or of a data URI."""
    if is_address(text):
        return fetch_upload(workspace, kind=kind, url=text, user=user)
    if is_data_uri(text):
        return inline_upload(workspace, kind=kind, text=text, user=user)
    found = f"The {kind} is neither the id of an upload nor an address nor a data URI."
    raise RequestRefused(kind.value, "not_media", found, "Send one of the three.")


def known_uploads(workspace: Workspace, named: Iterable[object]) -> dict[str, Upload]:
    """By id; what is none, such as a script, is passed over."""
    ids = {name for name in named if isinstance(name, str)}
    return {row.pk: row for row in Upload.objects.for_workspace(workspace).filter(pk__in=ids)}


def of_kind(known: Mapping[str, Upload], kind: UploadKind, pk: str) -> Upload:
    """The one that an id means. Raises RequestRefused when it isn't among those known, or is of the other kind."""
    upload = known.get(pk)
    if upload is None or upload.kind != kind:
        found = f"There is no {kind} with the id {pk!r} in this workspace."
        raise RequestRefused(kind.value, "no_such_upload", found, "Upload it first.")
    return upload


def known_voice(token: ApiToken, known: Mapping[str, Upload], asked: Any) -> tuple[Upload, Spoken | None]:
    """Of an id among those that are known, or of a script. Raises RequestRefused."""
    if not isinstance(asked, dict):
        return of_kind(known, UploadKind.VOICE, asked), None
    spoken, voice = spoken_of(speech_wish_of(token, asked))
    return voice, spoken


def stored_voices(token: ApiToken, items: Iterable[Mapping[str, Any]]) -> list[tuple[Upload, str]]:
    """Each voice that bodies mean and that is there, with the model: of an id, or of a script that was spoken before.

    What is wrong with the others is said by whoever resolves them.
    """
    named = [(item["voice"], item.get("model", "draft")) for item in items if "voice" in item]
    known = known_uploads(token.workspace, [voice for voice, _ in named])
    found = []
    for asked, model in named:
        if isinstance(asked, str) and asked in known:
            found.append((known[asked], model))
        elif isinstance(asked, dict) and len(asked["script"]) >= MIN_LONG_SCRIPT:
            with suppress(RequestRefused):
                spoken, voice = spoken_of(speech_wish_of(token, asked))
                found += [(voice, model)] if spoken.ready else []
    return found


def project(workspace: Workspace, pk: str | None) -> Project:
    """The project by id, or the first open one. Raises RequestRefused."""
    if pk is None:
        return project_for_new_video(workspace)
    found = open_projects(workspace).filter(pk=pk).first()
    if found is None:
        sentence = f"There is no open project with the id {pk!r} in this workspace."
        raise RequestRefused("project", "no_such_project", sentence, "Choose one of /projects, or leave it out.")
    return found
