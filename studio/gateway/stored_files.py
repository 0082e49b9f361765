"""Stored files: what a client puts here before it uses it, kept as they came, judged when a request uses them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import PurePosixPath
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from avatarsite.temporary_files import temporary_file
from avatarsite.workspaces.models import ApiToken, Workspace
from studio.gateway.models import GatewayFile
from studio.models import FileKind, StoredFile, Upload, UploadKind
from studio.storage import ledger
from studio.storage.types import CONTENT_TYPES
from studio.uploads.add import add_upload
from studio.uploads.fetch import FileNotFetched, trimmed

LIFE = timedelta(days=30)
MAX_LIFE = timedelta(days=30)
BEGUN_KEPT = timedelta(days=1)  # a place whose bytes have not come by then is given up
MAX_BYTES = 120_000_000  # five minutes of 48 kHz stereo in 32 bits
MAX_PARTS = 32  # clients send parts of 5 to 10 MB
PART_BYTES = 16_000_000
CHUNK = 1 << 20
NO_SUCH_FILE = "There is no such file here, or it has expired."
# Whatever else it calls itself, a browser is to save it and not to run it.
SHOWN_TYPES = frozenset(CONTENT_TYPES.values()) | {"image/webp", "image/gif", "image/avif"}
OTHER_NAMES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "audio/mp3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
}
OWN_PATH = re.compile(r"/compat/fal/cdn/files/b/([0-9a-f-]{36})(?:/|$)")


class TooLarge(ValueError):
    def __init__(self, most: int = MAX_BYTES) -> None:
        super().__init__(f"The file, or its part, is larger than {most // 1_000_000} MB.")


class Empty(ValueError):
    def __init__(self) -> None:
        super().__init__("The body is empty, and nothing was kept. Send the bytes of the file.")


class PartsDiffer(ValueError):
    """The parts that are listed are not the parts that came."""


def new_file(
    workspace: Workspace, *, name: str, content_type: str, life: timedelta | None = None, token: ApiToken | None = None
) -> GatewayFile:
    """A place for a file that is to come; ``token`` is whose end is the end of an address that takes it.

    A longer ``life`` than MAX_LIFE is cut to it. Raises StorageFull.
    """
    ledger.check_room(workspace, 1)
    return GatewayFile.objects.create(
        workspace=workspace,
        token=token,
        name=_plain(name),
        content_type=_type(content_type),
        expires_at=timezone.now() + min(life or LIFE, MAX_LIFE),
    )


def keep(file: GatewayFile, content: File[Any]) -> bool:
    """Put the bytes in their place, once. False if somebody was first. Raises StorageFull and StorageTooFast."""
    return _keep(file, content)


def _keep(file: GatewayFile, content: File[Any], instead_of: int = 0) -> bool:
    # Under a name of its own: of two at once the second must not replace what the first is known by.
    name = f"{_folder(file)}.{token_hex(4)}.bin"
    stored = ledger.store(file.workspace, name, content, FileKind.GATEWAY, instead_of=instead_of)
    with transaction.atomic():
        first = GatewayFile.objects.filter(pk=file.pk, bytes=None).update(file=stored, bytes=content.size)
        if first:
            ledger.keep(stored)
        else:
            ledger.let_go(stored)
    if first:
        file.file.name, file.bytes = stored, content.size
    return bool(first)


def find_file(workspace: Workspace, file_id: UUID) -> GatewayFile | None:
    here = GatewayFile.objects.for_workspace(workspace).exclude(bytes=None)
    return here.filter(pk=file_id, expires_at__gt=timezone.now()).first()


def open_file(file_id: UUID) -> GatewayFile | None:
    """For whoever holds its link: the id in it is not to be guessed."""
    return GatewayFile.objects.exclude(bytes=None).filter(pk=file_id, expires_at__gt=timezone.now()).first()


def delete_file(file: GatewayFile) -> None:
    """The uploads that were made of it stay, as the videos that use them do."""
    name = file.file.name if file.file else ""
    with transaction.atomic():
        GatewayFile.objects.filter(pk=file.pk).delete()
        ledger.let_go(name)


def begun_and_left() -> QuerySet[GatewayFile]:
    return GatewayFile.objects.filter(bytes=None, created_at__lte=timezone.now() - BEGUN_KEPT)


def delete_whole(file: GatewayFile) -> None:
    """The bytes first: a row that still names them is found again, bytes that no row names would never be."""
    _drop_parts(file)
    if file.file and file.file.name:
        ledger.drop(file.file.name)
    GatewayFile.objects.filter(pk=file.pk).delete()


def upload_of(workspace: Workspace, source: str, kind: UploadKind) -> Upload | None:
    """The upload that a file of ours makes, by its UUID or by our link to it; None for an address elsewhere.

    Raises FileNotFetched for a file that is not there, or is another workspace's; and UploadRefused for what it is.
    """
    file_id = _own_id(source)
    if file_id is None:
        return None
    file = find_file(workspace, file_id)
    if file is None:
        raise FileNotFetched(kind, NO_SUCH_FILE)
    with file.file.open("rb") as opened:
        return add_upload(workspace, kind=kind, file=opened, name=file.name)


# --- Files that come in parts


def keep_part(file: GatewayFile, number: int, content: bytes) -> str:
    """Keep a part, and return what the client has to name it by in the end.

    Raises PartsDiffer, Empty or TooLarge, and StorageFull or StorageTooFast.
    """
    if not content:
        raise Empty
    if len(content) > PART_BYTES:
        raise TooLarge(PART_BYTES)
    if not 1 <= number <= MAX_PARTS:
        raise PartsDiffer(f"Parts are numbered from 1 to {MAX_PARTS}.")
    name = _part(file, number)
    ledger.store(file.workspace, name, ContentFile(content), FileKind.PART)
    return _digest(content)


def join_parts(file: GatewayFile, listed: dict[int, str]) -> bool:
    """Make one file of the parts, in their order. Raises PartsDiffer or TooLarge."""
    if not listed or any(type(number) is not int or not 1 <= number <= MAX_PARTS for number in listed):
        raise PartsDiffer("List each part by its number, as it came.")
    with temporary_file("gateway-") as whole:
        size = 0
        for number in sorted(listed):
            content = _read_part(file, number)
            size += len(content)
            if size > MAX_BYTES:
                raise TooLarge
            if _digest(content) != listed[number]:
                raise PartsDiffer(f"Part {number} is not the one that came.")
            whole.write(content)
        whole.seek(0)
        kept = _keep(file, File(whole, name=file.name), ledger.bytes_under(file.workspace, _parts(file)))
    _drop_parts(file)
    return kept


@contextmanager
def received(chunks: Iterator[bytes]) -> Iterator[File[Any]]:
    """The body of a request as a file on our disk. Raises TooLarge at the limit, and Empty."""
    with temporary_file("gateway-") as copy:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > MAX_BYTES:
                raise TooLarge
            copy.write(chunk)
        if not size:
            raise Empty
        copy.seek(0)
        yield File(copy, name="file")


def _type(named: str) -> str:
    """A content type without its parameters, under its right name."""
    found = named.partition(";")[0].strip().lower()[:100]
    return OTHER_NAMES.get(found, found)


def shown_type(file: GatewayFile) -> str:
    return file.content_type if file.content_type in SHOWN_TYPES else "application/octet-stream"


def _read_part(file: GatewayFile, number: int) -> bytes:
    try:
        with default_storage.open(_part(file, number), "rb") as part:
            return bytes(part.read())
    except OSError as error:
        raise PartsDiffer(f"Part {number} has not come.") from error


def _drop_parts(file: GatewayFile) -> None:
    for part in StoredFile.objects.for_workspace(file.workspace).filter(pk__startswith=_parts(file)):
        ledger.drop(part.pk)


def _own_id(source: str) -> UUID | None:
    source = trimmed(source)
    if len(source) > 2_000:
        return None
    with suppress(ValueError):
        return UUID(source)
    if not source.startswith(settings.SITE_URL + "/"):
        return None
    with suppress(ValueError):
        found = OWN_PATH.match(urlsplit(source).path)
        return UUID(found[1]) if found else None
    return None


def _folder(file: GatewayFile) -> str:
    return f"w/{file.workspace_id}/gateway/{file.pk}"


def _part(file: GatewayFile, number: int) -> str:
    return f"{_parts(file)}{number}"


def _parts(file: GatewayFile) -> str:
    return f"{_folder(file)}.parts/"


def _digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _plain(name: str) -> str:
    """The last part of a name, in any script, with nothing in it that an address or a header would read."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    stem, ending = PurePosixPath(last).stem, PurePosixPath(last).suffix
    return (_words(stem)[-60:].strip("_.") or "file") + _words(ending)[:20]


def _words(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text)
