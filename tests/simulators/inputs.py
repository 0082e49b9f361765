"""The portrait and the voice as a provider gets them: fetched, measured, and refused with a reason."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import aiohttp
import av
from av.error import FFmpegError
from PIL import Image, UnidentifiedImageError

MEGABYTE = 1024 * 1024
IMAGE_FORMATS = frozenset({"JPEG", "MPO", "PNG"})
AUDIO_CODECS = frozenset({"mp3", "mp3float", "aac", "pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_u8"})
FETCH_SECONDS = 20.0


class Refusal(StrEnum):
    UNREACHABLE = "unreachable"
    NOT_AN_IMAGE = "not_an_image"
    NOT_AUDIO = "not_audio"
    IMAGE_FORMAT = "image_format"
    AUDIO_FORMAT = "audio_format"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_SHAPE = "image_shape"
    FILE_TOO_LARGE = "file_too_large"
    AUDIO_TOO_SHORT = "audio_too_short"
    AUDIO_TOO_LONG = "audio_too_long"


class InputError(Exception):
    """An input that a provider would not take. ``field`` is ``portrait`` or ``voice``."""

    def __init__(self, field: str, why: Refusal, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.why = why
        self.message = message


@dataclass(frozen=True, slots=True)
class Limits:
    """Section 4 of the contract; a provider may be looser or stricter."""

    image_formats: frozenset[str] = IMAGE_FORMATS
    audio_codecs: frozenset[str] = AUDIO_CODECS
    image_bytes: int = 10 * MEGABYTE
    audio_bytes: int = 5 * MEGABYTE
    least_side: int = 300
    most_side: int | None = None
    seconds: tuple[float, float] = (2.0, 300.0)


@dataclass(frozen=True, slots=True)
class Inputs:
    portrait: Path | None
    voice: Path | None
    voice_seconds: float


@dataclass(frozen=True, slots=True)
class Blob:
    path: Path
    sha256: str


class Larder:
    """Fetches by URL, data URI, base64 or uploaded id, keeps one copy per content, measures each content once."""

    def __init__(self, folder: Path, stored: Callable[[str], Path | None]) -> None:
        self._folder = folder
        self._stored = stored
        self._measured: dict[str, tuple[int, int, str] | tuple[float, str]] = {}
        self._places = asyncio.Semaphore(16)
        self._client: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        self._client = aiohttp.ClientSession(timeout=timeout, headers={"User-Agent": "provider-fetch/1"})

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def gather(self, portrait: str, voice: str, limits: Limits) -> Inputs:
        """Both inputs, or InputError."""
        async with self._places:
            image = await self.fetch("portrait", portrait, limits.image_bytes)
            sound = await self.fetch("voice", voice, limits.audio_bytes)
            await self._judge_portrait(image, limits)
            seconds = await self._judge_voice(sound, limits)
        return Inputs(image.path, sound.path, seconds)

    async def fetch(self, field: str, source: str, limit: int) -> Blob:
        stored = self._stored(source)
        if stored is not None:
            content = await asyncio.to_thread(stored.read_bytes)
        elif source.startswith(("http://", "https://")):
            content = await self._download(field, source, limit)
        else:
            content = decoded(field, source)
        if len(content) > limit:
            raise InputError(field, Refusal.FILE_TOO_LARGE, f"The file exceeds {limit // MEGABYTE} MB.")
        return await asyncio.to_thread(self._keep, content)

    async def _download(self, field: str, url: str, limit: int) -> bytes:
        if self._client is None:
            raise RuntimeError("open() the larder first")
        try:
            async with self._client.get(url) as answer:
                if answer.status != 200:
                    raise InputError(field, Refusal.UNREACHABLE, f"Failed to download the file: HTTP {answer.status}.")
                return await _all(answer, limit)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise InputError(
                field, Refusal.UNREACHABLE, f"Failed to download the file: {type(error).__name__}."
            ) from error

    def _keep(self, content: bytes) -> Blob:
        digest = hashlib.sha256(content).hexdigest()
        path = self._folder / digest
        if not path.exists():
            path.write_bytes(content)
        return Blob(path, digest)

    async def _judge_portrait(self, blob: Blob, limits: Limits) -> None:
        key = "image:" + blob.sha256
        if key not in self._measured:
            self._measured[key] = await asyncio.to_thread(_measure_image, blob.path)
        width, height, kind = self._measured[key]
        if kind not in limits.image_formats:
            raise InputError("portrait", Refusal.IMAGE_FORMAT, f"Unsupported image format {kind}.")
        if min(width, height) < limits.least_side:
            raise InputError("portrait", Refusal.IMAGE_TOO_SMALL, f"Each side needs {limits.least_side} px or more.")
        if limits.most_side and max(width, height) > limits.most_side:
            raise InputError("portrait", Refusal.IMAGE_TOO_LARGE, f"Each side may have {limits.most_side} px at most.")
        if not 0.4 <= width / height <= 2.5:
            raise InputError("portrait", Refusal.IMAGE_SHAPE, "The aspect ratio must lie between 1:2.5 and 2.5:1.")

    async def _judge_voice(self, blob: Blob, limits: Limits) -> float:
        key = "audio:" + blob.sha256
        if key not in self._measured:
            self._measured[key] = await asyncio.to_thread(measure_audio, blob.path)
        seconds, codec = self._measured[key]
        if codec not in limits.audio_codecs:
            raise InputError("voice", Refusal.AUDIO_FORMAT, f"Unsupported audio format {codec}.")
        if seconds < limits.seconds[0]:
            raise InputError("voice", Refusal.AUDIO_TOO_SHORT, f"Audio needs {limits.seconds[0]:g} s or more.")
        if seconds > limits.seconds[1]:
            raise InputError("voice", Refusal.AUDIO_TOO_LONG, f"Audio may last {limits.seconds[1]:g} s at most.")
        return seconds


async def _all(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > limit:
            break
    return bytes(content)


def decoded(field: str, source: str) -> bytes:
    text = source.partition(",")[2] if source.startswith("data:") else source
    try:
        return base64.b64decode(text, validate=True) or b"\0"
    except (binascii.Error, ValueError) as error:
        raise InputError(field, Refusal.UNREACHABLE, "Neither a URL nor base64 nor a known id.") from error


def _measure_image(path: Path) -> tuple[int, int, str]:
    try:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            return image.width, image.height, image.format or ""
    except (UnidentifiedImageError, OSError) as error:
        raise InputError("portrait", Refusal.NOT_AN_IMAGE, "The file is no image.") from error


def measure_audio(path: Path) -> tuple[float, str]:
    """Seconds by decoding every sample, and the codec's name."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError("voice", Refusal.NOT_AUDIO, "The file has no audio.")
            stream = container.streams.audio[0]
            seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(stream))
            return seconds, stream.codec_context.name
    except (FFmpegError, OSError) as error:
        raise InputError("voice", Refusal.NOT_AUDIO, "The file is no audio.") from error
