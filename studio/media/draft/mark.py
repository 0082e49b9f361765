"""The small "draft" mark, so that nobody takes a draft for the finished video."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from studio.media.draft.arrays import Floats
from studio.media.draft.meter import BLACK, WHITE, blend, half_size, rounded
from studio.media.draft.planes import Planes, even_box

WORD = "Draft"
LETTER_HEIGHT, MARGIN = 0.030, 0.032  # of the picture's shorter side
MIN_LETTERS = 10  # pixels


class Mark:
    """A pill in the top left corner; the meter has the bottom, and players put their controls there."""

    def __init__(self, height: int, width: int) -> None:
        short = min(height, width)
        letters = _letters(max(MIN_LETTERS, round(short * LETTER_HEIGHT)))
        tall, wide = letters.shape
        margin = short * MARGIN
        self._box = even_box(margin, margin, margin + wide + 1.3 * tall, margin + 1.9 * tall, (height, width))
        pill = rounded(self._box.width, self._box.height, self._box.height / 2) * np.float32(0.55)
        text = np.zeros_like(pill)
        top, left = (self._box.height - tall) // 2, (self._box.width - wide) // 2
        text[top : top + tall, left : left + wide] = letters
        # Both layers at once: what is there, by so much, plus so much of the mark.
        self._pill, self._text = pill, text * np.float32(0.95)
        self._cover = half_size(1 - (1 - self._pill) * (1 - self._text))

    def stamp(self, onto: Planes) -> None:
        part = onto.part(self._box)
        blend(part.y, BLACK, self._pill)
        blend(part.y, WHITE, self._text)
        blend(part.u, 128.0, self._cover)
        blend(part.v, 128.0, self._cover)


def _letters(height: int) -> Floats:
    """The word in the font that Pillow carries, cut to its ink, 0 to 1."""
    font = ImageFont.load_default(size=height * 1.4)
    canvas = Image.new("L", (height * 12, height * 4))
    ImageDraw.Draw(canvas).text((height, height), WORD, fill=255, font=font)
    return np.asarray(canvas.crop(canvas.getbbox()), np.float32) / 255
