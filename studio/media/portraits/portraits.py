"""A portrait is judged by its pixels, and what is stored is a clean copy of it."""

from __future__ import annotations

import io
import logging
import math
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from studio.media.claims import overclaim
from studio.media.errors import Refusal, UploadRefused, megabytes
from studio.media.portraits import pictures
from studio.media.signatures import Content, recognise
from studio.media.thumbnails import thumbnail_of

logger = logging.getLogger(__name__)

MAX_BYTES = 20_000_000
MAX_PIXELS = 64_000_000
MAX_WEBP_PIXELS = 25_000_000  # its decoder holds four copies of the picture
MIN_SIDE = 300
MAX_RATIO = 2.5

FORMATS = {
    Content.JPEG: "JPEG",
    Content.PNG: "PNG",
    Content.GIF: "GIF",
    Content.WEBP: "WebP",
    Content.AVIF: "AVIF",
    Content.HEIC: "HEIC",
}
LOSSLESS = frozenset({Content.PNG, Content.GIF})
KEEPS_FORMAT = {Content.JPEG: "jpg", Content.PNG: "png"}
CHOOSE = "Choose a JPEG, PNG, WebP, GIF, AVIF or HEIC picture."
SAVE_PLAIN = "Open it in a picture program and save it as a plain JPEG or PNG."
SCALE_DOWN = f"Save it smaller: {pictures.STORED_SIDE:,} pixels on the longer side are enough."


@dataclass(frozen=True, slots=True)
class Portrait:
    """The copy to store, and a thumbnail of it.

    ``details``: format (of what came), face ([x, y, width, height] or None), warnings, changes.
    """

    data: bytes
    content_type: str
    extension: str
    width: int
    height: int
    details: dict[str, Any]
    thumbnail: bytes


def read_portrait(path: Path) -> Portrait:
    """Judge the file by its content and make the clean copy to store. Raises UploadRefused, or MemoryError."""
    check_bytes(path.stat().st_size)
    content = recognise(path)
    if content not in FORMATS:
        raise _not_a_picture(content)
    if claim := overclaim(path, content):
        raise UploadRefused(Refusal.PORTRAIT_OVER_LIMITS, f"The portrait {claim}.", SAVE_PLAIN)
    try:
        # Pillow warns of broken EXIF, which is dropped anyway.
        with warnings.catch_warnings(action="ignore"):
            return _read(path, content)
    except (UploadRefused, MemoryError):
        raise
    except Exception as error:
        if "memory" in str(error).lower():  # Pillow and libheif say so in words
            raise MemoryError(str(error)) from error
        # Decoders fail in ways of their own on damaged files; to the person it is one thing.
        logger.info("A portrait that began like %s could not be read: %r", content.value, error)
        raise UploadRefused(
            Refusal.PORTRAIT_UNREADABLE,
            f"The portrait begins like {content.value} but can’t be read to its end.",
            "It may be damaged or cut off; export it again and upload that.",
        ) from error


def check_bytes(size: int) -> None:
    if not size:
        raise UploadRefused(
            Refusal.PORTRAIT_EMPTY,
            "The portrait is empty: 0 bytes.",
            "Choose the file again; if it stays empty, export it again.",
        )
    if size > MAX_BYTES:
        found = f"The portrait is {megabytes(size)} MB; the limit is {megabytes(MAX_BYTES)} MB."
        raise UploadRefused(Refusal.PORTRAIT_TOO_LARGE, found, SCALE_DOWN)


def check_sides(width: int, height: int) -> None:
    """What every provider refuses: sides under 300 pixels, and beyond 2.5 to 1 in either direction."""
    if min(width, height) < MIN_SIDE:
        raise UploadRefused(
            Refusal.PORTRAIT_TOO_SMALL,
            f"The portrait is {width} × {height} pixels; each side must be at least {MIN_SIDE}.",
            "Choose a larger picture.",
        )
    if max(width, height) > MAX_RATIO * min(width, height):
        shape, limit = ("wide", f"{MAX_RATIO}:1") if width > height else ("tall", f"1:{MAX_RATIO}")
        raise UploadRefused(
            Refusal.PORTRAIT_TOO_LONG,
            f"The portrait is {width} × {height} pixels, which is too {shape}; the limit is {limit}.",
            "Crop it closer to the face.",
        )


def check_pixels(width: int, height: int, *, limit: int = MAX_PIXELS) -> None:
    """Against bombs: asked of the size that a file declares, before anything is decoded."""
    if width * height > limit:
        raise UploadRefused(
            Refusal.PORTRAIT_TOO_MANY_PIXELS,
            f"The portrait is {width} × {height} pixels, {math.ceil(width * height / 1e6):,} megapixels; "
            f"the limit is {limit // 1_000_000}.",
            SCALE_DOWN,
        )


def _not_a_picture(content: Content) -> UploadRefused:
    end = "which can’t be used here" if content.value.endswith("picture") else "not a picture"
    return UploadRefused(Refusal.PORTRAIT_NOT_A_PICTURE, f"The portrait is {content.value}, {end}.", CHOOSE)


def _read(path: Path, content: Content) -> Portrait:
    with path.open("rb") as file:
        try:
            picture, clean = _cleaned(file, content)
        except OSError:
            if content is not Content.JPEG:
                raise
            file.seek(0)
            picture, clean = _mended(file.read(MAX_BYTES))
    data, content_type, extension = pictures.encode(clean, lossless=content in LOSSLESS)
    changes = list(picture.changes)
    if extension != KEEPS_FORMAT.get(content):
        changes.append(f"Saved as a {'PNG' if extension == 'png' else 'JPEG'} picture.")
    from studio.media.portraits.judgement import judge  # noqa: PLC0415 -- OpenCV takes 0.25 s, and only uploads need it

    details = {"format": FORMATS[content], "changes": changes, **judge(np.asarray(clean)).details}
    return Portrait(data, content_type, extension, clean.width, clean.height, details, thumbnail_of(clean))


def _cleaned(file: BinaryIO, content: Content) -> tuple[pictures.Picture, Image.Image]:
    limit = MAX_WEBP_PIXELS if content is Content.WEBP else MAX_PIXELS
    picture = pictures.open_header(file, content, partial(check_pixels, limit=limit))
    check_sides(*picture.upright_size)
    return picture, pictures.clean(picture)


def _mended(jpeg: bytes) -> tuple[pictures.Picture, Image.Image]:
    """A JPEG of which nothing but its end mark is missing. Raises OSError for one that lacks more."""
    made = [_cleaned(io.BytesIO(mended), Content.JPEG) for mended in pictures.with_an_end(jpeg)]
    picture, clean = made[0]
    if any(not np.array_equal(np.asarray(clean), np.asarray(other)) for _, other in made[1:]):
        raise OSError("More is missing than the end mark.")
    return picture, clean
