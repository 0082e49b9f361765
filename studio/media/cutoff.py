"""Signs that a sound file was cut off: its header promises more than there is, or it ends inside a frame."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import av

from studio.media.boxes import top_boxes
from studio.media.frames import adts_frame_bytes, mp3_frame_bytes, skip_tags
from studio.media.signatures import Content

LARGEST_OGG_PAGE = 65_307
# Programs that write to a pipe can't know the length of a WAV, and fill in sizes from here on.
WAV_UNKNOWN = 0x7FFF0000


def promised_ms(path: Path, content: Content, container: av.container.InputContainer) -> int | None:
    """The length that the file itself gives, or None where it gives none and the decoder would only guess it."""
    if content is Content.WAV:
        return _wav_ms(path)
    if content is Content.AAC or (content is Content.MP3 and not _has_frame_count(path)):
        return None
    stream = container.streams.audio[0]
    if stream.duration is not None and stream.time_base is not None:
        return int(stream.duration * stream.time_base * 1000)
    return container.duration // 1000 if container.duration and content is Content.WEBM else None


def is_cut(path: Path, content: Content) -> bool:
    """Whether the file ends before its container does."""
    with path.open("rb") as file:
        if content is Content.OGG:
            return _ogg_page_is_cut(file)
        if content is Content.MP4:
            return any(box.end > path.stat().st_size for box in top_boxes(file))
        return content is Content.WEBM and _segment_end(file) > path.stat().st_size


def ends_inside(content: Content, last: bytes) -> bool:
    """Whether ``last``, the last packet, is only the beginning of a frame."""
    if content is Content.MP3:
        return len(last) < mp3_frame_bytes(last)
    return content is Content.AAC and len(last) < adts_frame_bytes(last)


def _wav_ms(path: Path) -> int | None:
    """From the data chunk's declared size, which FFmpeg quietly lowers to what is there."""
    bytes_per_second = 0
    with path.open("rb") as file:
        if file.read(12)[:4] != b"RIFF":
            return None
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                known = bytes_per_second and 0 < size < WAV_UNKNOWN
                return size * 1000 // bytes_per_second if known else None
            start = file.tell()
            if head[:4] == b"fmt ":
                bytes_per_second = int.from_bytes(file.read(12)[8:12], "little")
            file.seek(start + size + size % 2)
    return None


def _has_frame_count(path: Path) -> bool:
    """Whether the first MP3 frame carries the count that encoders leave there; otherwise lengths are guesses."""
    with path.open("rb") as file:
        skip_tags(file)
        first = file.read(2048)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def _segment_end(file: BinaryIO) -> int:
    """Where a WebM's one segment says that it ends; 0 when it was written without knowing, as browsers do."""
    head = file.read(1024)
    header = _element(head, 4)
    if header is None:
        return 0
    at = header[0] + header[1]
    if head[at : at + 4] != b"\x18\x53\x80\x67":
        return 0
    segment = _element(head, at + 4)
    return segment[0] + segment[1] if segment else 0


def _element(head: bytes, at: int) -> tuple[int, int] | None:
    """Where the content of an EBML element starts and how long it is; ``at`` is its length's place. None if unknown."""
    if at >= len(head) or not head[at]:
        return None
    width = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + width]) & ~(1 << 7 * width)
    return None if value == (1 << 7 * width) - 1 else (at + width, value)


def _ogg_page_is_cut(file: BinaryIO) -> bool:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 2 * LARGEST_OGG_PAGE))
    tail = file.read()
    start = tail.rfind(b"OggS\0")
    if start < 0:
        return True
    page = tail[start:]
    segments = page[26] if len(page) > 26 else 255
    return len(page) < 27 + segments + sum(page[27 : 27 + segments])
