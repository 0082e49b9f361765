"""Frames of MP3 and AAC, which have no container: a tag perhaps, then frames that each say how long they are."""

from __future__ import annotations

import mmap
from typing import BinaryIO

MAX_TAGS = 8
ID3V1_BYTES = 128
LAYER_3 = 1
KBITS = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),  # MPEG 1
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),  # MPEG 2 and 2.5
}
MPEG_1 = 3
RATES = {MPEG_1: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def skip_tags(file: BinaryIO) -> bool:
    """Move behind the ID3 tags that stand at this point. True if there was one."""
    first = start = file.tell()
    for _ in range(MAX_TAGS):
        file.seek(start)
        head = file.read(10)
        if len(head) < 10 or not head.startswith(b"ID3"):
            break
        start += 10 + _id3_bytes(head)
    file.seek(start)
    return start > first


def _id3_bytes(head: bytes) -> int:
    """Of what follows the tag's own ten bytes: seven bits in each of four."""
    length = 0
    for byte in head[6:10]:
        length = length << 7 | byte & 0x7F
    return length


def tag_end(data: bytes | mmap.mmap, at: int) -> int:
    """Behind the tags and zeros that stand at this point; the point itself if there are none."""
    for _ in range(MAX_TAGS):
        after = _one_tag_end(data, at)
        if after == at:
            break
        at = min(after, len(data))
    return at


def _one_tag_end(data: bytes | mmap.mmap, at: int) -> int:
    head = data[at : at + 32]
    if head.startswith(b"ID3") and len(head) >= 10:
        footer = 10 if head[5] & 0x10 else 0
        return at + 10 + footer + _id3_bytes(head)
    if head.startswith(b"APETAGEX"):
        is_header = len(head) == 32 and head[23] & 0x20
        return at + 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
    if head.startswith(b"LYRICSBEGIN"):
        ends = [data.find(mark, at) + 9 for mark in (b"LYRICS200", b"LYRICSEND") if data.find(mark, at) > 0]
        return min(ends, default=at)
    if head.startswith(b"TAG"):
        return at + (227 if head.startswith(b"TAG+") else ID3V1_BYTES)
    while head and not head.strip(b"\0"):
        at += len(head)
        head = data[at : at + 4096]
    return at + len(head) - len(head.lstrip(b"\0"))


def family_of(head: bytes) -> bytes:
    """What all frames of a sound have in common: version, layer and sampling rate, and for AAC the channels."""
    sync, kind, rate = head[:3].ljust(3, b"\0")
    return bytes((sync, kind & 0xFE, rate & (0x0C if kind & 6 else 0xFC)))


def mp3_frame_bytes(head: bytes) -> int:
    """The length of the MP3 frame that begins here, by its header; 0 if none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or head[1] >> 1 & 3 != LAYER_3:
        return 0
    version, rate = head[1] >> 3 & 3, head[2] >> 2 & 3
    kbits = KBITS[version == MPEG_1][head[2] >> 4]
    if version not in RATES or rate == 3 or not kbits:
        return 0
    return (144_000 if version == MPEG_1 else 72_000) * kbits // RATES[version][rate] + (head[2] >> 1 & 1)


def adts_frame_bytes(head: bytes) -> int:
    """The length of the AAC frame that begins here, by its header; 0 if none does."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


def find_mp3_frames(head: bytes) -> int:
    """Where two MP3 frames follow each other; -1 if nowhere. A lone header could be chance in any data."""
    at = head.find(b"\xff")
    while at >= 0:
        length = mp3_frame_bytes(head[at : at + 4])
        if length and mp3_frame_bytes(head[at + length : at + length + 4]):
            return at
        at = head.find(b"\xff", at + 1)
    return -1
