"""Crops of a portrait to the shapes of screens: as much of it as the shape takes, with the face well placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from studio.media.portraits import pictures
from studio.media.portraits.portraits import MIN_SIDE

RATIOS: dict[str, tuple[int, int]] = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1), "4:5": (4, 5)}
SAME = 0.01  # of a side: nearer to the shape than that it is of it
MAX_SCALE_UP = 1.25
# The head around what the finder calls a face, and where its middle stands, in shares of the face and of the height.
ABOVE, BELOW, BESIDE = 0.45, 0.25, 0.15
FACE_AT, MIDDLE_AT = 0.42, 0.33  # the second without a face: what matters in a picture is seldom at its foot

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Crop:
    """A shape, the part of the picture in pixels (x, y, width, height), and its size.

    ``why_not`` says why it can't be had; ``is_whole`` is of a picture that has the shape.
    """

    ratio: str
    box: Box
    width: int
    height: int
    why_not: str = ""
    is_whole: bool = False

    @property
    def view_box(self) -> str:
        return "{} {} {} {}".format(*self.box)


def crops_of(width: int, height: int, face: Sequence[int] | None) -> list[Crop]:
    """Each shape there is, of a picture of so many pixels."""
    return [crop_of(width, height, face, ratio) for ratio in RATIOS]


def crop_of(width: int, height: int, face: Sequence[int] | None, ratio: str) -> Crop:
    across, down = RATIOS[ratio]
    wide, tall = min(width, round(height * across / down)), min(height, round(width * down / across))
    if width - wide <= SAME * width and height - tall <= SAME * height:
        return Crop(ratio, (0, 0, width, height), width, height, "It has this shape.", is_whole=True)
    x, y = _placed(width, height, wide, tall, face)
    scale = max(1.0, MIN_SIDE / min(wide, tall))
    made = Crop(ratio, (x, y, wide, tall), round(wide * scale), round(tall * scale))
    if scale > MAX_SCALE_UP:
        return _refused(made, f"It would be {wide} × {tall} pixels; each side must be at least {MIN_SIDE}.")
    if face and not _holds(made.box, face):
        return _refused(made, "It would cut the face off.")
    return made


def cut(path: Path, crop: Crop) -> bytes:
    """The part of a stored portrait, in the format that it is stored in."""
    x, y, across, down = crop.box
    with Image.open(path, formats=("JPEG", "PNG")) as image:
        part = image.convert("RGB").crop((x, y, x + across, y + down))
        lossless = image.format == "PNG"
    if part.size != (crop.width, crop.height):
        part = part.resize((crop.width, crop.height), Image.Resampling.LANCZOS)
    return pictures.encode(part, lossless=lossless)[0]


def _refused(crop: Crop, why: str) -> Crop:
    return Crop(crop.ratio, crop.box, crop.width, crop.height, why)


def _placed(width: int, height: int, wide: int, tall: int, face: Sequence[int] | None) -> tuple[int, int]:
    """The corner of the part, so that the head is in it as far as it fits."""
    if not face:
        return (width - wide) // 2, round((height - tall) * MIDDLE_AT)
    left, top, across, down = face
    x = round(left + across / 2 - wide / 2)
    y = round(top + down / 2 - tall * FACE_AT)
    # The whole head, from the hair to the chin; the chin counts more.
    y = min(y, round(top - ABOVE * down))
    y = max(y, round(top + (1 + BELOW) * down - tall))
    return max(0, min(x, width - wide)), max(0, min(y, height - tall))


def _holds(box: Box, face: Sequence[int]) -> bool:
    x, y, wide, tall = box
    left, top, across, down = face
    return x <= left and y <= top and left + across <= x + wide and top + down <= y + tall
