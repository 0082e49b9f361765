"""Whole sounds in odd files: tags, lines and counts where programs leave them, clocks that leap, sizes nobody knew."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import av
import numpy as np

from studio.media.voices.frames import mp3_frame_bytes
from tests.corpus.sounds import encoded, mp3_without_count, tone, wav

ID3V1 = b"TAG" + b"x" * 125
ID3V2 = b"ID3\x04\0\0\0\0\x02\0" + b"y" * 256
FALSE_FRAMES = b"\xff\xfb\x90\x64" * 492


def apev2(items: bytes = FALSE_FRAMES) -> bytes:
    """With a cover in which frames seem to be."""
    ends = [
        b"APETAGEX" + struct.pack("<IIII", 2000, len(items) + 32, 1, flags) + bytes(8)
        for flags in (0xA0000000, 1 << 31)
    ]
    return ends[0] + items + ends[1]


def apev1() -> bytes:
    """Which has nothing at its beginning that says so."""
    return FALSE_FRAMES[:200] + b"APETAGEX" + struct.pack("<IIII", 1000, 232, 1, 0) + bytes(8)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


# What stands behind the last piece of a file, and is no part of its sound or pictures.
TAILS = {
    "ID3v1": ID3V1,
    "ID3v2": ID3V2,
    "APEv2": apev2(),
    "APEv1": apev1(),
    "Lyrics3": b"LYRICSBEGININD0000200LYR00010hello all 000042LYRICS200" + ID3V1,
    "zeros": bytes(5000),
    "three zeros": bytes(3),
    "a line": b"\r\n-- end of file --\r\n",
    "a page": b"<html>" * 50,
    "free": box(b"free", bytes(100)),
    "uuid": box(b"uuid", bytes(100)),
    "half a skip": box(b"skip", bytes(100))[:60],
}


def joined_parts(count: int, seconds: float = 1.0) -> bytes:
    """As a speech service sends them: each with its tag and its Info header."""
    return encoded("mp3", seconds) * count


def mp3_with_vbri(seconds: float, counted: int | None = None) -> bytes:
    """As Fraunhofer's encoder writes it."""
    frames = mp3_without_count(seconds)
    head = frames[:4]
    size = mp3_frame_bytes(head)
    number = len(frames) // size
    header = head + bytes(32) + b"VBRI" + struct.pack(">HHHII", 1, 0, 75, len(frames) + size, counted or number)
    return header.ljust(size, b"\0") + frames


def wav_with(samples: np.ndarray[Any, Any], *, rate: int = 8_000, behind: bytes = b"", **wrong: int) -> bytes:
    """A plain WAV with chunks behind its sound, and ``wrong`` numbers: byte_rate, block or data."""
    data = bytearray(wav(samples, rate))
    for name, (place, form) in {"byte_rate": (28, "<I"), "block": (32, "<H"), "data": (40, "<I")}.items():
        if name in wrong:
            struct.pack_into(form, data, place, wrong[name])
    return bytes(data) + behind


def long_wav(samples: np.ndarray[Any, Any], kind: bytes, rate: int = 8_000, *, missing: int = 0) -> bytes:
    """RF64 or BW64, whose sizes stand in a chunk of their own; ``missing`` bytes of the sound are not there."""
    plain = wav(samples, rate)
    sizes = struct.pack("<QQQI", len(plain) + 28, len(plain) - 44, len(samples), 0)
    ds64 = b"ds64" + struct.pack("<I", len(sizes)) + sizes
    whole = kind + b"\xff" * 4 + b"WAVE" + ds64 + plain[12:40] + b"\xff" * 4 + plain[44:]
    return whole[: len(whole) - missing]


def extensible_wav(samples: np.ndarray[Any, Any], rate: int = 8_000) -> bytes:
    """24 bits in the long form of the header."""
    values = np.round(samples * 8_388_000).astype("<i4")
    data = values.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    head = struct.pack("<HHIIHHHHI", 0xFFFE, 1, rate, rate * 3, 3, 24, 22, 24, 4) + guid
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def clocked(
    kind: str, seconds: float, *, gaps: dict[float, float] | None = None, late: float = 0.0, **options: str
) -> bytes:
    """Opus in "ogg", "webm", "matroska" or "mp4", its clock ``late`` and leaping after the seconds in ``gaps``."""
    samples = tone(seconds, 48_000)
    with NamedTemporaryFile() as file, av.open(file.name, "w", format=kind, options=options) as container:
        stream = container.add_stream("libopus", rate=48_000)
        stream.layout = "mono"

        def mux(packets: list[Any]) -> None:
            for packet in packets:
                at = float((packet.pts or 0) * packet.time_base)
                leap = late + sum(gap for after, gap in (gaps or {}).items() if at >= after)
                packet.pts += round(leap / packet.time_base)
                packet.dts = packet.pts
                container.mux(packet)

        for start in range(0, len(samples), 960):
            part = np.ascontiguousarray(samples[None, start : start + 960])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            mux(stream.encode(frame))
        mux(stream.encode(None))
        container.close()
        return Path(file.name).read_bytes()


def without_end_of_stream(ogg: bytes) -> bytes:
    """The flag of the last page is not set, as when a recorder was stopped."""
    data = bytearray(ogg)
    data[ogg.rindex(b"OggS") + 5] &= ~4 & 0xFF
    return bytes(data)


def with_wrong_granule(ogg: bytes, page: int, by: int) -> bytes:
    """The clock of one page in the middle is wrong. Its checksum too, which nobody minds."""
    data, at = bytearray(ogg), -1
    for _ in range(page + 1):
        at = ogg.index(b"OggS", at + 1)
    struct.pack_into("<q", data, at + 6, struct.unpack_from("<q", ogg, at + 6)[0] + by)
    return bytes(data)
