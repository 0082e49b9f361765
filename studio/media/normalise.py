"""Inputs as every provider takes them: portraits as JPEG or PNG, voices as MP3 or AAC, within limits that all share.

A voice has one length for whoever reads it, by its header or by its sound: what is unclear about it is made anew.

``portrait_changes`` and ``voice_changes`` foretell in sentences what will be changed, from what is known of an upload,
so that a page can say it before money moves. What they call fine goes out bit for bit, without the tags of a voice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError
from PIL import Image

from studio.media.signatures import Content, recognise
from studio.media.voices.clarity import is_clear
from studio.media.voices.samples import alike
from studio.media.voices.sound import DEMUXERS, open_sound
from studio.media.voices.tags import without_tags

MIN_SIDE, MAX_SIDE = 512, 2048
PORTRAIT_BYTES = 10_000_000
VOICE_BYTES = 5_000_000
JPEG_QUALITIES = (95, 88, 75, 60)

PICTURES = {Content.JPEG: "image/jpeg", Content.PNG: "image/png"}
# What goes out as it is, if it is small enough: content type and codec.
SOUNDS = {("audio/mpeg", "mp3"), ("audio/mp4", "aac"), ("audio/aac", "aac")}
SOUND_NAMES = {"audio/mpeg": "MP3", "audio/mp4": "M4A", "audio/aac": "AAC"}
MPEG_1, MPEG_2 = (32_000, 44_100, 48_000), (16_000, 22_050, 24_000)
# Above these nobody hears a difference in speech; MP3 of low sampling rates has no more than 160.
MAX_KBITS = {1: 160, 2: 256}
MAX_KBITS_MPEG_2 = 160
KBITS = (256, 224, 192, 160, 128, 112, 96, 80, 64, 48, 40, 32)
# Tags, the first frame that tells how long the rest is, and a frame of padding.
OVERHEAD_BYTES = 8_000


class NormaliseFailed(ValueError):
    """The file can't be made into what providers take. Uploads are judged before, so this is a damaged copy."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """``path`` is the source itself where nothing had to be changed; ``changes`` are sentences for the page.

    That a voice went without its tags is none: it sounds the same.
    """

    path: Path
    content_type: str
    extension: str
    changes: list[str] = field(default_factory=list)


# --- Portraits --------------------------------------------------------------------------------------------------------


def portrait_changes(*, width: int, height: int, size: int, content_type: str) -> list[str]:
    """What will be changed about a portrait of ``width`` × ``height`` pixels and ``size`` bytes."""
    changes = []
    target = _fitting(width, height)
    if target != (width, height):
        verb = "Enlarged" if target[0] > width else "Scaled down"
        changes.append(f"{verb} from {width} × {height} to {target[0]} × {target[1]} pixels, which all providers take.")
    if content_type not in PICTURES.values():
        changes.append("Saved as JPEG, which all providers take.")
    elif size > PORTRAIT_BYTES:
        changes.append(f"Saved again, because {size / 1e6:.1f} MB is more than the {PORTRAIT_BYTES / 1e6:.0f} allowed.")
    return changes


def normalise_portrait(source: Path, folder: Path) -> Normalised:
    """The portrait as all providers take it; a changed copy is written into ``folder``. Raises NormaliseFailed."""
    content, size = recognise(source), source.stat().st_size
    try:
        with Image.open(source, formats=("JPEG", "PNG", "WEBP", "GIF", "AVIF")) as image:
            content_type = PICTURES.get(content, "")
            changes = portrait_changes(width=image.width, height=image.height, size=size, content_type=content_type)
            if not changes:
                return Normalised(source, content_type, _extension(content_type))
            picture = _opaque(image).resize(_fitting(*image.size), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError) as error:
        raise NormaliseFailed(f"The portrait can't be read: {error}") from error
    return _saved(picture, folder, changes, lossless=content is Content.PNG)


def _fitting(width: int, height: int) -> tuple[int, int]:
    """The nearest size of the same shape with both sides within the limits, or else the longer one."""
    scale = max(1.0, MIN_SIDE / min(width, height))
    scale = min(scale, MAX_SIDE / max(width, height))
    return round(width * scale), round(height * scale)


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")


def _saved(picture: Image.Image, folder: Path, changes: list[str], *, lossless: bool) -> Normalised:
    picture.info = {}  # the encoders write comments and XMP from here
    if lossless:
        path = folder / "portrait.png"
        picture.save(path, "PNG")
        if path.stat().st_size <= PORTRAIT_BYTES:
            return Normalised(path, "image/png", "png", changes)
        path.unlink()
    path = folder / "portrait.jpg"
    for quality in JPEG_QUALITIES:
        picture.save(path, "JPEG", quality=quality, subsampling=0)
        if path.stat().st_size <= PORTRAIT_BYTES:
            return Normalised(path, "image/jpeg", "jpg", changes)
    raise NormaliseFailed(f"The portrait does not fit into {PORTRAIT_BYTES:,} bytes.")


def _extension(content_type: str) -> str:
    return {"image/jpeg": "jpg", "image/png": "png", "audio/mpeg": "mp3", "audio/mp4": "m4a"}.get(content_type, "aac")


# --- Voices -----------------------------------------------------------------------------------------------------------


def voice_changes(*, content_type: str, codec: str, size: int, tracks: int = 1, clear: bool = True) -> list[str]:
    """What will be changed about a voice of ``size`` bytes; ``clear`` is whether every program finds its length."""
    name = SOUND_NAMES.get(content_type, content_type.partition("/")[2].upper())
    if (content_type, codec) not in SOUNDS or tracks > 1:
        return [f"Converted from {name} to MP3, which all providers take."]
    if size > VOICE_BYTES:
        found, most = f"{size / 1e6:.1f} MB", f"{VOICE_BYTES / 1e6:.0f}"
        return [f"Converted to an MP3 of fewer bits, because {found} is more than the {most} allowed."]
    return [] if clear else ["Saved again as MP3, because not every program would find its true length."]


def normalise_voice(source: Path, folder: Path) -> Normalised:
    """The voice as all providers take it; a changed copy is written into ``folder``. Raises NormaliseFailed.

    The length stays what it is to the sample, for readers that honour the MP3's note on padding, as FFmpeg's do; others
    hear up to 50 ms of silence around it.
    """
    content = recognise(source)
    if content not in DEMUXERS:
        raise NormaliseFailed(f"The voice is {content.value}.")
    try:
        heard = _heard(source, content)
        content_type = _sound_type(content)
        changes = voice_changes(
            content_type=content_type,
            codec=heard.codec,
            size=source.stat().st_size,
            tracks=heard.tracks,
            clear=heard.is_clear,
        )
        if not changes:
            return Normalised(without_tags(source, content, folder), content_type, _extension(content_type))
        return _converted(source, content, folder / "voice.mp3", heard, changes)
    except (NormaliseFailed, MemoryError):
        raise
    except (FFmpegError, OSError, IndexError, ValueError) as error:
        raise NormaliseFailed(f"The voice can't be read: {error}") from error


def _sound_type(content: Content) -> str:
    return {
        Content.MP3: "audio/mpeg",
        Content.MP4: "audio/mp4",
        Content.AAC: "audio/aac",
        Content.WAV: "audio/wav",
        Content.OGG: "audio/ogg",
        Content.FLAC: "audio/flac",
        Content.WEBM: "audio/webm",
    }[content]


def _converted(source: Path, content: Content, target: Path, heard: _Heard, changes: list[str]) -> Normalised:
    kbits = best_kbits(float(heard.seconds), rate=heard.rate, channels=heard.channels)
    with av.open(str(target), "w", format="mp3") as output:
        layout = "mono" if heard.channels == 1 else "stereo"
        encoder = output.add_stream("libmp3lame", rate=heard.rate, layout=layout)
        encoder.bit_rate = kbits * 1000
        # Under this name of it all readers, and not only FFmpeg's, believe the note on padding.
        encoder.metadata["encoder"] = "LAME3.100"
        for frame in alike(source, content, "s16p", layout, heard.rate):
            output.mux(encoder.encode(frame))
        output.mux(encoder.encode(None))
    if target.stat().st_size > VOICE_BYTES:
        raise NormaliseFailed(f"The voice does not fit into {VOICE_BYTES:,} bytes.")
    return Normalised(target, "audio/mpeg", "mp3", changes)


def best_kbits(seconds: float, *, rate: int, channels: int) -> int:
    """The highest constant rate that nobody could wish higher, and that fits. Raises NormaliseFailed if none does."""
    most = MAX_KBITS[channels] if rate in MPEG_1 else min(MAX_KBITS[channels], MAX_KBITS_MPEG_2)
    room = (VOICE_BYTES - OVERHEAD_BYTES) * 8 / 1000 / max(seconds, 0.1)
    for kbits in KBITS:
        if kbits <= min(most, room):
            return kbits
    raise NormaliseFailed(f"{seconds:.0f} s of sound do not fit into {VOICE_BYTES:,} bytes.")


@dataclass(slots=True)
class _Heard:
    """``rate`` is the sampling rate that the MP3 gets; ``channels`` one or two."""

    codec: str
    tracks: int
    seconds: Fraction = Fraction(0)
    rate: int = 0
    channels: int = 1
    is_clear: bool = False


def _heard(source: Path, content: Content) -> _Heard:
    with open_sound(source, content) as sound:
        heard = _Heard(sound.codec or "", len(sound.container.streams.audio))
        for frame in sound.frames():
            heard.seconds += Fraction(frame.samples, frame.sample_rate)
            heard.rate = heard.rate or frame.sample_rate
            heard.channels = max(heard.channels, min(frame.layout.nb_channels, 2))
        if not heard.rate:
            raise NormaliseFailed("The voice holds no sound.")
        heard.is_clear = is_clear(source, sound, heard.seconds)
    heard.rate = next((fit for fit in (*MPEG_2, *MPEG_1) if fit >= heard.rate), MPEG_1[-1])
    return heard
