"""What a file is, judged by its first bytes. Its name and what the browser says of it count for nothing."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from studio.media.frames import adts_frame_bytes, find_mp3_frames, mp3_frame_bytes, skip_tags

HEAD_BYTES = 4096


class Content(StrEnum):
    """The value is how a sentence calls it."""

    JPEG = "a JPEG picture"
    PNG = "a PNG picture"
    GIF = "a GIF picture"
    WEBP = "a WebP picture"
    AVIF = "an AVIF picture"
    HEIC = "a HEIC picture"
    TIFF = "a TIFF picture"
    BMP = "a BMP picture"
    SVG = "an SVG drawing"
    MP3 = "an MP3 sound"
    WAV = "a WAV sound"
    MP4 = "an MP4 file"  # also M4A and MOV: only the tracks tell a sound from a video
    AAC = "an AAC sound"
    OGG = "an OGG file"
    FLAC = "a FLAC sound"
    WEBM = "a WebM file"  # also MKV
    AIFF = "an AIFF sound"
    AVI = "an AVI video"
    ZIP = "a ZIP archive"
    GZIP = "a GZIP archive"
    PDF = "a PDF document"
    HTML = "an HTML page"
    PROGRAM = "a program"
    PLAYLIST = "a playlist"
    EMPTY = "an empty file"
    UNKNOWN = "a file of no known kind"


_PREFIXES: tuple[tuple[bytes, Content], ...] = (
    (b"\xff\xd8\xff", Content.JPEG),
    (b"\x89PNG\r\n\x1a\n", Content.PNG),
    (b"GIF87a", Content.GIF),
    (b"GIF89a", Content.GIF),
    (b"II*\0", Content.TIFF),
    (b"MM\0*", Content.TIFF),
    (b"BM", Content.BMP),
    (b"OggS", Content.OGG),
    (b"fLaC", Content.FLAC),
    (b"\x1aE\xdf\xa3", Content.WEBM),
    (b"PK\x03\x04", Content.ZIP),
    (b"PK\x05\x06", Content.ZIP),
    (b"\x1f\x8b", Content.GZIP),
    (b"%PDF-", Content.PDF),
    (b"MZ", Content.PROGRAM),
    (b"\x7fELF", Content.PROGRAM),
    (b"#!", Content.PROGRAM),
    (b"#EXTM3U", Content.PLAYLIST),
)
_RIFF_FORMS = {b"WAVE": Content.WAV, b"WEBP": Content.WEBP, b"AVI ": Content.AVI}
_MP4_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def recognise(path: Path) -> Content:
    with path.open("rb") as file:
        tagged = skip_tags(file)
        head = file.read(HEAD_BYTES)
    if tagged:
        # Tags stand before MP3, and some programs put them before AAC and FLAC too.
        content = _of_head(head.lstrip(b"\0"))
        return content if content in {Content.AAC, Content.FLAC} else Content.MP3
    return _of_head(head) if head else Content.EMPTY


def _of_head(head: bytes) -> Content:
    for prefix, content in _PREFIXES:
        if head.startswith(prefix):
            return content
    if head[:4] in {b"RIFF", b"RF64"}:
        return _RIFF_FORMS.get(head[8:12], Content.UNKNOWN)
    if head.startswith(b"FORM") and head[8:12] in {b"AIFF", b"AIFC"}:
        return Content.AIFF
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    if head[4:8] in _MP4_BOXES:
        return Content.MP4
    return _of_markup(head) or _of_frame(head) or Content.UNKNOWN


def _of_brands(head: bytes) -> Content:
    """HEIC, AVIF, M4A and MP4 share one container; the brands in its first box tell them apart."""
    size = min(int.from_bytes(head[:4]), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))}
    if brands & _AVIF_BRANDS:
        return Content.AVIF
    if brands & _HEIC_BRANDS:
        return Content.HEIC
    return Content.MP4


def _of_frame(head: bytes) -> Content | None:
    if adts_frame_bytes(head):
        return Content.AAC
    # Files cut out of a longer MP3 begin with the rest of a frame, which players skip.
    return Content.MP3 if mp3_frame_bytes(head) or find_mp3_frames(head) >= 0 else None


def _of_markup(head: bytes) -> Content | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text.startswith(b"<"):
        return None
    if b"<svg" in text:
        return Content.SVG
    return Content.HTML if b"<html" in text or text.startswith(b"<!doctype html") else None
