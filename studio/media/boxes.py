"""The boxes that MP4, M4A and MOV are made of: a size, four letters, and what is in it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_BOXES = 100_000
# What a file is made of, one after the other. Whatever else ends beyond it is a tag or a line behind the last box.
KINDS = frozenset(
    b"ftyp styp moov moof mfra mdat free skip wide uuid meta meco udta sidx ssix pdin pnot prft emsg".split()
)


BRANCHES = frozenset(b"moov trak mdia minf stbl moof traf mvex edts udta".split())


@dataclass(frozen=True, slots=True)
class Box:
    """``head`` is the size of its own header; ``end`` may lie beyond the file if that was cut off."""

    kind: bytes
    start: int
    head: int
    size: int

    @property
    def end(self) -> int:
        return self.start + self.size


def read_box(head: bytes, start: int, limit: int) -> Box | None:
    """The box that begins with ``head`` (16 bytes, if there are as many) at ``start``; None if none does."""
    size, kind, length = int.from_bytes(head[:4]), head[4:8], 8
    if size == 1 and len(head) >= 16:
        size, length = int.from_bytes(head[8:16]), 16
    elif size == 0:
        size = limit - start
    return Box(kind, start, length, size) if len(kind) == 4 and size >= length else None


def top_boxes(file: BinaryIO) -> Iterator[Box]:
    """Up to the end of the file, or to where there are no more boxes."""
    limit = file.seek(0, os.SEEK_END)
    at = 0
    for _ in range(MAX_BOXES):
        if at >= limit:
            return
        file.seek(at)
        box = read_box(file.read(16), at, limit)
        if box is None or (box.end > limit and box.kind not in KINDS):
            return
        yield box
        at = box.end


def all_boxes(data: mmap.mmap | bytearray) -> Iterator[Box]:
    """Those inside others behind them, as far as tables of samples; each ends where its file does at the latest."""
    left = [(0, len(data))]
    while left:
        at, end = left.pop()
        while at < end and (box := read_box(bytes(data[at : at + 16]), at, end)):
            yield box
            if box.kind in BRANCHES:
                left.append((at + box.head, min(box.end, end)))
            at = box.end
