"""Joining of the parts of a video: their pictures one after the other on one clock, with the whole voice's own sound.

The sound is told without loss (FLAC), so that it is the voice's, sample for sample. The pictures are encoded anew,
because parts of several providers differ in size and rate; where two meet they fade into each other for a few frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from studio.media.draft.encode import BIT_EXACT, FORMATS, THREADS, video_options
from studio.media.video.faststart import fast_start
from studio.media.video.transcode import ConversionFailed
from studio.media.video.videos import opened, picture_of
from studio.media.voices.samples import LAYOUTS, Samples, Values, samples_of_file

QUALITY = 95
MAX_RATE = 60
FADE_FRAMES = 4
TELL_EVERY = 25  # frames
SOUND_BLOCK = 4_608


def join(
    parts: Sequence[Path],
    stretches: Sequence[tuple[int, int]],
    voice: Path,
    target: Path,
    progress: Callable[[int], None] = lambda _frames: None,
) -> list[dict[str, Any]]:
    """Write one video of the parts, each beginning at the first sample of its stretch of the voice.

    Gives what was found at each seam: ``at_ms``, and ``score``, from 0 for the same picture to 1. Raises
    ConversionFailed.
    """
    try:
        options = {"fflags": BIT_EXACT}
        with samples_of_file(voice) as samples, av.open(str(target), "w", format="mp4", options=options) as output:
            film = _Film(parts, stretches, samples.rate, output, progress)
            track = _Track(output, samples)
            for until in film.encode():
                track.advance(until)
            track.finish()
        fast_start(target)
    except MemoryError:
        target.unlink(missing_ok=True)
        raise
    except (FFmpegError, ValueError) as error:
        target.unlink(missing_ok=True)
        raise ConversionFailed(f"The parts could not be joined: {error}") from error
    return film.seams


class _Film:
    """The pictures; ``encode`` gives the sample up to which each second or so of them reaches."""

    def __init__(
        self,
        parts: Sequence[Path],
        stretches: Sequence[tuple[int, int]],
        sound_rate: int,
        output: OutputContainer,
        progress: Callable[[int], None],
    ) -> None:
        self._parts, self._stretches, self._sound_rate = parts, stretches, sound_rate
        self._output, self._progress = output, progress
        self.seams: list[dict[str, Any]] = []
        with opened(parts[0]) as first:
            picture = picture_of(first)
            self._rate = min(Fraction(picture.average_rate or 25).limit_denominator(1001), Fraction(MAX_RATE))
            context = picture.codec_context
            self._size = tuple(side - side % 2 for side in (context.width, context.height))
            given = (context.color_range, context.colorspace, context.color_primaries, context.color_trc)
        form = FORMATS["mp4"]
        self._target = output.add_stream(form.video, rate=self._rate, options=video_options(form, QUALITY))
        self._target.width, self._target.height = self._size
        self._target.pix_fmt = "yuv420p"
        made = self._target.codec_context
        made.thread_count, made.gop_size = THREADS, max(1, round(2 * self._rate))
        made.color_range, made.colorspace, made.color_primaries, made.color_trc = given
        self._done = 0

    def encode(self) -> Iterator[int]:
        before: VideoFrame | None = None
        for path, (begin, end) in zip(self._parts, self._stretches, strict=True):
            first, last = self._frame_at(begin), self._frame_at(end)
            with closing(_Source(path, self._size)) as source:
                for number in range(first, last):
                    frame = source.at(Fraction(number) / self._rate - Fraction(begin, self._sound_rate))
                    if before is not None and number == first:
                        self._note(begin, before, frame)
                    if before is not None and number - first < FADE_FRAMES:
                        frame = _blend(before, frame, (number - first + 1) / (FADE_FRAMES + 1))
                    self._add(frame, number)
                    if self._done % TELL_EVERY == 0:
                        self._progress(self._done)
                        yield int(self._done * self._sound_rate / self._rate)
                before = source.last
        self._output.mux(self._target.encode(None))

    def _frame_at(self, sample: int) -> int:
        """The first picture that is due at a sample or after it."""
        return -int(-sample * self._rate // self._sound_rate)

    def _add(self, frame: VideoFrame, number: int) -> None:
        again = VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
        again.pts, again.time_base = number, 1 / self._rate
        self._done += 1
        self._output.mux(self._target.encode(again))

    def _note(self, sample: int, before: VideoFrame, after: VideoFrame) -> None:
        one, two = (frame.to_ndarray().astype(np.int16) for frame in (before, after))
        score = float(np.abs(one - two).mean()) / 255
        self.seams.append({"at_ms": sample * 1000 // self._sound_rate, "score": round(score, 4)})


class _Source:
    """A part's pictures by their time, taken forwards; after its last one that one stays."""

    def __init__(self, path: Path, size: tuple[int, ...]) -> None:
        self._size = size
        self._opened = opened(path)
        container = self._opened.__enter__()
        stream = picture_of(container)
        stream.thread_type = "AUTO"
        self._frames = container.decode(stream)
        self._next = self._taken()
        if self._next is None:
            raise ValueError("A part has no picture.")
        self.last = self._next[1]
        self._start = self._next[0]

    def at(self, moment: Fraction) -> VideoFrame:
        while self._next is not None and self._next[0] - self._start <= moment:
            self.last = self._next[1]
            self._next = self._taken()
        return self.last

    def _taken(self) -> tuple[Fraction, VideoFrame] | None:
        frame = next(self._frames, None)
        if frame is None:
            return None
        at = (frame.pts or 0) * (frame.time_base or Fraction(0))
        if (frame.format.name, frame.width, frame.height) != ("yuv420p", *self._size):
            frame = frame.reformat(width=self._size[0], height=self._size[1], format="yuv420p")
        return at, frame

    def close(self) -> None:
        self._opened.__exit__(None, None, None)


def _blend(one: VideoFrame, two: VideoFrame, share: float) -> VideoFrame:
    mixed = one.to_ndarray() * np.float32(1 - share) + two.to_ndarray() * np.float32(share)
    return VideoFrame.from_ndarray(np.rint(mixed).astype(np.uint8), format="yuv420p")


class _Track:
    """The voice as the file's sound, told without loss, no further than the pictures are."""

    def __init__(self, output: OutputContainer, samples: Samples) -> None:
        self._output, self._samples = output, samples
        self._layout = LAYOUTS[samples.values.shape[1]]
        options = {"flags": BIT_EXACT}
        self._stream = output.add_stream("flac", rate=samples.rate, layout=self._layout, options=options)
        self._stream.codec_context.format = "s16"
        self._done = 0

    def advance(self, until: int) -> None:
        while self._done + SOUND_BLOCK <= until:
            self._encode(self._samples.values[self._done : self._done + SOUND_BLOCK])

    def finish(self) -> None:
        self.advance(len(self._samples.values))
        if rest := len(self._samples.values) - self._done:
            self._encode(self._samples.values[-rest:])
        self._output.mux(self._stream.encode(None))

    def _encode(self, values: Values) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values).reshape(1, -1), "s16", self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._samples.rate, self._done, Fraction(1, self._samples.rate)
        self._done += len(values)
        self._output.mux(self._stream.encode(frame))
