"""Thumbnail: the small picture that stands for a portrait in lists."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

MAX_SIDE = 400
QUALITY = 80


def read_thumbnail(path: Path) -> bytes:
    """Of a stored portrait. Raises OSError, SyntaxError or ValueError for a file that can't be read."""
    with Image.open(path, formats=("JPEG", "PNG")) as image:
        image.draft("RGB", (2 * MAX_SIDE, 2 * MAX_SIDE))
        return thumbnail_of(image.convert("RGB"))


def thumbnail_of(image: Image.Image) -> bytes:
    """A WebP, its longest side at most 400 pixels."""
    small = image.copy()
    small.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=QUALITY)
    return buffer.getvalue()
