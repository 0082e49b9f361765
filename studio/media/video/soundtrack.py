"""The voice as a video's sound, the same sample for sample: its own packets where an MP4 holds them, else FLAC.

FLAC is what every browser of today plays in an MP4 without loss; ALAC plays in Safari alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from studio.media.draft.encode import BIT_EXACT
from studio.media.signatures import Content, recognise
from studio.media.voices.samples import LAYOUTS, alike, form_of
from studio.media.voices.sound import open_sound

COPIED = {Content.MP3: {"mp3"}, Content.AAC: {"aac"}, Content.MP4: {"aac", "mp3"}}
LOSSLESS = ("pcm_", "flac", "alac")
MAX_BEHIND = 2 * 2048  # samples behind the end: packets come whole, and a player may show their rest


def make_soundtrack(voice: Path, target: Path) -> None:
    """An MP4 of the sound alone. Raises FFmpegError, or ValueError for what holds no sound."""
    content = recognise(voice)
    rate, channels = form_of(voice, content)
    if content in COPIED and _copied(voice, content, target) and _is_the_same(voice, content, target, rate, channels):
        return
    _encode(voice, content, target, rate, channels)


def _copied(voice: Path, content: Content, target: Path) -> bool:
    try:
        with open_sound(voice, content) as sound, _created(target) as output:
            if sound.codec not in COPIED[content]:
                return False
            track: Any = output.add_stream_from_template(sound.stream)
            begin = sound.stream.start_time or 0
            for packet in sound.container.demux(sound.stream):
                if packet.size and packet.pts is not None:
                    packet.pts -= begin
                    packet.dts = packet.pts
                    packet.stream = track
                    output.mux(packet)
    except MemoryError:
        raise
    except (FFmpegError, ValueError):
        return False
    return True


def _is_the_same(voice: Path, content: Content, made: Path, rate: int, channels: int) -> bool:
    """Whether both are heard alike; behind the end there may be the rest of a packet."""
    try:
        given, found = (
            _floats(alike(path, kind, "flt", LAYOUTS[channels], rate), channels)
            for path, kind in ((voice, content), (made, Content.MP4))
        )
        rest = np.zeros(0, np.float32)
        for wanted in given:
            while len(rest) < len(wanted):
                rest = np.concatenate([rest, next(found)])
            if not np.array_equal(rest[: len(wanted)], wanted):
                return False
            rest = rest[len(wanted) :]
        return len(rest) + sum(map(len, found)) <= MAX_BEHIND * channels
    except MemoryError:
        raise
    except (FFmpegError, StopIteration):
        return False


def _floats(frames: Iterator[av.AudioFrame], channels: int) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    for frame in frames:
        yield np.frombuffer(bytes(frame.planes[0]), np.float32)[: frame.samples * channels]


def _encode(voice: Path, content: Content, target: Path, rate: int, channels: int) -> None:
    layout, form = LAYOUTS[channels], _depth(voice, content)
    with _created(target) as output:
        track = output.add_stream("flac", rate=rate, layout=layout, format=form, options={"flags": BIT_EXACT})
        track.codec_context.time_base = Fraction(1, rate)
        resampler = av.AudioResampler(form, layout, rate, frame_size=4096)
        done = 0
        for frame in _and_none(alike(voice, content, form, layout, rate)):
            for piece in resampler.resample(frame):
                piece.pts, piece.time_base = done, Fraction(1, rate)
                done += piece.samples
                output.mux(track.encode(piece))
        output.mux(track.encode(None))


def _depth(voice: Path, content: Content) -> str:
    """24 bits, which the encoder takes in 32, of what was kept in more than 16."""
    with open_sound(voice, content) as sound:
        context: Any = sound.stream.codec_context
        is_deep = context.format.bytes > 2 and (sound.codec or "").startswith(LOSSLESS)
    return "s32" if is_deep else "s16"


def _and_none(frames: Iterator[av.AudioFrame]) -> Iterator[av.AudioFrame | None]:
    yield from frames
    yield None


def _created(target: Path) -> av.container.OutputContainer:
    return av.open(str(target), "w", format="mp4", options={"fflags": BIT_EXACT})
