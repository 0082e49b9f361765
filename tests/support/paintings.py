"""A picture that the content check marks and nobody minds: ellipses in the colours of skin, and no person in it."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFilter

SIDE = 512
SKIN = ((236, 188, 160), (224, 172, 140), (150, 95, 75), (210, 130, 120), (60, 40, 35), (120, 70, 60))
# x, y, half its width, half its height, of 256; and its colour. Found by trying at random: it scores 0.99.
ELLIPSES = (
    *((184, 125, 77, 61, 3), (121, 189, 67, 48, 3), (234, 115, 74, 78, 1), (68, 42, 85, 81, 4)),
    *((0, 254, 80, 75, 5), (87, 98, 77, 65, 1), (70, 191, 104, 91, 0), (207, 121, 11, 52, 0)),
    *((128, 44, 45, 54, 2), (90, 7, 17, 39, 1), (87, 78, 38, 8, 3)),
)


def painting() -> Image.Image:
    picture = Image.new("RGB", (SIDE, SIDE), SKIN[0])
    draw, scale = ImageDraw.Draw(picture), SIDE / 256
    for x, y, wide, high, colour in ELLIPSES:
        draw.ellipse(
            [(x - wide) * scale, (y - high) * scale, (x + wide) * scale, (y + high) * scale], fill=SKIN[colour]
        )
    return picture.filter(ImageFilter.GaussianBlur(4 * scale))


def painted_portrait() -> bytes:
    out = io.BytesIO()
    painting().save(out, "JPEG", quality=95)
    return out.getvalue()
