"""Typefaces of captions that are drawn into a video, and which letters they have: Noto Sans, out of two packages."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from PIL import ImageFont, features

WEIGHT = 650
COLLECTIONS = {"manimgx_fonts": "*.ttf", "manimgx_fonts_cjk": "*.ttc"}
FIRST, LAST = "NotoSans[wght].ttf", ("NotoSansSymbols[wght].ttf", "NotoEmoji[wght].ttf")
# Faces of the collection, whose Chinese letters differ.
JAPANESE, KOREAN, CHINESE = 0, 1, 2
UNSEEN = frozenset({"Cf", "Cc", "Mn", "Me"})
# Their letters change with their neighbours, which takes a library that not every system has.
SHAPED = (range(0x0590, 0x1100), range(0x1780, 0x1800))


@dataclass(frozen=True, slots=True)
class Typeface:
    path: Path
    face: int = 0

    def has(self, text: str) -> bool:
        return all(ord(letter) in _letters(self.path) for letter in text if _is_seen(letter))

    def at(self, size: int) -> ImageFont.FreeTypeFont:
        return _opened(self, size)


def typeface_of(word: str, before: Typeface | None, kin: int) -> Typeface | None:
    """The first typeface that has all of a word, rather the one before it; None if none has."""
    if before and before.has(word):
        return before
    return next((face for face in _all(kin) if face.has(word)), None)


def kin_of(text: str) -> int:
    """Whose Chinese letters are meant, by what stands beside them."""
    if any("\u3040" <= letter <= "\u30ff" for letter in text):
        return JAPANESE
    return KOREAN if any("\uac00" <= letter <= "\ud7a3" for letter in text) else CHINESE


def missing_letters(text: str) -> list[str]:
    """Those of ``text`` that no typeface has, or that can't be joined on this machine."""
    letters = sorted({letter for letter in text if _is_seen(letter)})
    shapes = features.check_feature("raqm")
    return [
        letter
        for letter in letters
        if not any(face.has(letter) for face in _all(CHINESE)) or (not shapes and _is_shaped(letter))
    ]


@cache
def _all(kin: int) -> tuple[Typeface, ...]:
    return tuple(Typeface(path, kin if path.suffix == ".ttc" else 0) for path in _ordered(_found()))


def _found() -> Iterator[Path]:
    for package, pattern in COLLECTIONS.items():
        folder = Path(str(files(package)))
        yield from (path for path in folder.glob(pattern) if "Italic" not in path.name)


def _ordered(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (path.name != FIRST, path.name in LAST, path.suffix == ".ttc", path.name))


@cache
def _letters(path: Path) -> frozenset[int]:
    from fontTools.ttLib import TTFont  # noqa: PLC0415  # only what draws needs it

    with TTFont(path, fontNumber=0, lazy=True) as font:
        return frozenset(font.getBestCmap())


@lru_cache(maxsize=64)
def _opened(typeface: Typeface, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(typeface.path, size, index=typeface.face)
    font.set_variation_by_axes([WEIGHT])
    return font


def _is_seen(letter: str) -> bool:
    return not letter.isspace() and unicodedata.category(letter) not in UNSEEN


def _is_shaped(letter: str) -> bool:
    return any(ord(letter) in letters for letters in SHAPED)
