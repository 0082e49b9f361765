"""Faststart: an MP4's table of contents put before its pictures, so that a player begins while it still comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from studio.media.boxes import Box, read_box, top_boxes
from studio.media.video.growing_file import Growing

MAX_TABLE = 64_000_000
MAX_FRONT_BOXES = 16
# The way from the table of contents down to where each chunk of a track begins.
WAY = (b"trak", b"mdia", b"minf", b"stbl")
OFFSET_BYTES = {b"stco": 4, b"co64": 8}
CHUNK_BYTES = 1024 * 1024


def fast_start(path: Path) -> None:
    """Move the ``moov`` box to the front and correct the offsets in it; nothing is encoded or timed anew.

    The file is replaced as a whole, and only if that is needed; what was behind its last box is left behind. What is no
    MP4, or a broken one, is left as it is: measuring says what is wrong with it.
    """
    with path.open("rb") as file:
        boxes = list(top_boxes(file))
        moov = _late_table(boxes, path.stat().st_size)
        if moov is None:
            return
        file.seek(moov.start)
        table = bytearray(file.read(moov.size))
        if not _shift_offsets(table, moov):
            return
        beside = path.with_name(f"{path.name}.faststart")
        try:
            with beside.open("wb") as output:
                _write(file, output, boxes, moov, table)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def has_table_in_front(growing: Growing) -> bool:
    """Whether what comes is an MP4 that can be read on the way, judged as soon as its first boxes are there."""
    at, head = 0, bytearray(16)
    for _ in range(MAX_FRONT_BOXES):
        box = read_box(bytes(head[: growing.read_into(head, at)]), at, at)
        if box is None or (at == 0 and box.kind != b"ftyp") or box.kind == b"mdat":
            return False
        if box.kind == b"moov":
            return True
        at = box.end
    return False


def _late_table(boxes: list[Box], length: int) -> Box | None:
    """The table, if it stands behind the pictures of a whole and plain file."""
    if not boxes or boxes[-1].end > length:
        return None
    kinds = [box.kind for box in boxes]
    if kinds[:1] != [b"ftyp"] or kinds.count(b"moov") != 1 or b"mdat" not in kinds or b"moof" in kinds:
        return None
    moov = boxes[kinds.index(b"moov")]
    late = moov.start > boxes[kinds.index(b"mdat")].start
    return moov if late and moov.size <= MAX_TABLE else None


def _shift_offsets(table: bytearray, moov: Box) -> bool:
    """Chunks that lay before the table move back by its size. False if that can't be written, or none was found."""
    lists = list(_offset_lists(table, moov.head, len(table), WAY))
    for width, start, count in lists:
        form = np.dtype(f">u{width}")
        offsets = np.frombuffer(table, form, count, start).astype(np.uint64)
        offsets[offsets < moov.start] += np.uint64(moov.size)
        if count and int(offsets.max()) >= 1 << 8 * width:
            return False
        table[start : start + count * width] = offsets.astype(form).tobytes()
    return bool(lists)


def _offset_lists(table: bytearray, start: int, end: int, way: tuple[bytes, ...]) -> Iterator[tuple[int, int, int]]:
    """The width in bytes, the place and the number of the offsets of each track."""
    while start + 8 <= end:
        box = read_box(bytes(table[start : start + 16]), start, end)
        if box is None or box.end > end:
            return
        inside = box.start + box.head
        if way and box.kind == way[0]:
            yield from _offset_lists(table, inside, box.end, way[1:])
        elif not way and box.kind in OFFSET_BYTES:
            width = OFFSET_BYTES[box.kind]
            count = int.from_bytes(table[inside + 4 : inside + 8])
            yield width, inside + 8, min(count, max(box.end - inside - 8, 0) // width)
        start = box.end


def _write(file: BinaryIO, output: BinaryIO, boxes: list[Box], moov: Box, table: bytearray) -> None:
    for box in boxes:
        if box is moov:
            continue
        file.seek(box.start)
        _copy(file, output, box.size)
        if box.kind == b"ftyp":
            output.write(table)


def _copy(file: BinaryIO, output: BinaryIO, size: int) -> None:
    while size and (chunk := file.read(min(size, CHUNK_BYTES))):
        output.write(chunk)
        size -= len(chunk)
