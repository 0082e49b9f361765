"""Makes a clean copy of a picture: upright, opaque, sRGB, of a size that every provider takes, without metadata."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from studio.media.portraits.colours import HEAD_BYTES, Coding, Unusable, coding_of, through_coding, through_profile
from studio.media.signatures import Content

logger = logging.getLogger(__name__)

# The strictest provider shrinks to 2,048 pixels and refuses more than 10 MB.
STORED_SIDE = 2048
STORED_BYTES = 10_000_000
JPEG_QUALITIES = (95, 88, 75)

END_MARK = b"\xff\xd9"
FILLINGS, FILLING_TIMES = (b"\0", b"\x5a\xa5\x3c", b"\xc9\x36\xfe"), 200
STRIP_PIXELS = 4_000_000

ORIENTATION = 0x0112
SIDEWAYS = 5  # orientations from here on swap width and height
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ANIMATED = frozenset({Content.GIF, Content.PNG, Content.WEBP, Content.AVIF})
# Image.open would try every format there is, and warn by a global limit of its own.
OPENERS: dict[Content, Callable[[BinaryIO], ImageFile]] = {
    Content.JPEG: JpegImageFile,
    Content.PNG: PngImageFile,
    Content.GIF: GifImageFile,
    Content.WEBP: WebPImageFile,
    Content.AVIF: AvifImageFile,
    Content.HEIC: HeifImageFile,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """An open picture of which only the header is read. ``changes`` are sentences on what the clean copy alters."""

    image: ImageFile
    orientation: int  # 1 to 8, as EXIF counts
    coding: Coding | None = None  # of colours that aren't sRGB, and have no profile that says so
    changes: list[str] = field(default_factory=list)

    @property
    def upright_size(self) -> tuple[int, int]:
        return self.turned(self.image.size)

    def turned(self, size: tuple[int, int]) -> tuple[int, int]:
        return (size[1], size[0]) if self.orientation >= SIDEWAYS else size


def open_header(file: BinaryIO, content: Content, check_pixels: Callable[[int, int], None]) -> Picture:
    """Read the header; ``check_pixels`` judges the size that it declares before any decoder takes memory for it."""
    if content is Content.WEBP:
        # This decoder allocates the whole canvas as soon as it exists.
        check_pixels(*_webp_canvas(file.read(30)))
        file.seek(0)
    image = OPENERS[content](file)
    check_pixels(*image.size)
    place = file.tell()
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(place)
    picture = Picture(image, _orientation(image), coding_of(image, content, head))
    if content in ANIMATED and getattr(image, "is_animated", False):
        picture.changes.append("Only the first frame of the animation is used.")
    if any(image.info.get(key) for key in ("exif", "xmp")):
        picture.changes.append("Camera data removed, with the place if it had one.")
    return picture


def clean(picture: Picture) -> Image.Image:
    """An RGB image of at most STORED_SIDE pixels a side. It is shrunk first, so that the rest costs little memory."""
    image, changes = picture.image, picture.changes
    whole = image.size
    target = _fitting(whole)
    if isinstance(image, JpegImageFile):
        image.draft(None, target)  # JPEG can be decoded at a half or a quarter, so the full size never exists
    image.load()
    result = _shrunk(image, target)
    result = _opaque(_srgb(result, picture), changes)
    if picture.orientation in TURNS:
        result = result.transpose(TURNS[picture.orientation])
        changes.append("Turned upright.")
    if target != whole:
        width, height = picture.turned(whole)
        changes.append(f"Scaled down from {width} × {height} to {result.width} × {result.height} pixels.")
    result.info = {}  # the encoders write comments and XMP from here
    return result


def with_an_end(jpeg: bytes) -> list[bytes]:
    """A JPEG that lacks its end mark, mended in ways that give one picture only if nothing else is missing.

    What a decoder looks for behind the end it takes from the filling, so that pictures of which more is missing differ.
    """
    begun = jpeg.removesuffix(END_MARK[:1])
    return [begun + filling * FILLING_TIMES + END_MARK for filling in FILLINGS]


def encode(image: Image.Image, *, lossless: bool) -> tuple[bytes, str, str]:
    """The bytes, their content type and extension: PNG if lossless and small enough, else the best JPEG that is."""
    if lossless:
        data = _saved(image, "PNG")
        if len(data) <= STORED_BYTES:
            return data, "image/png", "png"
    for quality in JPEG_QUALITIES:
        # Not optimized: for that Pillow's encoder needs one buffer for all, which a noisy picture overflows.
        data = _saved(image, "JPEG", quality=quality, subsampling=0)
        if len(data) <= STORED_BYTES:
            break
    return data, "image/jpeg", "jpg"


def _webp_canvas(head: bytes) -> tuple[int, int]:
    form = head[12:16]
    if form == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if form == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF


def _orientation(image: ImageFile) -> int:
    """A picture with broken EXIF is still a picture, so it counts as upright."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except (SyntaxError, ValueError, TypeError, LookupError) as error:
        logger.info("A portrait's EXIF could not be read: %r", error)
        return 1
    return value if value in TURNS else 1


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, STORED_SIDE / max(size))
    return round(size[0] * scale), round(size[1] * scale)


def _shrunk(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """At the target size, with eight bits for each colour. Strip by strip, so that only one large picture exists."""
    factor = 2 * max(image.size) // (3 * max(target))  # leaves the last half of the way to a better filter
    if factor > 1:
        across, down = (-(-side // factor) for side in image.size)
        rows = max(STRIP_PIXELS // (image.width * factor), 1) * factor
        strips = [_strip(image, top, rows, factor) for top in range(0, image.height, rows)]
        image = Image.new(strips[0].mode, (across, down))
        for number, strip in enumerate(strips):
            image.paste(strip, (0, number * rows // factor))
    else:
        image = _eight_bits(image)
    return image if image.size == target else image.resize(target, Image.Resampling.LANCZOS)


def _strip(image: Image.Image, top: int, rows: int, factor: int) -> Image.Image:
    strip = image.crop((0, top, image.width, min(top + rows, image.height)))
    return _eight_bits(strip).reduce(factor)


def _eight_bits(image: Image.Image) -> Image.Image:
    """As L, LA, RGB, RGBA or CMYK with eight bits for each colour."""
    if image.mode in {"LA", "RGBA", "CMYK"}:
        return image
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        grey = Image.fromarray((values >> 8).astype(np.uint8))
        if isinstance(clear := image.info.get("transparency"), int):
            grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
        return grey
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in {"L", "RGB"} else image.convert("RGB")


def _srgb(image: Image.Image, picture: Picture) -> Image.Image:
    """Without its profile a wide-gamut photo would look pale, so the colours are converted before it is dropped."""
    profile, changes = picture.image.info.get("icc_profile"), picture.changes
    if picture.coding and image.mode != "CMYK":
        changes.append(f"Colours converted from {picture.coding.name} to sRGB.")
        return through_coding(image, picture.coding)
    if profile:
        try:
            made, name = through_profile(image, profile)
        except Unusable as error:
            logger.info("A portrait's colour profile could not be used: %r", error)
        else:
            if made is not image:
                changes.append(f"Colours converted from {name} to sRGB.")
            image = made
    if image.mode == "CMYK":
        image = image.convert("RGB")
        changes.append("Colours converted from CMYK to sRGB.")
    return image


def _opaque(image: Image.Image, changes: list[str]) -> Image.Image:
    """On white: a video has no transparency, and each provider would fill it with a colour of its own choice."""
    if image.mode not in {"LA", "RGBA"}:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema() != (255, 255):
        changes.append("Transparent parts filled with white.")
        layered = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
    return layered.convert("RGB")


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
