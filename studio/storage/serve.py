"""Responses with a stored file: in ranges, so that a video can seek. Who may have it, the view has looked at."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe

from studio.storage.local import PrivateFiles
from studio.storage.types import UNKNOWN_TYPE, content_type_of

if TYPE_CHECKING:
    from studio.storage.s3 import PrivateBucket

CHUNK_BYTES = 256 * 1024
MAX_AGE = 24 * 3600
GONE = "This file is no longer there. It was deleted, or its video was."
# If a file were something that runs, it would not: no scripts, no forms, no frames. It keeps its origin, because a
# browser that opens a video in a tab of its own fetches it a second time from there.
SANDBOX = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox allow-same-origin"
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``start`` to ``end``, without ``end``, of a file."""

    start: int
    end: int


class Slice:
    """A part of an open file, as a file that a server can send by itself. Closing it closes the whole one."""

    def __init__(self, file: BinaryIO, span: Span) -> None:
        self._file, self._span = file, span
        self.seek(0)

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        left = self._span.end - self._file.tell()
        return self._file.read(left if size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        whole = {os.SEEK_SET: self._span.start, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self._span.end}
        return self._file.seek(whole[whence] + offset) - self._span.start

    def tell(self) -> int:
        return self._file.tell() - self._span.start

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()


def serve_stored(request: HttpRequest, name: str, *, content_type: str = "") -> HttpResponseBase:
    """The stored file; from a bucket, the way to it."""
    if not isinstance(default_storage, PrivateFiles):
        return HttpResponseRedirect(_bucket_link(name, content_type), headers={"Cache-Control": "no-store"})
    return serve_local(request, name, content_type=content_type)


def serve_local(
    request: HttpRequest, name: str, *, download_as: str = "", content_type: str = "", seconds: int = MAX_AGE
) -> HttpResponseBase:
    """The file, if it is on this machine. ``seconds`` is how long its link is good for."""
    stored = _stored(name)
    if stored is None:
        return sentence(GONE, 404)
    response = _answer(request, stored)
    _describe(response, name, download_as, seconds)
    if content_type:
        response.headers["Content-Type"] = content_type
        attached = content_type == UNKNOWN_TYPE
        response.headers["Content-Disposition"] = content_disposition_header(attached, name.rsplit("/", 1)[-1]) or ""
    return response


def _bucket_link(name: str, content_type: str) -> str:
    """As ``serve_local`` would answer: what a browser could run is saved."""
    bucket = cast("PrivateBucket", default_storage)
    told = content_type or content_type_of(name)
    saved_as = name.rsplit("/", 1)[-1] if told == UNKNOWN_TYPE else ""
    return bucket.signed_link(name, download_as=saved_as, seconds=settings.FILE_LINK_SECONDS, content_type=content_type)


def serve_track(name: str) -> HttpResponse:
    """WebVTT from the page's own site: a player takes none that a bucket's link leads to."""
    with default_storage.open(name, "rb") as file:
        return HttpResponse(file.read(), content_type="text/vtt; charset=utf-8")


def sentence(text: str, status: int) -> HttpResponse:
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": SANDBOX, "X-Content-Type-Options": "nosniff"}
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8", headers=headers)


def _stored(name: str) -> Path | None:
    if not isinstance(default_storage, PrivateFiles):
        return None  # the files have moved to a bucket, which has links of its own
    try:
        found = Path(default_storage.path(name))
    except SuspiciousFileOperation:
        return None
    return found if found.is_file() else None


def _answer(request: HttpRequest, stored: Path) -> HttpResponseBase:
    facts = stored.stat()
    etag, modified = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"', int(facts.st_mtime)
    settled = get_conditional_response(request, etag, modified)
    if settled is not None:
        response: HttpResponseBase = settled
    else:
        span = _requested_span(request, facts.st_size, etag, modified)
        response = _bytes(request, stored, facts.st_size, span)
    _set(response, {"ETag": etag, "Last-Modified": http_date(modified), "Accept-Ranges": "bytes"})
    return response


def _requested_span(request: HttpRequest, size: int, etag: str, modified: int) -> Span | None:
    """The range that is asked for: None for the whole file, an empty one if it lies outside.

    More than one range, and anything that can't be understood, is answered with the whole file, as HTTP allows.
    """
    found = RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    condition = request.headers.get("If-Range")
    if not found or request.method != "GET" or (condition and not _is_current(condition, etag, modified)):
        return None
    first, last = found.groups()
    if first:
        if last and int(last) < int(first):
            return None
        return Span(int(first), min(int(last) + 1 if last else size, size))
    return Span(max(size - int(last), 0), size) if last else None


def _is_current(condition: str, etag: str, modified: int) -> bool:
    return condition == etag or parse_http_date_safe(condition) == modified


def _bytes(request: HttpRequest, stored: Path, size: int, span: Span | None) -> HttpResponseBase:
    if span and span.start >= span.end:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    if request.method == "HEAD":
        return HttpResponse(headers={"Content-Length": str(size)})
    part = span or Span(0, size)
    # Not a stream: a server that sends it by itself needs no thread for as long as somebody reads slowly.
    response = FileResponse(Slice(stored.open("rb"), part), status=206 if span else 200)
    response.block_size = CHUNK_BYTES
    response.headers["Content-Length"] = str(part.end - part.start)
    if span:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
    return response


def _describe(response: HttpResponseBase, name: str, download_as: str, left: int) -> None:
    content_type = content_type_of(name)
    attached = bool(download_as) or content_type == UNKNOWN_TYPE
    own_name = name.rsplit("/", 1)[-1]
    disposition = content_disposition_header(attached, download_as or own_name)
    _set(
        response,
        {
            "Content-Type": content_type,
            "Content-Disposition": disposition or "attachment",
            "Cache-Control": f"private, max-age={min(left, MAX_AGE)}",
            "Content-Security-Policy": SANDBOX,
            "X-Content-Type-Options": "nosniff",
        },
    )


def _set(response: HttpResponseBase, headers: dict[str, str]) -> None:
    for header, value in headers.items():
        response.headers[header] = value
