"""Tags taken off a voice, which tell of its person: title, place, comment, cover, time. Its sound stays bit for bit."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from studio.media.boxes import Box, all_boxes, top_boxes
from studio.media.signatures import Content
from studio.media.voices.framed import Parts, find_frames

# What FFmpeg writes of itself, and the names around it. All else that is written in letters may tell something.
HARMLESS = re.compile(rb"ID3|TAG|TSSE|udta|meta|hdlr|mdir|appl|ilst|\xa9too|data|Lav[fc][\d.]+|SoundHandler")
# A tag that is filled with one letter, as with blanks, tells nothing.
LETTERS = re.compile(rb"([ -~\x80-\xff])(?!\1)[ -~\x80-\xff]")
SOUND_BOXES = frozenset({b"ftyp", b"moov", b"mdat"})
TELLING = frozenset({b"udta", b"meta", b"uuid", b"free", b"skip"})
CLOCKS = frozenset({b"mvhd", b"tkhd", b"mdhd"})
HANDLER_NAME = 24  # bytes into a handler


def without_tags(source: Path, content: Content, folder: Path) -> Path:
    """A copy in ``folder`` of a sound that can go out as it is; the source itself if it tells nothing."""
    target = folder / "untagged"
    if content is Content.MP4:
        shutil.copyfile(source, target)
        return target if _blank(target) else _not_needed(source, target)
    parts = find_frames(source, content).parts
    if not _tells(_outside(source.read_bytes(), parts)):
        return source
    with Parts(source, parts) as sound, target.open("wb") as output:
        output.write(sound.read())
    return target


def _not_needed(source: Path, target: Path) -> Path:
    target.unlink()
    return source


def _outside(data: bytes, parts: list[tuple[int, int]]) -> bytes:
    edges = [0, *(edge for part in parts for edge in part), len(data)]
    return b"\0".join(data[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def _tells(data: bytes) -> bool:
    return bool(LETTERS.search(HARMLESS.sub(b"\0", data)))


def _blank(path: Path) -> bool:
    """Zeros in place of what an MP4 tells, so that nothing moves. False if there is nothing."""
    with path.open("r+b") as file:
        top = {box.start: box for box in top_boxes(file)}
        file.seek(0)
        data = bytearray(file.read())
        before = bytes(data)
        for box in all_boxes(data):
            _blank_box(data, box, is_known=box.kind in SOUND_BOXES or box.start not in top)
        if data == before:
            return False
        file.seek(0)
        file.write(data)
    return True


def _blank_box(data: bytearray, box: Box, *, is_known: bool) -> None:
    inside = box.start + box.head
    end = min(box.end, len(data))
    if box.kind in CLOCKS:
        width = 16 if data[inside] else 8
        data[inside + 4 : inside + 4 + width] = bytes(width)
    elif box.kind == b"hdlr" and _tells(bytes(data[inside + HANDLER_NAME : end])):
        data[inside + HANDLER_NAME : end] = bytes(max(end - inside - HANDLER_NAME, 0))
    elif (box.kind in TELLING or not is_known) and _tells(bytes(data[inside:end])):
        data[box.start + 4 : box.start + 8] = b"free"
        data[inside:end] = bytes(end - inside)
