"""Waveform: how loud a track is over time, gathered while it is decoded, in memory that does not grow with it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import av
import numpy as np

BLOCKS_PER_SECOND = 100

Samples = np.ndarray[Any, np.dtype[np.float32]]


class NotNumbers(ValueError):
    """The track holds samples that are not numbers (NaN) or without end."""


def samples_of(frame: av.AudioFrame) -> Samples:
    """Shape (channels, samples), where 1.0 is full scale, whatever the frame's own format."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    samples: Samples = values.astype(np.float32)
    if values.dtype == np.uint8:
        samples = (samples - np.float32(128)) / np.float32(128)
    elif values.dtype.kind == "i":
        samples /= np.float32(1 << (8 * values.dtype.itemsize - 1))
    return samples


class Waveform:
    """Fed with samples; tells the loudest moment and a picture of the whole."""

    def __init__(self) -> None:
        self._blocks: list[Samples] = []
        self._pending: Samples = np.zeros(0, np.float32)
        self._lowest = self._highest = 0.0
        self._started = False

    def add(self, samples: Samples, rate: int) -> None:
        """Raises NotNumbers."""
        if samples.size == 0:
            return
        low, high = float(samples.min()), float(samples.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise NotNumbers
        self._lowest = min(self._lowest, low) if self._started else low
        self._highest = max(self._highest, high) if self._started else high
        self._started = True
        block = max(rate // BLOCKS_PER_SECOND, 1)
        pending = np.concatenate([self._pending, np.abs(samples).max(axis=0)])
        whole = len(pending) // block * block
        self._blocks.append(pending[:whole].reshape(-1, block).max(axis=1))
        self._pending = pending[whole:]

    @property
    def loudest(self) -> float:
        """Half of the widest swing, 1.0 at full scale. A constant offset swings nowhere, so it counts as silence."""
        return (self._highest - self._lowest) / 2

    def peaks(self, count: int) -> list[int]:
        """``count`` numbers from 0 to 100, where 100 is the loudest moment of this track."""
        # Samples that have not filled a block yet are one block, however many they are.
        rest = [self._pending.max(keepdims=True)] if len(self._pending) else []
        if not self._blocks and not rest:
            return [0] * count
        blocks = np.concatenate([*self._blocks, *rest])
        edges = np.linspace(0, len(blocks), count + 1)
        spans = ((int(start), max(math.ceil(end), int(start) + 1)) for start, end in pairwise(edges))
        peaks = [float(blocks[start:end].max()) for start, end in spans]
        return [round(100 * peak / (max(peaks) or 1)) for peak in peaks]
