"""Usual time of a video at its offer, by our own last ones there, and the moment from which on one is late."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any

from studio.models import Render
from studio.pipeline.health import FEW, record_of

MIN_ALIKE, ALIKE = 10, 1.5  # so many of about its length speak for it, else all do, each by its length
MIN_LATE = timedelta(seconds=60)  # a draft that takes ten seconds instead of five is no news
LATE_ANYWAY = timedelta(minutes=30)  # where our own history is too thin


@dataclass(frozen=True, slots=True)
class Usual:
    """Seconds within which half of such videos were there, and nine in ten."""

    half: float
    most: float

    def __str__(self) -> str:
        """``8–15 seconds``, ``2–4 minutes``."""
        if self.most < 100:
            step = 1 if self.most < 20 else 5
            return _between(max(1, int(self.half) // step * step), math.ceil(self.most / step) * step, "second")
        if self.most < 5_400:
            return _between(max(1, int(self.half / 60)), math.ceil(self.most / 60), "minute")
        return _between(max(1, int(self.half / 3_600)), math.ceil(self.most / 3_600), "hour")


def usual_of(offer: str, voice_ms: int | None) -> Usual | None:
    """For a voice of this length; None where our history is too thin to tell."""
    took = record_of(offer).took
    if len(took) < FEW or not voice_ms:
        return None
    alike = [seconds for ms, seconds in took if voice_ms / ALIKE <= ms <= voice_ms * ALIKE]
    scaled = [seconds * voice_ms / ms for ms, seconds in took]
    tenths = quantiles(alike if len(alike) >= MIN_ALIKE else scaled, n=10, method="inclusive")
    return Usual(tenths[4], tenths[8])


def told_at_acceptance(offer: str, voice_ms: int, accepted_at: datetime) -> dict[str, Any]:
    """The columns of a render that its provider has taken: what is usual, and the moment from which on it is late."""
    usual = usual_of(offer, voice_ms)
    if usual is None:
        return {"late_at": accepted_at + LATE_ANYWAY}
    most = max(timedelta(seconds=usual.most), MIN_LATE)
    return {"usual_half": round(usual.half), "usual_most": round(usual.most), "late_at": accepted_at + most}


def usual_now(render: Render) -> Usual | None:
    """Of a render that its provider has; of a long video its parts have times of their own."""
    return None if render.usual_half is None else Usual(render.usual_half, render.usual_most or render.usual_half)


def _between(low: int, high: int, unit: str) -> str:
    if low >= high:
        return f"about {high} {unit}{'s' if high > 1 else ''}"
    return f"{low}–{high} {unit}s"
