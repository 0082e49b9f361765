"""Greys in colours of every kind: what they are is told by numbers that come with the picture."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

from tests.corpus.pictures import chunk, saved
from tests.support.paths import CASES

GREYS = (20, 80, 128, 200, 255)
SIDE = 320
Values = np.ndarray[Any, np.dtype[np.float64]]


def bars() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Five bars of grey, as sRGB from 0 to 1."""
    return np.repeat(np.array(GREYS) / 255, SIDE // len(GREYS))[:, None] * np.ones((1, SIDE))


def linear(values: Values) -> Values:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def pq(values: Values) -> Values:
    """With white at 203 nits."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = (linear(values) * 203 / 10_000) ** m1
    return np.asarray(((c1 + c2 * power) / (1 + c3 * power)) ** m2)


def hlg(values: Values) -> Values:
    scene = (linear(values) * 203 / 1000) ** (1 / 1.2)
    logs = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), logs)


def picture(curve: Callable[[Values], Values], mode: str = "RGB") -> Image.Image:
    return Image.fromarray(np.round(curve(bars()) * 255).astype(np.uint8)).convert(mode)


def png(image: Image.Image, *chunks: bytes) -> bytes:
    """With chunks behind its header."""
    data = saved(image, "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def gamma(value: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", value))


def code_points(primaries: int, transfer: int) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


def png16(values: Values, colour_type: int, *chunks: bytes) -> bytes:
    """Sixteen bits for each value; shape (rows, columns, channels)."""
    rows = b"".join(b"\0" + row.tobytes() for row in np.round(values * 65_535).astype(">u2"))
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def avif(curve: Callable[[Values], Values], primaries: int, transfer: int) -> bytes:
    data = bytearray(saved(picture(curve), "AVIF", quality=95, subsampling="4:4:4"))
    at = data.index(b"colrnclx") + 8
    data[at : at + 4] = struct.pack(">HH", primaries, transfer)
    return bytes(data)


def heic(curve: Callable[[Values], Values], primaries: int, transfer: int) -> bytes:
    buffer = io.BytesIO()
    points = {"color_primaries": primaries, "transfer_characteristics": transfer, "matrix_coefficients": 9}
    pillow_heif.from_pillow(picture(curve)).save(buffer, quality=95, full_range_flag=1, **points)
    return buffer.getvalue()


def linear_profile() -> bytes:
    with Image.open(CASES / "p01-gimp-linear-srgb.png") as image:
        return bytes(image.info["icc_profile"])
