"""Pictures as bytes."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pillow_heif
from PIL import Image, ImageCms

SVG_WITH_SCRIPT = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="400" height="400">'
    b"<script>alert(1)</script></svg>"
)
# A corner of each colour, so that turning and mirroring show.
CORNERS = {"top left": (255, 0, 0), "top right": (0, 255, 0), "bottom left": (0, 0, 255), "bottom right": (255, 255, 0)}


def picture(width: int = 400, height: int = 500, mode: str = "RGB") -> Image.Image:
    """Four corners in four colours on grey."""
    image = Image.new("RGB", (width, height), (128, 128, 128))
    for corner, colour in CORNERS.items():
        left = 0 if "left" in corner else width - width // 4
        top = 0 if "top" in corner else height - height // 4
        image.paste(colour, (left, top, left + width // 4, top + height // 4))
    return image.convert(mode)


def corner_colours(image: Image.Image) -> dict[str, tuple[int, int, int]]:
    """What stands in the corners, rounded to pure colours as JPEG blurs them."""
    across, down = image.width - 20, image.height - 20
    places = {
        "top left": (20, 20),
        "top right": (across, 20),
        "bottom left": (20, down),
        "bottom right": (across, down),
    }
    found = {}
    for corner, place in places.items():
        red, green, blue = (255 if value > 127 else 0 for value in image.convert("RGB").getpixel(place))
        found[corner] = (red, green, blue)
    return found


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(width: int = 400, height: int = 500, **options: Any) -> bytes:
    return saved(picture(width, height), "JPEG", **{"quality": 90, **options})


def png(width: int = 400, height: int = 500, **options: Any) -> bytes:
    return saved(picture(width, height), "PNG", **options)


def animation(kind: str, frames: int = 5) -> bytes:
    """The first frame has the four corners, all others are black."""
    black = [Image.new("RGB", (400, 500), (number, 0, 0)) for number in range(1, frames)]
    return saved(picture(), kind, save_all=True, append_images=black, duration=100)


def exif(orientation: int = 1, *, place: bool = False) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "Telltale Cameras"
    if place:
        tags.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return tags


def swapped_profile() -> bytes:
    """A colour space in which red and green have changed places, named accordingly."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace(b"rXYZ", b"swap").replace(b"gXYZ", b"rXYZ").replace(b"swap", b"gXYZ")
    return profile.replace("sRGB built-in".encode("utf-16-be"), "Swapped space".encode("utf-16-be"))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))


def huge_png() -> bytes:
    """40,000 × 40,000 pixels declared in a kilobyte."""
    return png_header(40_000, 40_000) + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")


def png_bomb(side: int) -> bytes:
    """A whole and valid picture of ``side`` × ``side`` transparent pixels in about a megabyte."""
    squeeze = zlib.compressobj(1)
    row = bytes(1 + 4 * side)
    data = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    return png_header(side, side) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def png_text_bomb() -> bytes:
    """A comment of 100 MB, compressed to less than one."""
    comment = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 1))
    return png_header(400, 400) + comment + chunk(b"IDAT", zlib.compress(bytes(400 * 1601))) + chunk(b"IEND", b"")


def huge_jpeg() -> bytes:
    """A JPEG whose frame header says 40,000 × 40,000."""
    data = bytearray(jpeg())
    frame = data.index(b"\xff\xc0") + 5
    data[frame : frame + 4] = struct.pack(">HH", 40_000, 40_000)
    return bytes(data)


def huge_gif() -> bytes:
    return b"GIF89a" + struct.pack("<HH", 40_000, 40_000) + saved(picture(mode="P"), "GIF")[10:]


def huge_webp() -> bytes:
    """The canvas of an extended WebP is one larger than its header's numbers."""
    data = bytearray(animation("WEBP"))
    data[24:30] = (16_383).to_bytes(3, "little") * 2
    return bytes(data)
