"""Types that every store of files shares: content types, an entry of a listing, a link's span of time, the error."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "gif": "image/gif",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "c2pa": "application/c2pa",
}
UNKNOWN_TYPE = "application/octet-stream"


class StoreFailed(OSError):
    """A file could not be stored now. The sentence says why, and may be shown."""


def content_type_of(name: str) -> str:
    """By our own names' endings. A voice recorded as WebM is told from a video by its folder."""
    path = PurePosixPath(name)
    found = CONTENT_TYPES.get(path.suffix.lstrip(".").lower(), UNKNOWN_TYPE)
    return "audio/webm" if found == "video/webm" and path.parent.name == "uploads" else found


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as the store lists it."""

    name: str
    bytes: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """The span of time that all links made within it share, in seconds since 1970."""

    start: int
    end: int

    @classmethod
    def around_now(cls, seconds: int) -> Window:
        step = max(seconds // 4, 1)
        start = int(time.time()) // step * step
        return cls(start, start + step + seconds)
