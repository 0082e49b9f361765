"""The visible label: words in a corner of each picture, which say that a machine has made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFont

from studio.media.captions.burn import faces_in, lay
from studio.media.captions.painter import Box, Overlay
from studio.media.video.transcode import Conversion, transcode

WORDS = "AI-generated"
LETTERS, MARGIN = 0.030, 0.032  # of the picture's shorter side
MIN_LETTERS = 11  # pixels
LOW = 0.78  # of the height: a chin below it has the captions above its face, so the label goes below
INK, GROUND = (255, 255, 255, 242), (0, 0, 0, 150)


def label(
    source: Path, target: Path, conversion: Conversion, *, progress: Callable[[int], None] = lambda _frames: None
) -> None:
    """As ``transcode``, with the label drawn into each picture, where no face was seen. Raises ConversionFailed."""
    size, faces = faces_in(source)
    overlay = overlay_of(size, faces)

    def draw(frame: VideoFrame, _seconds: float) -> None:
        lay(overlay, frame)

    transcode(source, target, conversion, progress=progress, draw=draw)


def overlay_of(size: tuple[int, int], faces: Sequence[Box]) -> Overlay:
    """The label, and where it goes: the first corner that touches no face, away from where captions would be."""
    width, height = size
    short = min(size)
    letters = max(MIN_LETTERS, round(short * LETTERS))
    font = ImageFont.load_default(size=letters * 1.25)
    left, top, right, bottom = font.getbbox(WORDS)
    wide, tall = _even(right - left + 1.5 * letters), _even(bottom - top + 1.1 * letters)
    image = Image.new("RGBA", (wide, tall), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, wide - 1, tall - 1), radius=tall / 2, fill=GROUND)
    draw.text((wide / 2, tall / 2), WORDS, INK, font, anchor="mm")
    margin = _even(short * MARGIN)
    xs, ys = (_even(width - margin - wide), margin), (margin, _even(height - margin - tall))
    if max((face.y + face.height for face in faces), default=0) > LOW * height:
        ys = ys[::-1]
    corners = [Box(max(0, x), max(0, y), wide, tall) for y in ys for x in xs]
    free = next((corner for corner in corners if not any(_touch(corner, face) for face in faces)), corners[0])
    return Overlay(free.x, free.y, np.asarray(image))


def _even(number: float) -> int:
    return int(number) // 2 * 2


def _touch(one: Box, other: Box) -> bool:
    beside = one.x >= other.x + other.width or other.x >= one.x + one.width
    return not (beside or one.y >= other.y + other.height or other.y >= one.y + one.height)
