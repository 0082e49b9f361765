"""Input files for remote providers: the upload itself, or a copy that all of them take, made once and kept."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from avatarsite.temporary_files import temporary_folder
from studio.media import judge
from studio.media.normalise import Normalised, normalise_portrait, normalise_voice, portrait_changes, voice_changes
from studio.models import FileKind, Upload, UploadKind
from studio.storage import ledger
from studio.storage.local import reach

# Where an upload's details keep what is sent in its place, and that nothing has to be.
DETAILS_KEY = "sent"
FITS_KEY = "sent_as_it_is"


@dataclass(frozen=True, slots=True)
class Sent:
    """A stored file as it is sent; ``changes`` are sentences, none if it looks or sounds the same."""

    name: str
    content_type: str
    bytes: int
    sha256: str
    changes: list[str] = field(default_factory=list)


def as_sent(upload: Upload) -> Sent:
    """The file for providers elsewhere; looked at, and copied if it has to be, on first use.

    Raises NormaliseFailed and StoreFailed.
    """
    own = Sent(upload.file.name or "", upload.content_type, upload.bytes, upload.sha256)
    if upload.details.get(FITS_KEY):
        reach()
        return own
    kept = kept_copy(upload)
    if kept and default_storage.exists(kept.name):
        return kept
    with temporary_folder("inputs-") as folder:
        source = folder / "source"
        with upload.file.open("rb") as stored, source.open("wb") as copy:
            shutil.copyfileobj(stored, copy)
        make = normalise_portrait if upload.kind == UploadKind.PORTRAIT else normalise_voice
        made = judge.copy_for_providers(make, source, folder, owner=upload.workspace_id)
        if made.path == source:
            _remember(upload, FITS_KEY, True)
            return own
        return _keep(upload, made)


def kept_copy(upload: Upload) -> Sent | None:
    """The changed copy, if one has been made."""
    kept = upload.details.get(DETAILS_KEY)
    return Sent(**kept) if kept else None


def changes_when_sent(upload: Upload) -> list[str]:
    """What will be changed for a provider elsewhere, by what is known of the upload. Opens no file."""
    kept = kept_copy(upload)
    if kept:
        return kept.changes
    if upload.kind == UploadKind.PORTRAIT:
        return portrait_changes(
            width=upload.width or 0, height=upload.height or 0, size=upload.bytes, content_type=upload.content_type
        )
    codec, clear = upload.details.get("codec", ""), not upload.details.get("unclear")
    if not codec:
        return []
    return voice_changes(content_type=upload.content_type, codec=codec, size=upload.bytes, clear=clear)


def _keep(upload: Upload, made: Normalised) -> Sent:
    """Beside the upload, under a name that derives from its id, so that a repeat writes the same file again."""
    with made.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        name = f"w/{upload.workspace_id}/uploads/{upload.pk}.sent.{made.extension}"
        ledger.store(upload.workspace, name, File(file), FileKind.COPY)
    sent = Sent(name, made.content_type, made.path.stat().st_size, digest, made.changes)
    with transaction.atomic():
        _remember(upload, DETAILS_KEY, asdict(sent))
        ledger.keep(name)
    return sent


def _remember(upload: Upload, key: str, value: Any) -> None:
    with transaction.atomic():
        row = Upload.objects.select_for_update().get(pk=upload.pk)
        upload.details = row.details | {key: value}
        Upload.objects.filter(pk=upload.pk).update(details=upload.details)
