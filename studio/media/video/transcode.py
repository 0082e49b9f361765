"""Transcoding of a finished video by us, for what its provider has no setting for: the container and the quality.

The same input gives the same bytes. What the new container takes as it is, is copied and not encoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from studio.media.draft.encode import AUDIO_RATE, BIT_EXACT, FORMATS, THREADS, Format, video_options
from studio.media.signatures import Content, recognise
from studio.media.video.faststart import fast_start
from studio.media.video.videos import VideoFacts, opened, picture_of

# From here on the provider's own pictures are kept: to encode them again could only lose.
MIN_UNTOUCHED_QUALITY = 95
VIDEO_CODECS = {
    "mp4": frozenset({"h264", "hevc"}),
    "mov": frozenset({"h264", "hevc"}),
    "webm": frozenset({"vp8", "vp9", "av1"}),
}
AUDIO_CODECS = {"mp4": frozenset({"aac"}), "mov": frozenset({"aac"}), "webm": frozenset({"opus", "vorbis"})}
QUICKTIME = b"qt  "
KEY_FRAME_SECONDS = 2
CLOCK = 90_000  # ticks a second; every usual rate of pictures is whole in it
TELL_EVERY = 25  # frames
Draw = Callable[[VideoFrame, float], None]  # a picture in yuv420p, and its moment in seconds


class ConversionFailed(ValueError):
    """The video could not be converted; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What has to be done to a file. Without ``encodes`` its pictures are copied as they are."""

    was: str
    output_format: str
    output_quality: int
    encodes: bool
    labels: bool = False  # whether the visible label is drawn into its pictures, which encodes them

    @property
    def sentence(self) -> str:
        return f"{self._done} The label was drawn into the picture." if self.labels else self._done

    @property
    def _done(self) -> str:
        if not self.encodes:
            return f"Put from {self.was.upper()} into {self.output_format.upper()} by us, without encoding it again."
        if self.was == self.output_format:
            return f"Encoded again by us at quality {self.output_quality}."
        return (
            f"Converted from {self.was.upper()} to {self.output_format.upper()} by us, quality {self.output_quality}."
        )


def container_of(path: Path) -> str:
    """Which of "mp4", "mov" and "webm" it is, by the file's first bytes; "" for anything else."""
    content = recognise(path)
    if content is Content.WEBM:
        return "webm"
    if content is not Content.MP4:
        return ""
    with path.open("rb") as file:
        return "mov" if file.read(12)[8:12] == QUICKTIME else "mp4"


def conversion_of(  # noqa: PLR0913 -- the options that bear on it
    path: Path, facts: VideoFacts, *, output_format: str, output_quality: int, has_quality: bool, labels: bool = False
) -> Conversion | None:
    """What makes the file what was asked for; None if it is. ``has_quality``: the provider has seen to the quality."""
    was = container_of(path)
    lowers = not has_quality and output_quality < MIN_UNTOUCHED_QUALITY
    fits = facts.video_codec in VIDEO_CODECS[output_format]
    if was == output_format and fits and not lowers and not labels:
        return None
    quality = max(output_quality, MIN_UNTOUCHED_QUALITY) if labels and has_quality else output_quality
    return Conversion(was, output_format, quality, encodes=lowers or labels or not fits, labels=labels)


def transcode(
    source: Path,
    target: Path,
    conversion: Conversion,
    *,
    progress: Callable[[int], None] = lambda _frames: None,
    draw: Draw | None = None,
) -> None:
    """Write the converted video, picture by picture, in memory that doesn't grow with it, its table in front.

    ``progress`` is told the number of pictures from time to time; what it raises ends the work. ``draw`` may change
    each picture that is encoded. Raises ConversionFailed.
    """
    try:
        with ExitStack() as stack:
            container = stack.enter_context(opened(source))
            output = stack.enter_context(_created(target, conversion.output_format))
            _Conversion(container, output, conversion, progress, draw).run()
        fast_start(target)
    except MemoryError:
        target.unlink(missing_ok=True)
        raise
    except (FFmpegError, ValueError) as error:
        target.unlink(missing_ok=True)
        raise ConversionFailed(f"The video could not be converted: {error}") from error


def _created(target: Path, output_format: str) -> OutputContainer:
    options = {"fflags": BIT_EXACT, **FORMATS[output_format].muxer}
    return av.open(str(target), "w", format=output_format, options=options)


class _Conversion:
    def __init__(
        self,
        container: InputContainer,
        output: OutputContainer,
        conversion: Conversion,
        progress: Callable[[int], None],
        draw: Draw | None,
    ) -> None:
        self.output, self.progress = output, progress
        self.picture = picture_of(container)
        self.sound = next(iter(container.streams.audio), None)
        self.container = container
        form = FORMATS[conversion.output_format]
        self.film = (
            _Pictures(self.picture, output, form, conversion.output_quality, draw)
            if conversion.encodes
            else _Copy(self.picture, output)
        )
        self.voice: _Sound | _Copy | None = None
        if self.sound:
            keeps = self.sound.codec_context.codec.canonical_name in AUDIO_CODECS[conversion.output_format]
            self.voice = _Copy(self.sound, output) if keeps else _Sound(self.sound, output, form)

    def run(self) -> None:
        told = 0
        packets: Iterator[av.Packet[Any]] = self.container.demux(
            [stream for stream in (self.picture, self.sound) if stream]
        )
        for packet in packets:
            track = self.film if packet.stream is self.picture else self.voice
            if track is None:
                continue
            for made in track.take(packet):
                self.output.mux(made)
            if self.film.frames - told >= TELL_EVERY:
                told = self.film.frames
                self.progress(told)
        for track in (self.film, self.voice):
            for made in track.finish() if track else ():
                self.output.mux(made)


class _Copy:
    """A track whose packets are carried over as they are."""

    def __init__(self, stream: VideoStream | AudioStream, output: OutputContainer) -> None:
        self.frames = 0
        self._target: Any = output.add_stream_from_template(stream)
        self._target.codec_context.codec_tag = "\0\0\0\0"  # the other container has a word of its own for the codec

    def take(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        if packet.size and packet.dts is not None:
            self.frames += 1
            packet.stream = self._target
            yield packet

    def finish(self) -> Iterator[av.Packet[Any]]:
        return iter(())


class _Pictures:
    """The pictures, encoded again, each at its own time."""

    def __init__(
        self, stream: VideoStream, output: OutputContainer, form: Format, quality: int, draw: Draw | None
    ) -> None:
        self.frames = 0
        self._draw = draw
        self._source = stream
        stream.thread_type = "AUTO"
        rate = stream.average_rate or Fraction(25)
        width, height = (side - side % 2 for side in (stream.codec_context.width, stream.codec_context.height))
        self._size = (width, height)
        target = output.add_stream(form.video, rate=rate, options=video_options(form, quality))
        target.width, target.height, target.pix_fmt = width, height, "yuv420p"
        context, given = target.codec_context, stream.codec_context
        context.time_base = Fraction(1, CLOCK)
        context.thread_count = THREADS
        context.gop_size = max(1, round(KEY_FRAME_SECONDS * rate))
        context.color_range, context.colorspace = given.color_range, given.colorspace
        context.color_primaries, context.color_trc = given.color_primaries, given.color_trc
        self._target = target
        self._last = -1

    def take(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        for frame in packet.decode():
            yield from self._encoded(frame)

    def _encoded(self, frame: VideoFrame) -> Iterator[av.Packet[Any]]:
        if (frame.format.name, frame.width, frame.height) != ("yuv420p", *self._size):
            at, base = frame.pts, frame.time_base
            frame = frame.reformat(width=self._size[0], height=self._size[1], format="yuv420p")
            frame.pts, frame.time_base = at, base
        at = round((frame.pts or 0) * (frame.time_base or Fraction(1, CLOCK)) * CLOCK)
        if self._draw:
            self._draw(frame, at / CLOCK)
        self._last = max(at, self._last + 1)  # an encoder takes no two pictures of one moment
        frame.pts, frame.time_base = self._last, Fraction(1, CLOCK)
        frame.pict_type = 0  # the source's key frames are no wish for ours
        self.frames += 1
        yield from self._target.encode(frame)

    def finish(self) -> Iterator[av.Packet[Any]]:
        yield from self._target.encode(None)


class _Sound:
    """The sound, encoded again without gaps, beginning when it began."""

    def __init__(self, stream: AudioStream, output: OutputContainer, form: Format) -> None:
        self.frames = 0
        layout, bit_rate = ("mono", 96_000) if stream.codec_context.layout.nb_channels == 1 else ("stereo", 160_000)
        self._target = output.add_stream(
            form.audio, rate=AUDIO_RATE, layout=layout, bit_rate=bit_rate, options={"flags": BIT_EXACT}
        )
        self._resampler = av.AudioResampler(form.samples, layout, AUDIO_RATE, form.audio_frame)
        self._done: int | None = None

    def take(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        heard: list[Any] = packet.decode()
        for frame in heard:
            if self._done is None:
                self._done = max(0, round((frame.time or 0) * AUDIO_RATE))
            frame.pts = None
            yield from self._encoded(frame)

    def _encoded(self, frame: av.AudioFrame | None) -> Iterator[av.Packet[Any]]:
        for part in self._resampler.resample(frame):
            part.pts, part.time_base = self._done or 0, Fraction(1, AUDIO_RATE)
            self._done = (self._done or 0) + part.samples
            yield from self._target.encode(part)

    def finish(self) -> Iterator[av.Packet[Any]]:
        if self._done is not None:
            yield from self._encoded(None)
        yield from self._target.encode(None)
