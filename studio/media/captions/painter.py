"""Painter of captions: what is shown at a moment, as a small picture with its place in the video's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features
from uniseg.graphemecluster import grapheme_clusters

from studio.media.captions.cues import Cue
from studio.media.captions.lines import Text, wrapped
from studio.media.captions.typefaces import Typeface, kin_of, typeface_of

LOOKS = ("plain", "box", "karaoke")
WHITE, BLACK, SPOKEN = (255, 255, 255, 255), (0, 0, 0, 255), (255, 212, 74, 255)
BOX = (0, 0, 0, 190)
# Of the picture's width, so that 42 letters fill a line, and on a telephone of 390 pixels are 16 of them high; in a
# wide picture it's the height that counts.
SIZE_BY_WIDTH, SIZE_BY_HEIGHT, MIN_BY_WIDTH = 0.042, 0.065, 0.036
MAX_LINE = 0.94  # of the width
LINE_HEIGHT, OUTLINE, PADDING = 1.28, 0.085, 0.28  # of the size of the letters
MARGIN = 0.045  # of the height, from the edge
MIN_SIZE = 12
WORD = re.compile(r"\S+\s*")
RTL = frozenset({"R", "AL"})


class Box(NamedTuple):
    """Pixels of the picture, as x, y, width and height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Overlay:
    """A picture with its opacity (rows, columns, 4), to be laid over the video's at ``x``, ``y``, which are even."""

    x: int
    y: int
    pixels: np.ndarray[Any, np.dtype[np.uint8]]


class _Run(NamedTuple):
    """Words in one typeface, drawn at once so that their letters join."""

    words: list[str]
    font: ImageFont.FreeTypeFont

    @property
    def text(self) -> str:
        return "".join(self.words)


class Painter:
    """Draws the cues in one look, all of them at one place: below the face, or above it where it fills the picture."""

    def __init__(self, cues: Sequence[Cue], look: str, size: tuple[int, int], faces: Sequence[Box]) -> None:
        self._cues, self._look = list(cues), look
        self._width, self._height = size
        self._size = max(MIN_SIZE, round(min(SIZE_BY_WIDTH * size[0], SIZE_BY_HEIGHT * size[1])))
        self._lines = [self._fitting(cue.text) for cue in self._cues]
        tallest = max((len(lines) for lines in self._lines), default=1)
        self._below = self._is_free_below(faces, self._block(tallest))
        self._drawn: tuple[tuple[int, int], Overlay] | None = None
        self._at = 0

    def at(self, ms: float) -> Overlay | None:
        """What is to be seen at a moment; moments come in order."""
        while self._at < len(self._cues) and self._cues[self._at].end <= ms:
            self._at += 1
        if self._at == len(self._cues) or self._cues[self._at].start > ms:
            return None
        key = (self._at, self._spoken(ms) if self._look == "karaoke" else -1)
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = (key, self._draw(*key))
        return self._drawn[1]

    def _block(self, lines: int) -> int:
        return round((lines * LINE_HEIGHT + 2 * PADDING) * self._size)

    def _is_free_below(self, faces: Sequence[Box], block: int) -> bool:
        """Whether chins are above what stands at the bottom. If not, foreheads have to bear it: mouths stay free."""
        chin = max((face.y + round(face.height * 1.06) for face in faces), default=0)
        return chin <= self._height - round(MARGIN * self._height) - block

    def _fitting(self, text: str) -> list[str]:
        """Its lines, broken anew where their letters are wider than most."""
        lines = text.split("\n")
        most = MAX_LINE * self._width - 2 * PADDING * self._size
        widest = max(self._measured(line) for line in lines)
        if widest <= most:
            return lines
        columns = max(8, int(42 * most / widest))
        return wrapped(" ".join(lines), columns)

    def _measured(self, line: str) -> float:
        return sum(run.font.getlength(run.text) for run in self._runs(line))

    def _runs(self, line: str) -> list[_Run]:
        runs: list[_Run] = []
        before: Typeface | None = None
        kin = kin_of(line)
        for word in _words(line, kin):
            face = typeface_of(word, before, kin) or before
            if face is None:
                continue
            if runs and face == before:
                runs[-1].words.append(word)
            else:
                runs.append(_Run([word], face.at(self._size)))
            before = face
        return runs

    def _spoken(self, ms: float) -> int:
        """Which word of the cue is being said, by the share of its letters."""
        cue = self._cues[self._at]
        units = [word for line in self._lines[self._at] for word in _words(line, kin_of(line))]
        ends = list(accumulate(len(unit) for unit in units))
        share = (ms - cue.start) / max(cue.lasting, 1) * ends[-1]
        return next((number for number, end in enumerate(ends) if share < end), len(ends) - 1)

    def _draw(self, number: int, spoken: int) -> Overlay:
        lines = self._lines[number]
        height = self._block(len(lines))
        margin = round(MARGIN * self._height)
        top = self._height - margin - height if self._below else margin
        top -= top % 2
        image = Image.new("RGBA", (self._width - self._width % 2, height + height % 2), (0, 0, 0, 0))
        draw = ImageDraw.Draw(image)
        before = 0
        for place, line in enumerate(lines):
            baseline = round((PADDING + place * LINE_HEIGHT + 0.98) * self._size)
            before += self._draw_line(draw, line, baseline, spoken - before)
        box = image.getbbox() or (0, 0, 2, 2)
        left, right = box[0] - box[0] % 2, min(box[2] + box[2] % 2, image.width)
        return Overlay(left, top, np.asarray(image.crop((left, 0, right, image.height))))

    def _draw_line(self, draw: ImageDraw.ImageDraw, line: str, baseline: int, spoken: int) -> int:
        """Returns how many words it has. Written from the right where its first letter is."""
        runs = self._runs(line)
        is_rtl = _is_rtl(line)
        width = sum(run.font.getlength(run.text.rstrip() if run is runs[-1] else run.text) for run in runs)
        x = (self._width - width) / 2
        if self._look == "box":
            self._draw_box(draw, x, width, baseline)
        counted = 0
        numbers = {id(run): 0 for run in runs}
        for run in runs:
            numbers[id(run)] = counted
            counted += len(run.words)
        for run in reversed(runs) if is_rtl else runs:
            text = run.text.rstrip() if run is runs[-1] else run.text
            self._draw_text(draw, (x, baseline), text, run.font, WHITE)
            at = spoken - numbers[id(run)]
            if self._look == "karaoke" and 0 <= at < len(run.words):
                self._draw_spoken(draw, (x, baseline), run, at)
            x += run.font.getlength(text)
        return counted

    def _draw_box(self, draw: ImageDraw.ImageDraw, x: float, width: float, baseline: int) -> None:
        pad = PADDING * self._size
        top, bottom = baseline - 1.04 * self._size, baseline + 0.36 * self._size
        draw.rounded_rectangle((x - pad, top, x + width + pad, bottom), radius=pad * 0.6, fill=BOX)

    def _draw_spoken(self, draw: ImageDraw.ImageDraw, at: tuple[float, int], run: _Run, number: int) -> None:
        before, word = "".join(run.words[:number]), run.words[number].rstrip()
        x = at[0] + run.font.getlength(before)
        if _is_rtl(run.text):
            x = at[0] + run.font.getlength(run.text.rstrip()) - run.font.getlength(before + word)
        self._draw_text(draw, (x, at[1]), word, run.font, SPOKEN)

    def _draw_text(
        self,
        draw: ImageDraw.ImageDraw,
        at: tuple[float, int],
        text: str,
        font: ImageFont.FreeTypeFont,
        colour: tuple[int, int, int, int],
    ) -> None:
        outline = 0 if self._look == "box" else max(2, round(OUTLINE * self._size))
        direction = ("rtl" if _is_rtl(text) else "ltr") if features.check_feature("raqm") else None
        draw.text(at, text, colour, font, anchor="ls", direction=direction, stroke_width=outline, stroke_fill=BLACK)


@lru_cache(maxsize=256)
def _words(line: str, kin: int) -> tuple[str, ...]:
    """What is drawn in one typeface and said at once, the space behind it included."""
    words = [word for unit in Text.of(line).units for word in WORD.findall(unit)]
    each = ([word] if typeface_of(word, None, kin) else list(grapheme_clusters(word)) for word in words)
    return tuple(chain.from_iterable(each))


def _is_rtl(text: str) -> bool:
    strong = (unicodedata.bidirectional(letter) for letter in text)
    return next((kind in RTL for kind in strong if kind in {"L", *RTL}), False)
