"""Claims of a file's headers that can't be, or are too much: read from its headers before a decoder believes it.

A decoder takes memory by the tables and time by the pieces that a file claims, which may be millions in a kilobyte.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from studio.media.boxes import Box, all_boxes
from studio.media.signatures import Content

MAX_SCANS = 100  # of a JPEG; programs write 10
MAX_COEFFICIENT_BYTES = 400_000_000  # a JPEG of several scans is held whole, two bytes for each value
MAX_PIECES = 100_000  # segments, chunks or boxes
MAX_TRACKS = 100
# Tables whose count stands behind a version and flags, or behind one more number.
COUNTED_AT = {
    **dict.fromkeys((b"stco", b"co64", b"stss", b"stps", b"ctts", b"stts", b"stsc", b"elst", b"trun"), 4),
    **dict.fromkeys((b"stsz", b"stz2"), 8),
}
# Of these each entry counts samples itself: the 32-bit words of an entry, and which of them it is.
RUNS = {b"stts": (2, 0), b"ctts": (2, 0), b"stsc": (3, 1)}
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
FIRST_OGG_PAGE = re.compile(rb"OggS\0[\x02\x03\x06\x07]")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


def overclaim(path: Path, content: Content) -> str:
    """What is too much, as the end of a sentence that begins with the file; "" for a usual one."""
    if content not in _CHECKS or not path.stat().st_size:
        return ""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _CHECKS[content](data)


def _of_mp4(data: mmap.mmap) -> str:
    tracks = 0
    for boxes, box in enumerate(all_boxes(data)):
        tracks += box.kind == b"trak"
        if tracks > MAX_TRACKS:
            return f"has more than {MAX_TRACKS} tracks"
        if boxes > MAX_PIECES:
            return _many("boxes")
        if box.kind in COUNTED_AT and (claimed := _samples(data, box)) > len(data):
            return f"has a table of {claimed:,} samples, which {len(data):,} bytes can’t hold"
    return ""


def _samples(data: mmap.mmap, box: Box) -> int:
    """How many samples a table is of, by its count or by what its entries say."""
    at = box.start + box.head + COUNTED_AT[box.kind]
    count = int.from_bytes(data[at : at + 4])
    if box.kind not in RUNS:
        return count
    words, place = RUNS[box.kind]
    table = data[at + 4 : min(at + 4 + 4 * words * count, box.end)]
    runs = np.frombuffer(table[: len(table) // 4 * 4], ">u4")[place::words]
    return max(count, int(runs.sum(dtype=np.uint64)) if words == 2 else int(runs.max(initial=0)))


def _of_jpeg(data: mmap.mmap) -> str:
    scans, is_progressive, held = 0, False, 0
    for number, (kind, start) in enumerate(_segments(data)):
        if number > MAX_PIECES:
            return _many("segments")
        if kind in FRAMES:
            is_progressive, held = kind in PROGRESSIVE, _coefficient_bytes(data[start + 4 : start + 40])
        scans += kind == START_OF_SCAN
        if scans > MAX_SCANS:
            return f"is a JPEG of more than {MAX_SCANS} scans"
        if is_progressive and held > MAX_COEFFICIENT_BYTES:
            return "is a progressive JPEG that takes too much memory to read"
    return ""


def _segments(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """The marker and the place of each segment, over the data of scans."""
    at = 2
    while found := MARKER.search(data, at):
        kind, at = data[found.start() + 1], found.start()
        if kind == END_OF_IMAGE:
            return
        yield kind, at
        at += 2 if kind == 1 else 2 + max(int.from_bytes(data[at + 2 : at + 4]), 2)


def _coefficient_bytes(frame: bytes) -> int:
    """By the frame's header: precision, height, width, and of each component its sampling."""
    if len(frame) < 6:
        return 0
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    samplings = [(byte >> 4) * (byte & 15) for byte in frame[7 : 6 + 3 * frame[5] : 3]]
    return 2 * width * height * sum(samplings) // max([1, *samplings])


def _of_png(data: mmap.mmap) -> str:
    at = 8
    for _ in range(MAX_PIECES):
        if at >= len(data):
            return ""
        at += 12 + int.from_bytes(data[at : at + 4])
    return _many("chunks")


def _of_ogg(data: mmap.mmap) -> str:
    """Each stream begins with a page that says so."""
    for number, _ in enumerate(FIRST_OGG_PAGE.finditer(data)):
        if number >= MAX_TRACKS:
            return f"has more than {MAX_TRACKS} streams"
    return ""


def _many(pieces: str) -> str:
    return f"is made of more than {MAX_PIECES:,} {pieces}"


_CHECKS = {Content.MP4: _of_mp4, Content.JPEG: _of_jpeg, Content.PNG: _of_png, Content.OGG: _of_ogg}
