"""The portrait as the video will show it: upright, opaque, in the size of the video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from studio.media.draft.arrays import Bytes
from studio.media.draft.refusal import DraftInputError

SHORT_SIDE, LONG_SIDE = 720, 1920
MIN_SIDE = 240  # below this the mark could not be read
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
BACKDROP = (236, 237, 240)  # behind a cut-out portrait: video has no transparency


def read_portrait(path: Path) -> Bytes:
    """The portrait as BGR with even sides, at most 720p, in its own ratio. Raises DraftInputError."""
    try:
        with Image.open(path, formats=FORMATS) as opened:
            size = video_size(*_upright_size(opened))
            opened.draft("RGB", (max(size) * 2, max(size) * 2))
            upright = ImageOps.exif_transpose(opened)
            picture = _opaque(upright).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DraftInputError("The portrait cannot be read as a picture; save it again as JPEG or PNG.") from error
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])


def video_size(width: int, height: int) -> tuple[int, int]:
    """The video's even sides for a portrait's: the short one 240 to 720, no more than the portrait has if it can be."""
    short, long = sorted((width, height))
    scale = min(max(min(short, SHORT_SIDE), MIN_SIDE) / short, LONG_SIDE / long)
    return _even(width * scale), _even(height * scale)


def _even(length: float) -> int:
    return max(2 * round(length / 2), 2)


def _upright_size(picture: Image.Image) -> tuple[int, int]:
    width, height = picture.size
    turned = picture.getexif().get(0x0112, 1) >= 5
    return (height, width) if turned else (width, height)


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, (*BACKDROP, 255)), picture).convert("RGB")
    return picture.convert("RGB")
