"""Frames and voice into a file that any player takes, the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from studio.media.draft.planes import Planes
from studio.media.draft.sound import FPS

# The encoders split a frame's work by the number of threads, so it's part of the result and stays the same everywhere.
THREADS = 2
AUDIO_RATE = 48_000
KEY_FRAME_EVERY = 2 * FPS  # so that a player can seek to any other second
BT709, VIDEO_RANGE = 1, 1
BIT_EXACT = "+bitexact"


@dataclass(frozen=True, slots=True)
class Format:
    video: Literal["libx264", "libvpx-vp9"]
    audio: Literal["aac", "libopus"]
    samples: str  # how the audio encoder takes them
    audio_frame: int
    muxer: dict[str, str]


FORMATS = {
    "mp4": Format("libx264", "aac", "fltp", 1024, {"movflags": "+faststart"}),
    "mov": Format("libx264", "aac", "fltp", 1024, {"movflags": "+faststart"}),
    "webm": Format("libvpx-vp9", "libopus", "flt", 960, {}),
}


def new_frame(width: int, height: int) -> tuple[VideoFrame, Planes]:
    """A frame of the encoder's own memory, and where to draw on it."""
    frame = VideoFrame(width, height, "yuv420p")
    views = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        views.append(rows[:, : plane.width])
    return frame, Planes(*views)


class Film:
    """An open video file. ``add`` takes the frames in order; the voice is laid beside them as they come."""

    def __init__(self, path: Path, output_format: str, quality: int, size: tuple[int, int]) -> None:
        self._format = FORMATS[output_format]
        options = {"fflags": BIT_EXACT, **self._format.muxer}
        self._container = av.open(str(path), "w", format=output_format, options=options)
        self._video = _add_video(self._container, self._format, quality, size)
        self._voice: VoiceTrack | None = None
        self._frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._container.close()

    def lay_voice(self, voice: Iterator[AudioFrame], channels: int) -> None:
        """Take the sound from ``voice``; call this once, before the first frame."""
        self._voice = VoiceTrack(self._container, self._format, voice, channels)

    def add(self, frame: VideoFrame) -> None:
        frame.pts, frame.time_base = self._frames, Fraction(1, FPS)
        self._frames += 1
        self._container.mux(self._video.encode(frame))
        if self._voice:
            self._voice.advance(self._frames * AUDIO_RATE // FPS)

    def finish(self) -> None:
        """The rest of the voice, and what the encoders still hold."""
        if self._voice:
            self._voice.advance(None)
        self._container.mux(self._video.encode(None))


class VoiceTrack:
    """The voice as the file's sound, encoded no further than the pictures are, so that neither piles up."""

    def __init__(self, container: OutputContainer, chosen: Format, voice: Iterator[AudioFrame], channels: int) -> None:
        layout, bit_rate = ("mono", 96_000) if channels == 1 else ("stereo", 160_000)
        self._container, self._voice = container, voice
        self._stream = container.add_stream(
            chosen.audio, rate=AUDIO_RATE, layout=layout, bit_rate=bit_rate, options={"flags": BIT_EXACT}
        )
        self._resampler = av.AudioResampler(chosen.samples, layout, AUDIO_RATE, chosen.audio_frame)
        self._done = 0
        self._ended = False

    def advance(self, sample: int | None) -> None:
        """Encode up to a sample, or to the end of the voice and what the encoder holds."""
        while not self._ended and (sample is None or self._done < sample):
            heard = next(self._voice, None)
            if heard:
                heard.pts = None
            for part in self._resampler.resample(heard):
                part.pts, part.time_base = self._done, Fraction(1, AUDIO_RATE)
                self._done += part.samples
                self._container.mux(self._stream.encode(part))
            self._ended = heard is None
        if sample is None:
            self._container.mux(self._stream.encode(None))


def _add_video(container: OutputContainer, chosen: Format, quality: int, size: tuple[int, int]) -> VideoStream:
    stream = container.add_stream(chosen.video, rate=FPS, options=video_options(chosen, quality))
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.thread_count = THREADS
    context.gop_size = KEY_FRAME_EVERY
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = VIDEO_RANGE
    return stream


def video_options(chosen: Format, quality: int) -> dict[str, str]:
    """``quality`` 20 to 99 as the encoder's own scale, where less is better."""
    share = (min(max(quality, 20), 99) - 20) / 79
    if chosen.video == "libx264":
        # x264's macroblock tree reads memory that nobody wrote, where a picture's blocks are no multiple of eight: what
        # was there before would tell. Without it the same quality is four steps further on the scale.
        return {"preset": "veryfast", "crf": f"{38 - 17 * share:.1f}", "mbtree": "0", "flags": BIT_EXACT}
    return {
        "deadline": "realtime",
        "cpu-used": "7",
        "row-mt": "1",
        "tile-columns": "1",
        "crf": str(round(46 - 26 * share)),
        "b": "0",
        "flags": BIT_EXACT,
    }
