"""Boxes of an MP4: what was filmed, told apart from where its parts lie and what was signed into it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

OF_THE_FILE = (b"ftyp", b"moov", b"uuid")  # written anew when anything before the film grows


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each box of the first level. Raises ValueError if the file ends within one."""
    at = 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", content, at + 8), 16
        if size < head or at + size > len(content):
            raise ValueError(f"A box {kind!r} of {size} bytes at {at} of {len(content)}.")
        yield kind, content[at + head : at + size]
        at += size


def digest_of_film(content: bytes) -> str:
    """SHA-256 of pictures and sound, and of whatever else was put into the file by whoever made it."""
    told = hashlib.sha256()
    for kind, body in boxes(content):
        if kind not in OF_THE_FILE:
            told.update(kind + body)
    return told.hexdigest()
