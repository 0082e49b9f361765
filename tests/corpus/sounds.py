"""Sounds as bytes."""

from __future__ import annotations

import struct
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import av
import numpy as np

Wave = np.ndarray[Any, np.dtype[np.float32]]
CODECS = {
    "mp3": ("libmp3lame", "mp3", 16_000),
    "m4a": ("aac", "ipod", 16_000),
    "alac": ("alac", "ipod", 16_000),
    "aac": ("aac", "adts", 16_000),
    "opus": ("libopus", "ogg", 48_000),
    "vorbis": ("vorbis", "ogg", 16_000),
    "flac": ("flac", "flac", 16_000),
    "webm": ("libopus", "webm", 48_000),
    "mkv": ("ac3", "matroska", 48_000),
}


def tone(seconds: float, rate: int = 8_000, loudness: float = 0.5) -> Wave:
    """A low tone that swells and fades, so that a frame of it is never like another."""
    moments = np.arange(round(seconds * rate)) / rate
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * moments)
    return np.asarray(loudness * swell * np.sin(2 * np.pi * 220 * moments), dtype=np.float32)


def wav(samples: np.ndarray[Any, Any], rate: int = 8_000, *, claimed_bytes: int | None = None) -> bytes:
    """Floats become 16 bits; other types stay, and shape (samples, channels) is several channels.

    ``claimed_bytes`` is what the header says of the data's size, if not the truth.
    """
    if samples.dtype == np.float32:
        samples = np.round(samples * 32_767).astype("<i2")
    return _riff(samples, rate, 3 if samples.dtype.kind == "f" else 1, claimed_bytes)


def float_wav(samples: Wave, rate: int = 8_000) -> bytes:
    return _riff(samples.astype("<f4"), rate, 3, None)


def _riff(samples: np.ndarray[Any, Any], rate: int, form: int, claimed_bytes: int | None) -> bytes:
    channels = samples.shape[1] if samples.ndim > 1 else 1
    frame = channels * samples.dtype.itemsize
    data = samples.tobytes()
    claimed = len(data) if claimed_bytes is None else claimed_bytes
    head = struct.pack("<HHIIHH", form, channels, rate, rate * frame, frame, samples.dtype.itemsize * 8)
    riff_bytes = min(claimed + 36, 0xFFFFFFFF)
    return (
        b"RIFF"
        + struct.pack("<I", riff_bytes)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + head
        + b"data"
        + struct.pack("<I", claimed)
        + data
    )


def encoded(kind: str, seconds: float, *, loudness: float = 0.5, **options: str) -> bytes:
    """A tone in one of CODECS; ``options`` go to the muxer."""
    codec, form, rate = CODECS[kind]
    samples = tone(seconds, rate, loudness)
    with NamedTemporaryFile() as file, av.open(file.name, "w", format=form, options=options) as container:
        # FFmpeg's own Vorbis counts as an experiment.
        stream = container.add_stream(codec, rate=rate, options={"strict": "experimental"})
        stream.layout = "stereo" if codec == "vorbis" else "mono"
        channels = stream.codec_context.layout.nb_channels
        for start in range(0, len(samples), 1024):
            part = np.repeat(samples[None, start : start + 1024], channels, axis=0)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout=stream.layout.name)
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        container.close()  # which writes the end of the file
        return Path(file.name).read_bytes()


def recorded_by_the_clock(seconds: float) -> bytes:
    """Opus in an MP4 as Chromium records it: lengths of frames go by the clock, too short here and too long there."""
    samples = tone(seconds, 48_000)
    with NamedTemporaryFile() as file, av.open(file.name, "w", format="mp4") as container:
        stream = container.add_stream("libopus", rate=48_000)
        stream.layout = "mono"
        for start in range(0, len(samples), 960):
            part = np.ascontiguousarray(samples[None, start : start + 960])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, start
            for packet in stream.encode(frame):
                late = 300 if start // 960 % 2 else 0
                packet.pts, packet.dts = (packet.pts or 0) + late, (packet.dts or 0) + late
                container.mux(packet)
        container.mux(stream.encode(None))
        container.close()
        return Path(file.name).read_bytes()


def mp3(seconds: float, **options: str) -> bytes:
    return encoded("mp3", seconds, **options)


def mp3_without_count(seconds: float) -> bytes:
    """As many programs write it: no Info frame, so only decoding tells the length."""
    return encoded("mp3", seconds, write_xing="0", id3v2_version="0")


def mp3_that_says(seconds: float, frames: int) -> bytes:
    """An MP3 whose Info frame counts ``frames`` frames."""
    data = bytearray(mp3(seconds))
    count = data.index(b"Info") + 8
    data[count : count + 4] = struct.pack(">I", frames)
    return bytes(data)


def flac_that_says(seconds: float, samples: int) -> bytes:
    """A FLAC whose header counts ``samples`` samples."""
    data = bytearray(encoded("flac", seconds))
    data[21] = data[21] & 0xF0 | samples >> 32
    data[22:26] = struct.pack(">I", samples & 0xFFFFFFFF)
    return bytes(data)


def mp3_with_cover(seconds: float, cover: bytes) -> bytes:
    frame = b"\0image/png\0\x03\0" + cover
    frame = b"APIC" + struct.pack(">I", len(frame)) + b"\0\0" + frame
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame + mp3_without_count(seconds)


def with_flipped_bytes(data: bytes, *, every: int, start: int = 1000) -> bytes:
    damaged = bytearray(data)
    for place in range(start, len(damaged), every):
        damaged[place] ^= 0xFF
    return bytes(damaged)
