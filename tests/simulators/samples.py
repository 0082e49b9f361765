"""Portraits and voices for tests, made on demand: ``portrait-768x1024.jpg``, ``voice-13900.mp3`` (milliseconds)."""

from __future__ import annotations

import io
import re
from functools import lru_cache

from PIL import Image

from tests.simulators.media import encode_audio, tone

RATE = 24_000
PORTRAIT = re.compile(r"portrait-(\d{1,5})x(\d{1,5})\.(jpg|png|webp|gif)")
VOICE = re.compile(r"voice-(\d{1,7})\.(mp3|wav|m4a|aac|ogg)")
PICTURE_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}
SOUNDS = {
    "mp3": ("mp3", "libmp3lame", "audio/mpeg"),
    "wav": ("wav", "pcm_s16le", "audio/wav"),
    "m4a": ("ipod", "aac", "audio/mp4"),
    "aac": ("adts", "aac", "audio/aac"),
    "ogg": ("ogg", "libopus", "audio/ogg"),
}


@lru_cache(maxsize=64)
def sample(name: str) -> tuple[bytes, str] | None:
    """The bytes and content type of the sample of this name, or None."""
    picture = PORTRAIT.fullmatch(name)
    if picture:
        width, height, extension = int(picture[1]), int(picture[2]), picture[3]
        return _portrait(width, height, extension), PICTURE_TYPES[extension]
    voice = VOICE.fullmatch(name)
    if voice:
        container, codec, content_type = SOUNDS[voice[2]]
        samples = tone(int(voice[1]) * RATE // 1000, RATE)
        return encode_audio(samples, container, codec, RATE).getvalue(), content_type
    return None


def _portrait(width: int, height: int, extension: str) -> bytes:
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    face = Image.radial_gradient("L").resize((max(1, width // 2), max(1, height // 2))).convert("RGB")
    image.paste(face, (width // 4, height // 8))
    buffer = io.BytesIO()
    image.save(buffer, format={"jpg": "JPEG"}.get(extension, extension.upper()))
    return buffer.getvalue()
