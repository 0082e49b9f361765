"""Samples of a whole voice in a file of their own, so that any stretch of an hour can be looked at without memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import av
import numpy as np

from studio.media.signatures import Content, recognise
from studio.media.voices.sound import open_sound

LAYOUTS = {1: "mono", 2: "stereo"}

Values = np.ndarray[Any, np.dtype[np.int16]]


@dataclass(frozen=True, slots=True)
class Samples:
    """``values`` has a row for each moment and a column for each channel, one or two; ``rate`` is rows a second."""

    rate: int
    values: Values

    def sha256(self, begin: int, end: int) -> str:
        """Of the sound of a stretch, wherever it stands."""
        form = f"{self.rate}/{self.values.shape[1]}/".encode()
        return sha256(form + self.values[begin:end].tobytes()).hexdigest()


@contextmanager
def samples_of_file(path: Path) -> Iterator[Samples]:
    """The decoded voice, kept beside ``path`` until the block's end. Raises FFmpegError, or ValueError for no sound."""
    content = recognise(path)
    rate, channels = form_of(path, content)
    beside = path.with_name(f"{path.name}.samples")
    try:
        with beside.open("wb") as file:
            for frame in alike(path, content, "s16", LAYOUTS[channels], rate):
                file.write(bytes(frame.planes[0])[: frame.samples * channels * 2])
        if not beside.stat().st_size:
            raise ValueError("The voice holds no sound.")
        yield Samples(rate, np.memmap(beside, np.int16, "r").reshape(-1, channels))
    finally:
        beside.unlink(missing_ok=True)


def form_of(path: Path, content: Content) -> tuple[int, int]:
    """The samples a second and the channels, one or two, that a voice begins with. Raises as ``samples_of_file``."""
    with open_sound(path, content) as sound:
        for frame in sound.frames():
            return frame.sample_rate, min(frame.layout.nb_channels, 2)
    raise ValueError("The voice holds no sound.")


def alike(path: Path, content: Content, form: str, layout: str, rate: int) -> Iterator[av.AudioFrame]:
    """The sound in frames of one kind, whatever its parts were."""
    resampler, kind = None, None
    with open_sound(path, content) as sound:
        for frame in sound.frames():
            frame.pts = None  # the clock of the source may have gaps, and its sound is told without
            if kind != (kind := (frame.format.name, frame.layout.name, frame.sample_rate)):
                yield from resampler.resample(None) if resampler else ()
                resampler = av.AudioResampler(form, layout, rate)
            if resampler:
                yield from resampler.resample(frame)
    yield from resampler.resample(None) if resampler else ()
