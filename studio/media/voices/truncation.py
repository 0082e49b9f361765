"""Truncation: whether a file was cut off, by the pieces that its container is made of, not by what its header promises.

Titles, counts, lengths and clocks are often wrong in whole files; a piece that begins and does not end never is.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import BinaryIO

from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from studio.media.boxes import top_boxes
from studio.media.signatures import Content

OGG_HEAD = 27
CONTINUES = 255  # a piece of a packet that goes on
# Programs that write to a pipe can't know the length of a WAV, and fill in sizes from here on.
WAV_UNKNOWN = 0x7FFF0000
SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
# What a segment and its clusters are made of. Anything else is no part of the file.
WEBM_ELEMENTS = frozenset(
    {0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367, 0xEC, 0xBF, CLUSTER}
    | {0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0x5854, 0xAF}
)
TABLES = frozenset({b"moov", b"moof", b"mfra"})


def is_cut(path: Path, content: Content) -> bool:
    """Whether the file ends before its container does, as far as it can be told without its table of samples."""
    with path.open("rb") as file:
        if content is Content.OGG:
            return _ogg_is_cut(file)
        if content is Content.MP4:
            return _boxes_are_cut(file)
        if content is Content.WEBM:
            segment = _segment(file)
            return segment is not None and segment[1] is not None and segment[1] > path.stat().st_size
    return False


def samples_are_cut(path: Path, stream: AudioStream | VideoStream) -> bool:
    """Whether samples that an MP4's table names lie behind the end of the file."""
    size = path.stat().st_size
    return any(entry.pos + entry.size > size for entry in stream.index_entries)


def ends_inside_element(path: Path) -> bool:
    """Whether a WebM, whose sizes may be unknown, ends within one of the elements that have one."""
    limit = path.stat().st_size
    with path.open("rb") as file:
        segment = _segment(file)
        at = segment[0] if segment else limit
        while at < limit:
            file.seek(at)
            kind, inside, size = _element(file.read(12))
            if kind not in WEBM_ELEMENTS:
                return False
            if kind == CLUSTER:
                at += inside
            elif size is None:
                return False
            else:
                at += inside + size
        return at > limit


def wav_bytes(path: Path) -> tuple[int, int] | None:
    """The size of the data that the header gives, and what there is of it. None where the header doesn't know."""
    limit = path.stat().st_size
    with path.open("rb") as file:
        file.seek(12)
        long_size = 0
        while len(head := file.read(8)) == 8:
            size, start = int.from_bytes(head[4:], "little"), file.tell()
            if head[:4] == b"data":
                size = long_size if long_size and size == 0xFFFFFFFF else size
                known = size > 0 and (size < WAV_UNKNOWN or size == long_size)
                return (size, min(size, limit - start)) if known else None
            if head[:4] == b"ds64":
                long_size = int.from_bytes(file.read(16)[8:16], "little")
            file.seek(start + size + size % 2)
    return None


def _boxes_are_cut(file: BinaryIO) -> bool:
    boxes = list(top_boxes(file))
    size = file.seek(0, os.SEEK_END)
    kinds = {box.kind for box in boxes}
    beyond = {box.kind for box in boxes if box.end > size}
    if beyond & TABLES or (b"mdat" in kinds and b"moov" not in kinds):
        return True
    # With its table in front it's told by the samples, which may all be there.
    return b"mdat" in beyond and b"moof" in kinds


def _ogg_is_cut(file: BinaryIO) -> bool:
    """Pages say how long they are. Behind the last one there may be tags or lines."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at, goes_on = 0, False
        while (at := data.find(b"OggS\0", at)) >= 0:
            head = data[at : at + OGG_HEAD]
            pieces = data[at + OGG_HEAD : at + OGG_HEAD + head[-1]]
            at += OGG_HEAD + head[-1] + sum(pieces)
            if len(head) < OGG_HEAD or at > len(data):
                return True
            goes_on = pieces.endswith(bytes([CONTINUES]))
        return goes_on


def _segment(file: BinaryIO) -> tuple[int, int | None] | None:
    """Where a WebM's one segment begins, and where it says that it ends, if it does: browsers can't know it."""
    file.seek(0)
    head = file.read(1024)
    _, inside, size = _element(head)
    at = inside + (size or 0)
    kind, inside, size = _element(head[at : at + 12])
    if kind != SEGMENT:
        return None
    return at + inside, None if size is None else at + inside + size


def _element(head: bytes) -> tuple[int, int, int | None]:
    """An element's id, how long its own head is, and how long its content, if that is known. (0, 0, None) for none."""
    id_bytes = 9 - head[0].bit_length() if head and head[0] else 9
    rest = head[id_bytes:]
    if id_bytes > 4 or not rest or not rest[0]:
        return 0, 0, None
    width = 9 - rest[0].bit_length()
    value = int.from_bytes(rest[:width]) & ~(1 << 7 * width)
    unknown = value == (1 << 7 * width) - 1
    return int.from_bytes(head[:id_bytes]), id_bytes + width, None if unknown else value
