"""Customers' media that come by name instead of as a file: fetched from their address, or read out of the text itself.

An address is asked only if it resolves to a public one, and stays pinned to it; so does every redirect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote

from django.conf import settings
from django.core.files.base import ContentFile, File

from avatarsite.http.client import run
from avatarsite.http.encodings import BadCoding, Decoder
from avatarsite.http.get import get_public
from avatarsite.http.pinning import NO_ANSWER
from avatarsite.http.public_addresses import AddressRefused, parsed, trimmed
from avatarsite.temporary_files import temporary_file
from avatarsite.web.places import Place
from avatarsite.workspaces.models import User, Workspace
from studio.media.errors import Refusal, UploadRefused
from studio.media.portraits import portraits
from studio.media.voices import voices
from studio.models import Upload, UploadKind
from studio.providers.http.addresses import Bases
from studio.providers.http.asking import unanswered
from studio.providers.types import Failure, Fault, ProviderError
from studio.uploads import data_uris
from studio.uploads.add import add_upload
from studio.uploads.data_uris import is_data_uri

__all__ = ["FileNotFetched", "fetch_upload", "inline_upload", "is_address", "is_data_uri", "read_data_uri", "trimmed"]

SECONDS = 60.0
URL_LIMIT = 4_000
PUT_WHERE = "Put it where it can be fetched from by anybody, or send the file itself."
WRITE_IT = "Write it as data:<type>;base64,<the file>, or give an address."
MAX_BYTES = {UploadKind.PORTRAIT: portraits.MAX_BYTES, UploadKind.VOICE: voices.MAX_BYTES}
UNREACHABLE = {UploadKind.PORTRAIT: Refusal.PORTRAIT_UNREACHABLE, UploadKind.VOICE: Refusal.VOICE_UNREACHABLE}
UNREADABLE = {UploadKind.PORTRAIT: Refusal.PORTRAIT_UNREADABLE, UploadKind.VOICE: Refusal.VOICE_UNREADABLE}


class FileNotFetched(UploadRefused):
    """The address gave no file. ``retryable`` says whether it may give one later."""

    def __init__(self, kind: UploadKind, message: str, *, retryable: bool = False) -> None:
        super().__init__(UNREACHABLE[kind], message, PUT_WHERE)
        self.retryable = retryable


def fetch_upload(
    workspace: Workspace, *, kind: UploadKind, url: str, user: User | None = None, seconds: float = SECONDS
) -> Upload:
    """The file behind ``url`` as an upload, judged like any other. Never call it inside a transaction.

    Raises FileNotFetched when the address gives no file within ``seconds``, and UploadRefused for what the file is; in
    a request NoPlace when too many fetch already, and ClientGone.
    """
    kind, url = UploadKind(kind), trimmed(url)
    with temporary_file("fetched-") as copy:
        fetch_file(workspace, url, copy, kind=kind, seconds=seconds)
        copy.seek(0)
        return add_upload(workspace, kind=kind, file=File(copy), name=_name_of(url), user=user)


def fetch_file(workspace: Workspace, url: str, into: Any, *, kind: UploadKind, seconds: float = SECONDS) -> str:
    """Write what ``url`` gives into a file, as far as it may be large, and return its content type."""
    try:
        with Place(workspace.pk) as place:
            return run(place.wanted, _fetch(trimmed(url), into, kind, _check_bytes(kind), seconds))
    except AddressRefused as refusal:
        raise FileNotFetched(kind, refusal.of_link) from refusal
    except ProviderError as error:
        found = f"The {kind} could not be fetched from {_host(url)}: {error.failure.message.rstrip('.')}."
        raise FileNotFetched(kind, found, retryable=True) from error


def inline_upload(workspace: Workspace, *, kind: UploadKind, text: str, user: User | None = None) -> Upload:
    """The file that a data URI or bare base64 spells out, as an upload. Raises UploadRefused."""
    kind = UploadKind(kind)
    content = read_data_uri(text, kind=kind)
    return add_upload(workspace, kind=kind, file=ContentFile(content), name=kind.value, user=user)


def read_data_uri(text: str, *, kind: UploadKind) -> bytes:
    """The bytes of a data URI, or of bare base64. Raises UploadRefused when they can't be read or are too many."""
    kind = UploadKind(kind)
    spelt = data_uris.spelt_bytes(text)
    if spelt > MAX_BYTES[kind]:
        _check_bytes(kind)(spelt)
    try:
        return data_uris.read(text)
    except data_uris.Unreadable as error:
        raise UploadRefused(UNREADABLE[kind], f"The {kind} {error}", WRITE_IT) from error


def is_address(text: str) -> bool:
    """Whether it is meant as an address to fetch from; anything else spells the file out."""
    return trimmed(text)[:8].lower().startswith(("http://", "https://"))


def trusted_sources() -> Bases:
    """Origins that the operator lets media come from although they are not public."""
    return Bases(tuple(settings.TRUSTED_MEDIA_SOURCES))


async def _fetch(url: str, into: BinaryIO, kind: UploadKind, check: Callable[[int], None], seconds: float) -> str:
    if len(url) > URL_LIMIT:
        raise FileNotFetched(kind, f"The address of the {kind} has more than {URL_LIMIT:,} characters.")
    try:
        async with asyncio.timeout(seconds), get_public(url, trusted_sources().may_get_key) as response:
            _check_status(url, kind, response.status_code)
            decoder = Decoder(response.headers.get("content-encoding", ""))
            announced = response.headers.get("content-length", "")
            if decoder.is_plain and announced.isdecimal():
                check(int(announced))
            size = 0
            async for chunk in response.aiter_raw():
                for piece in decoder.feed(chunk):
                    size += len(piece)
                    check(size)
                    into.write(piece)
            for piece in decoder.end():
                into.write(piece)
            return str(response.headers.get("content-type", ""))
    except TimeoutError as error:
        message = f"It did not come within {seconds:.0f} seconds."
        raise ProviderError(Failure(Fault.TIMEOUT, "too_slow", message, retryable=True)) from error
    except BadCoding as error:
        raise FileNotFetched(kind, f"What {_host(url)} sent as the {kind} can’t be read. {error}") from error
    except NO_ANSWER as error:
        raise unanswered(error) from error


def _check_status(url: str, kind: UploadKind, status: int) -> None:
    if status != 200:
        found = f"The {kind} could not be fetched: {_host(url)} answered {status}."
        raise FileNotFetched(kind, found, retryable=status >= 500 or status in (408, 425, 429))


def _check_bytes(kind: UploadKind) -> Callable[[int], None]:
    return portraits.check_bytes if kind == UploadKind.PORTRAIT else voices.check_bytes


def _host(url: str) -> str:
    """What may be shown of an address: what stands behind its host may be a signature."""
    named = parsed(url)
    return (named.host if named else "") or "the address"


def _name_of(url: str) -> str:
    named = parsed(url)
    return PurePosixPath(unquote(named.path)).name if named else ""
