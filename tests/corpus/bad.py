"""What a bad file is: bytes, and the code and the very sentences that refuse them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from studio.media.errors import Refusal
from tests.corpus import pictures


@dataclass(frozen=True)
class Bad:
    name: str
    make: Callable[[], bytes]
    code: Refusal
    message: str
    remedy: str


def part(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("portrait.jpg", pictures.jpeg())
    return buffer.getvalue()


def noise(size: int) -> bytes:
    """Bytes without meaning, none of which could begin an MP3 frame."""
    return bytes(np.random.default_rng(7).integers(1, 255, size, dtype=np.uint8))


def heic() -> bytes:
    return pictures.saved(pictures.picture(), "HEIF")
