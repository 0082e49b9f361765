"""The right to a face and a voice: stated by a person before the first paid video, and kept with each video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from avatarsite.legal.rights import RIGHTS_VERSION
from avatarsite.workspaces.models import ApiToken, User
from studio.errors import RequestRefused
from studio.models import RightsStatement, Speech, Upload, UploadKind
from studio.pipeline.request.render_request import RenderRequest
from studio.uploads.samples import is_sample

NOT_STATED = "Nobody has stated the right to use {} yet."
REMEDY = (
    "Make the video from the form of a new one, where it is stated. A program sends “rights”: true, or whoever manages "
    "its token states it for all that it sends, under Developers."
)


def to_state(*uploads: Upload | None) -> list[Upload]:
    """Those to which nobody has stated the right yet. What comes from this service needs nobody's word."""
    brought = [upload for upload in uploads if upload and not is_sample(upload)]
    stated = _statements(brought)
    missing = [upload for upload in brought if _original(upload) not in stated]
    ours = set(Speech.objects.filter(upload__in=missing).values_list("upload_id", flat=True)) if missing else set()
    return [upload for upload in missing if upload.pk not in ours]


def check_rights(request: RenderRequest, ceiling_micros: int) -> None:
    """That a video which costs something is of a face and a voice that may be used so. Raises RequestRefused."""
    if request.rights or request.test or not ceiling_micros:
        return
    if missing := to_state(*_brought(request)):
        raise RequestRefused("rights", "rights_not_stated", NOT_STATED.format(whose(missing)), REMEDY)


def whose(uploads: Sequence[Upload]) -> str:
    """``this face and this voice``, as far as they are among these."""
    words = {UploadKind.PORTRAIT: "this face", UploadKind.VOICE: "this voice"}
    return " and ".join(words[UploadKind(upload.kind)] for upload in uploads)


def keep_rights(request: RenderRequest, ceiling_micros: int, user: User | None) -> dict[str, Any]:
    """Note what is stated with this request, in the caller's transaction. What the video keeps of it: who and when."""
    if request.test or not ceiling_micros:
        return {}
    uploads = _brought(request)
    if request.rights:
        for upload in to_state(*uploads):
            _state(upload, user, request.token)
    stated = _statements(uploads)
    kept = {upload.kind: stated.get(_original(upload)) for upload in uploads}
    if not any(kept.values()):
        return {}
    return {kind.value: row.told if (row := kept.get(kind)) else None for kind in UploadKind}


def _state(upload: Upload, user: User | None, token: ApiToken | None) -> None:
    stated_by = token.made_by if token else user
    person = f"{stated_by.get_full_name()} ({stated_by.email})" if stated_by else "Whoever runs this service"
    told = {"user": stated_by, "person": person, "token": token, "version": RIGHTS_VERSION, "at": timezone.now()}
    RightsStatement.objects.get_or_create(upload_id=_original(upload), defaults=told)


def _brought(request: RenderRequest) -> list[Upload]:
    """Of a script the voice is ours, and there is none yet."""
    return [request.portrait] if request.spoken else [request.portrait, request.voice]


def _statements(uploads: Sequence[Upload]) -> dict[str, RightsStatement]:
    return RightsStatement.objects.in_bulk({_original(upload) for upload in uploads}) if uploads else {}


def _original(upload: Upload) -> str:
    """The id of the portrait that this one was cut from: it is the same face."""
    return str(upload.details.get("crop", {}).get("of", upload.pk))
