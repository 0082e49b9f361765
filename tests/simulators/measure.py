"""What a result file really is, for tests: by counting its frames and samples."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av

from tests.simulators import loopback


@dataclass(frozen=True)
class Measured:
    frames: int
    fps: Fraction
    sound_seconds: float
    container: str

    @property
    def ms(self) -> int:
        """Length of the picture, milliseconds truncated."""
        return int(self.frames * 1000 / self.fps) if self.frames else 0


def measure(content: bytes) -> Measured:
    with av.open(io.BytesIO(content)) as container:
        fps = Fraction(container.streams.video[0].average_rate) if container.streams.video else Fraction(30)
        frames = sum(1 for _ in container.decode(container.streams.video[0])) if container.streams.video else 0
        container.seek(0)
        heard = container.decode(container.streams.audio[0]) if container.streams.audio else ()
        seconds = sum(frame.samples / frame.sample_rate for frame in heard)
        return Measured(frames, fps, seconds, container.format.name)


def fetch_and_measure(url: str) -> Measured:
    answer = loopback.get(url, timeout=30).raise_for_status()
    return measure(answer.content)
