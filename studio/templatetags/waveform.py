"""A voice drawn as bars, from the peaks that were measured when it came in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from django import template

from studio.models import Upload

register = template.Library()

BARS = 120
STEP = 3  # the width of a bar and its gap, in the drawing's own units
HEIGHT = 100
MIN_PERCENT = 4  # silence is a dot and not a hole


@register.inclusion_tag("components/waveform.html")
def waveform(voice: Upload, bars: int = BARS) -> dict[str, Any]:
    """``voice`` as a player: drawing, play button, position, and the browser's own player without a script."""
    return _drawing(voice, bars) | {"voice": voice}


@register.inclusion_tag("components/bars.html")
def bars_of(voice: Upload, bars: int = BARS) -> dict[str, Any]:
    """``voice`` as a drawing alone."""
    return _drawing(voice, bars)


def _drawing(voice: Upload, bars: int) -> dict[str, Any]:
    peaks = louder(thinned(voice.details.get("peaks", []), bars))
    return {"path": path_of(peaks), "width": len(peaks) * STEP, "height": HEIGHT}


def thinned(peaks: Sequence[float], bars: int) -> list[float]:
    """At most ``bars`` values, each the loudest of its share, so that short sounds stay visible."""
    if not peaks:
        return [0.0] * bars
    if len(peaks) <= bars:
        return list(peaks)
    edges = [index * len(peaks) // bars for index in range(bars + 1)]
    return [max(peaks[left:right]) for left, right in pairwise(edges)]


def louder(peaks: Sequence[float]) -> list[float]:
    """A quiet recording is drawn up to three times as tall, so that its shape is seen."""
    gain = min(100 / max(*peaks, 1), 3)
    return [peak * gain for peak in peaks]


def path_of(peaks: Sequence[float]) -> str:
    """One SVG path with an upright line for each peak (0 to 100), around the middle."""
    lines = []
    for index, peak in enumerate(peaks):
        half = max(min(float(peak), 100.0), MIN_PERCENT) / 100 * (HEIGHT / 2 - 2)
        lines.append(f"M{index * STEP + STEP / 2:g} {HEIGHT / 2 - half:.4g}V{HEIGHT / 2 + half:.4g}")
    return "".join(lines)
