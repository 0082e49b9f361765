"""Whether every program that reads a sound finds the same length in it: by its header, by its size, or by playing it.

A provider that trusts one of them, where they differ, makes a video of another length than was asked for.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from studio.media.boxes import Box, read_box, top_boxes
from studio.media.signatures import Content
from studio.media.voices.sound import Sound

GOES_OUT = frozenset({Content.MP3, Content.AAC, Content.MP4})
MAX_APART = Fraction(1, 20)  # seconds
MAX_TABLE = 16_000_000
BRANDS = frozenset({b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"dash"})
# An edit list or a note on padding says that not all of the sound is to be heard, which not everybody reads.
SAYS_OTHERWISE = (b"elst", b"iTunSMPB")


def is_clear(path: Path, sound: Sound, seconds: Fraction) -> bool:
    """Whether a sound that lasts ``seconds`` can go out as it is. Of what never does, nothing is asked."""
    if sound.content not in GOES_OUT:
        return True
    streams = sound.container.streams
    if sound.has_pictures or len(streams.audio) > 1 or len(streams) > len(streams.audio) + len(streams.video):
        return False
    if sound.content is Content.MP4:
        return not sound.pauses and _track_agrees(sound, seconds) and _table_is_clear(path, seconds)
    if sound.framed is None or not sound.framed.is_clear:
        return False
    # AAC has no count at all: its length is guessed from its size, and well only if its frames are alike.
    return sound.content is Content.MP3 or _track_agrees(sound, seconds)


def _track_agrees(sound: Sound, seconds: Fraction) -> bool:
    said, tick = sound.stream.duration, sound.stream.time_base
    return said is not None and tick is not None and abs(said * tick - seconds) <= MAX_APART


def _table_is_clear(path: Path, seconds: Fraction) -> bool:
    """One table, without edits, that gives the length; and nothing in the file that isn't part of it."""
    with path.open("rb") as file:
        boxes = list(top_boxes(file))
        kinds = [box.kind for box in boxes]
        table = next((box for box in boxes if box.kind == b"moov"), None)
        file.seek(8)
        is_named = kinds[:1] == [b"ftyp"] and file.read(4) in BRANDS
        if not is_named or table is None or kinds.count(b"moov") > 1 or b"moof" in kinds:
            return False
        if boxes[-1].end != path.stat().st_size or table.size > MAX_TABLE:
            return False
        file.seek(table.start)
        data = file.read(table.size)
    said = _length_of(data, table)
    return not any(mark in data for mark in SAYS_OTHERWISE) and abs(said - seconds) <= MAX_APART


def _length_of(data: bytes, table: Box) -> Fraction:
    """What the header of the whole says."""
    at = table.head
    while (box := read_box(data[at : at + 16], at, len(data))) and box.end <= len(data):
        if box.kind == b"mvhd":
            version, inside = data[at + 8], data[at + 8 :]
            scale, length = (inside[20:24], inside[24:32]) if version else (inside[12:16], inside[16:20])
            return Fraction(int.from_bytes(length), int.from_bytes(scale) or 1)
        at = box.end
    return Fraction(0)
