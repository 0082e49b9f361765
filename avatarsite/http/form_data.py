"""Multipart forms as they come from real clients.

Names in another code page are read, and a form that was cut off is refused instead of being taken for a shorter one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, load_handler
from django.http.multipartparser import MultiPartParser, MultiPartParserError

CHUNK = 1 << 16
MAX_HEADERS = 1 << 16
OLD_CODE_PAGE = "cp1252"  # Windows' own in most of the West; a name in another is garbled, and its file is taken
CUT_OFF = "The form was cut off: its last boundary is missing. Send it again, whole."


class WholeForms(FileUploadHandler):
    """Stands before Django's own handlers, which get the form as it should have been written."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803 -- Django's name
        content_length: int,  # noqa: ARG002
        boundary: Any,
        encoding: str | None = None,
    ) -> tuple[Any, Any]:
        handlers = [load_handler(path, self.request) for path in settings.FILE_UPLOAD_HANDLERS[1:]]
        whole: Any = Mended(input_data, b"--" + boundary)
        return MultiPartParser(META, whole, handlers, encoding or "utf-8").parse()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:  # noqa: ARG002 -- never asked
        return raw_data

    def file_complete(self, file_size: int) -> None:  # noqa: ARG002 -- never asked
        return None


class Mended:
    """A form's body, to be read in chunks of any size. Raises MultiPartParserError at its end if that is not one."""

    def __init__(self, source: IO[bytes], delimiter: bytes) -> None:
        self._chunks = _mended(source, delimiter)

    def read(self, _size: int | None = None) -> bytes:
        return next(self._chunks, b"")


def _mended(source: IO[bytes], delimiter: bytes) -> Iterator[bytes]:
    ahead, is_whole = b"", False
    while chunk := source.read(CHUNK):
        ahead += chunk
        while (at := ahead.find(delimiter)) >= 0:
            begins = at + len(delimiter)
            ahead = _with_headers(source, ahead, begins)
            is_whole = is_whole or ahead[begins : begins + 2] == b"--"
            ends = ahead.find(b"\r\n\r\n", begins)
            ends = min(ends, begins + MAX_HEADERS) if ends >= 0 else begins
            yield ahead[:begins] + _in_utf_8(ahead[begins:ends])
            ahead = ahead[ends:]
        keep = len(delimiter) - 1
        if len(ahead) > keep:
            yield ahead[:-keep]
            ahead = ahead[-keep:]
    if not is_whole:
        raise MultiPartParserError(CUT_OFF)
    if ahead:
        yield ahead


def _with_headers(source: IO[bytes], ahead: bytes, begins: int) -> bytes:
    """Read on until the headers of the part that begins there are whole, or the form ends there."""
    while len(ahead) < begins + MAX_HEADERS and ahead[begins : begins + 2] != b"--":
        if ahead.find(b"\r\n\r\n", begins) >= 0 or not (more := source.read(CHUNK)):
            break
        ahead += more
    return ahead


def _in_utf_8(headers: bytes) -> bytes:
    return b"\r\n".join(_line_in_utf_8(line) for line in headers.split(b"\r\n"))


def _line_in_utf_8(line: bytes) -> bytes:
    try:
        line.decode()
    except UnicodeDecodeError:
        return line.decode(OLD_CODE_PAGE, "replace").encode()
    return line
