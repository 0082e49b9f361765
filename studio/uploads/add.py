"""Uploads: a portrait or a voice taken into a workspace, and deleted again."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.db.models import Q

from avatarsite.temporary_files import temporary_file
from avatarsite.web.places import JUDGING, Place
from avatarsite.workspaces.models import User, Workspace
from studio.media import judge
from studio.media.errors import Refusal, UploadRefused
from studio.media.portraits import portraits
from studio.media.voices import voices
from studio.models import FileKind, Project, Render, Upload, UploadKind
from studio.models.uploads import upload_id
from studio.storage import ledger
from studio.storage.filenames import clean_name
from studio.uploads import thumbnails
from studio.uploads.listening import listen_ahead

__all__ = ["Refusal", "UploadRefused", "add_upload", "check_pair", "delete_upload"]

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Copy:
    """What is stored of an upload; of a voice there is no thumbnail."""

    content: File[Any]
    extension: str
    thumbnail: bytes = b""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The bytes as they came, on our disk."""

    path: Path
    sha256: str


def add_upload(  # noqa: PLR0913 -- they are what is known of it
    workspace: Workspace,
    *,
    kind: UploadKind,
    file: File[Any],
    name: str,
    user: User | None = None,
    instead_of: int = 0,
    details: Mapping[str, Any] | None = None,
    script: str = "",
    sentences: Sequence[Sequence[Any]] = (),
) -> Upload:
    """Judge a file, store it and write its row; bytes that the workspace already has give the row that they have.

    Raises UploadRefused for anything that isn't a usable portrait or voice, and StorageFull or StorageTooFast without
    room for it; then nothing is stored or written. In a request NoPlace, when too many are judged already.
    ``instead_of`` bytes of the workspace go once it is an upload. ``details`` are kept beside what is seen of it, and
    of a voice that was made of a ``script``, so are that and its ``sentences``.
    """
    kind = UploadKind(kind)
    with _arrived(file, kind) as arrival:
        known = _same_bytes(workspace, kind, arrival.sha256)
        if known:
            return known
        ledger.check_room(workspace, arrival.path.stat().st_size, instead_of=instead_of, field=kind.value)
        upload = Upload(
            id=upload_id(),
            workspace=workspace,
            kind=kind,
            name=clean_name(name, otherwise=kind.value),
            sha256=arrival.sha256,
            created_by=user,
            script=script,
            sentences=list(sentences),
        )
        # It may stand in the sandbox's queue, in a thread of the web server.
        with Place(workspace.pk, JUDGING), _judged(upload, arrival) as copy:
            upload.details.update(details or {})
            return _keep(upload, copy, instead_of)


def check_size(kind: UploadKind, size: int) -> None:
    """Raises UploadRefused for a number of bytes that no file of the kind may have."""
    (portraits.check_bytes if kind == UploadKind.PORTRAIT else voices.check_bytes)(size)


def check_pair(portrait: Upload, voice: Upload) -> None:
    """Whether the two can be rendered together, by today's limits. Raises UploadRefused. Reads nothing but the rows."""
    _check_kind(portrait, UploadKind.PORTRAIT)
    _check_kind(voice, UploadKind.VOICE)
    if portrait.workspace_id != voice.workspace_id:
        sentence = "The voice belongs to another workspace than the portrait."
        raise UploadRefused(Refusal.VOICE_ELSEWHERE, sentence, "Upload it to this workspace too.")
    portraits.check_sides(portrait.width or 0, portrait.height or 0)
    voices.check_length(voice.duration_ms or 0)


def delete_upload(upload: Upload) -> None:
    """Delete the row and, once that is committed, the file. Raises UploadRefused while a video or project uses it."""
    with transaction.atomic():
        # The lock keeps a render that is being asked for right now from pointing at nothing.
        locked = Upload.objects.select_for_update().filter(pk=upload.pk).first()
        if locked is None:
            return
        _check_unused(locked)
        stored = (
            locked.file.name,
            locked.details.get("sent", {}).get("name"),
            locked.details.get(thumbnails.DETAILS_KEY),
        )
        locked.delete()
        ledger.let_go(*stored)


@contextmanager
def _arrived(file: File[Any], kind: UploadKind) -> Iterator[Arrival]:
    """Copy the bytes to a file of our own, hashing on the way; a file over the limit is refused at the limit."""
    check_bytes = partial(check_size, kind)
    if known_size := getattr(file, "size", None):
        check_bytes(known_size)
    digest = hashlib.sha256()
    with temporary_file("upload-") as copy:
        size = 0
        for chunk in file.chunks(CHUNK_BYTES):
            size += len(chunk)
            check_bytes(size)
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        check_bytes(size)
        yield Arrival(Path(copy.name), digest.hexdigest())


@contextmanager
def _judged(upload: Upload, arrival: Arrival) -> Iterator[Copy]:
    """Fill in what the media say; gives what to store."""
    if upload.kind == UploadKind.PORTRAIT:
        portrait = judge.portrait(arrival.path, owner=upload.workspace_id)
        upload.width, upload.height = portrait.width, portrait.height
        upload.content_type, upload.details = portrait.content_type, portrait.details
        yield Copy(File(io.BytesIO(portrait.data)), portrait.extension, portrait.thumbnail)
    else:
        voice = judge.voice(arrival.path, owner=upload.workspace_id)
        upload.duration_ms = voice.duration_ms
        upload.content_type, upload.details = voice.content_type, voice.details
        with arrival.path.open("rb") as bytes_as_they_came:
            yield Copy(File(bytes_as_they_came), voice.extension)


def _keep(upload: Upload, copy: Copy, instead_of: int) -> Upload:
    """Files first, then row: a row without its file would be worse than a file without its row, which is removed."""
    upload.bytes = copy.content.size
    name, whose = f"w/{upload.workspace_id}/uploads/{upload.pk}.{copy.extension}", upload.workspace
    stored = [ledger.store(whose, name, copy.content, FileKind.UPLOAD, instead_of=instead_of, field=upload.kind)]
    upload.file.name = stored[0]
    try:
        if copy.thumbnail:
            stored.append(thumbnails.store_thumbnail(upload, copy.thumbnail))
            upload.details[thumbnails.DETAILS_KEY] = stored[-1]
        with transaction.atomic():
            upload.save(force_insert=True)
            ledger.keep(*stored)
            listen_ahead(upload)
    except IntegrityError:
        ledger.let_go(*stored)
        # The same bytes came twice at once, and the other was first.
        first = _same_bytes(upload.workspace, UploadKind(upload.kind), upload.sha256)
        if first is None:
            raise
        return first
    except BaseException:
        ledger.let_go(*stored)
        raise
    return upload


def _same_bytes(workspace: Workspace, kind: UploadKind, sha256: str) -> Upload | None:
    return Upload.objects.for_workspace(workspace).filter(kind=kind, sha256=sha256).first()


def _check_kind(upload: Upload, kind: UploadKind) -> None:
    if upload.kind == kind:
        return
    wrong = {UploadKind.PORTRAIT: Refusal.PORTRAIT_WRONG_KIND, UploadKind.VOICE: Refusal.VOICE_WRONG_KIND}[kind]
    raise UploadRefused(wrong, f"The {kind} is a {upload.kind}: “{upload.name}”.", f"Choose a {kind}.")


def _check_unused(upload: Upload) -> None:
    code = Refusal.PORTRAIT_IN_USE if upload.kind == UploadKind.PORTRAIT else Refusal.VOICE_IN_USE
    used = Render.objects.filter(Q(portrait=upload) | Q(voice=upload), whole=None)
    videos = used.count()
    if videos:
        count = "a video" if videos == 1 else f"{videos} videos"
        sentence = f"The {upload.kind} “{upload.name}” is used by {count}."
        where = " Those in the bin count: empty it, too." if used.exclude(purge_at=None).exists() else ""
        raise UploadRefused(code, sentence, f"Delete {'that' if videos == 1 else 'those'} first.{where}")
    project = Project.objects.filter(portrait=upload).first()
    if project:
        sentence = f"The {upload.kind} “{upload.name}” is the portrait of the project “{project.name}”."
        raise UploadRefused(code, sentence, "Choose another portrait for the project first.")
