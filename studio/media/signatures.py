"""File types, judged by a file's first bytes. Its name and what the browser says of it count for nothing."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from studio.media.voices.frames import adts_frame_bytes, family_of, find_mp3_frames, mp3_frame_bytes, skip_tags

HEAD_BYTES = 4096
# How far into a file of no known kind an MP3 is looked for, and how many of its frames in a row are no chance.
JUNK_BYTES = 4_000_000
CHAIN = 4


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
    JPEG_XL = "a JPEG XL picture"
    JPEG_2000 = "a JPEG 2000 picture"
    JPEG_XR = "a JPEG XR picture"
    PHOTOSHOP = "a Photoshop picture"
    GIMP = "a GIMP picture"
    ICON = "an icon picture"
    RAW = "a camera’s raw picture"
    EXR = "an OpenEXR picture"
    PPM = "a PPM picture"
    QOI = "a QOI picture"
    SVG = "an SVG drawing"
    POSTSCRIPT = "an EPS drawing"
    MP3 = "an MP3 sound"
    WAV = "a WAV sound"
    MP4 = "an MP4 file"  # also M4A and MOV: only the tracks tell a sound from a video
    AAC = "an AAC sound"
    OGG = "an OGG file"
    FLAC = "a FLAC sound"
    WEBM = "a WebM file"  # also MKV
    AIFF = "an AIFF sound"
    AMR = "an AMR sound"
    CAF = "a CAF sound"
    WAVE64 = "a Wave64 sound"
    WMA = "a WMA sound"
    MP2 = "an MP2 sound"
    AC3 = "an AC-3 sound"
    DTS = "a DTS sound"
    AU = "an AU sound"
    APE = "a Monkey’s Audio (APE) sound"
    WAVPACK = "a WavPack sound"
    TTA = "a True Audio (TTA) sound"
    MUSEPACK = "a Musepack sound"
    SHORTEN = "a Shorten sound"
    TAK = "a TAK sound"
    DSD = "a DSD sound"
    REALAUDIO = "a RealAudio sound"
    VOC = "a VOC sound"
    QCELP = "a QCELP sound"
    MIDI = "a MIDI file"
    AVI = "an AVI video"
    WMV = "a WMV video"
    FLV = "an FLV video"
    MPEG = "an MPEG video"
    MPEG_TS = "an MPEG-TS video"
    MXF = "an MXF video"
    REALMEDIA = "a RealMedia video"
    ZIP = "a ZIP archive"
    GZIP = "a GZIP archive"
    SEVEN_ZIP = "a 7-Zip archive"
    RAR = "a RAR archive"
    BZIP2 = "a BZIP2 archive"
    XZ = "an XZ archive"
    ZSTD = "a Zstandard archive"
    PDF = "a PDF document"
    OFFICE = "an Office document"
    RTF = "an RTF document"
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
    (b"\xff\x0a", Content.JPEG_XL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Content.JPEG_XL),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Content.JPEG_2000),
    (b"\xff\x4f\xff\x51", Content.JPEG_2000),
    (b"II\xbc", Content.JPEG_XR),
    (b"8BPS", Content.PHOTOSHOP),
    (b"gimp xcf", Content.GIMP),
    (b"\0\0\1\0", Content.ICON),
    (b"\0\0\2\0", Content.ICON),
    (b"icns", Content.ICON),
    (b"II*\0\x10\0\0\0CR", Content.RAW),
    (b"IIRO", Content.RAW),
    (b"IIRS", Content.RAW),
    (b"IIU\0", Content.RAW),
    (b"FUJIFILMCCD-RAW", Content.RAW),
    (b"v/1\x01", Content.EXR),
    (b"P5\n", Content.PPM),
    (b"P6\n", Content.PPM),
    (b"qoif", Content.QOI),
    (b"%!PS", Content.POSTSCRIPT),
    (b"\xc5\xd0\xd3\xc6", Content.POSTSCRIPT),
    (b"#!AMR", Content.AMR),
    (b"caff\0\1", Content.CAF),
    (b"riff\x2e\x91\xcf\x11", Content.WAVE64),
    (b"\x0b\x77", Content.AC3),
    (b"\x7f\xfe\x80\x01", Content.DTS),
    (b"\xfe\x7f\x01\x80", Content.DTS),
    (b"\x1f\xff\xe8\0", Content.DTS),
    (b"\xff\x1f\0\xe8", Content.DTS),
    (b"DTSHDHDR", Content.DTS),
    (b".snd", Content.AU),
    (b"MAC ", Content.APE),
    (b"wvpk", Content.WAVPACK),
    (b"TTA1", Content.TTA),
    (b"TTA2", Content.TTA),
    (b"MPCK", Content.MUSEPACK),
    (b"MP+", Content.MUSEPACK),
    (b"ajkg", Content.SHORTEN),
    (b"tBaK", Content.TAK),
    (b"DSD ", Content.DSD),
    (b"FRM8", Content.DSD),
    (b".ra\xfd", Content.REALAUDIO),
    (b".RMF", Content.REALMEDIA),
    (b"Creative Voice File", Content.VOC),
    (b"MThd", Content.MIDI),
    (b"FLV\1", Content.FLV),
    (b"\0\0\1\xba", Content.MPEG),
    (b"\0\0\1\xb3", Content.MPEG),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", Content.MXF),
    (b"7z\xbc\xaf\x27\x1c", Content.SEVEN_ZIP),
    (b"Rar!\x1a\x07", Content.RAR),
    (b"BZh", Content.BZIP2),
    (b"\xfd7zXZ\0", Content.XZ),
    (b"\x28\xb5\x2f\xfd", Content.ZSTD),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Content.OFFICE),
    (b"{\\rtf", Content.RTF),
    (b"[playlist]", Content.PLAYLIST),
    (b"MM\0+", Content.TIFF),
    (b"II+\0", Content.TIFF),
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
_RIFF_FORMS = {
    b"WAVE": Content.WAV,
    b"WEBP": Content.WEBP,
    b"AVI ": Content.AVI,
    b"QLCM": Content.QCELP,
    b"RMID": Content.MIDI,
}
_ASF = bytes.fromhex("3026b2758e66cf11")
_ASF_PICTURES = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_OFFICE_PARTS = (b"[Content_Types].xml", b"application/vnd.oasis.opendocument")
_DNG_VERSION = {b"II": b"\x12\xc6\x01\0\x04\0\0\0", b"MM": b"\xc6\x12\0\x01\0\0\0\x04"}
_TS_BYTES = 188
_MP3_SYNC = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")
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
    if not head:
        return Content.EMPTY
    content = _of_head(head)
    return Content.MP3 if content is Content.UNKNOWN and _holds_mp3(path) else content


def _holds_mp3(path: Path) -> bool:
    """Whether an MP3 begins behind something else, which players skip."""
    with path.open("rb") as file:
        data = file.read(JUNK_BYTES)
    return any(_chain(data, found.start()) for found in _MP3_SYNC.finditer(data))


def _chain(data: bytes, at: int) -> bool:
    family = family_of(data[at : at + 4])
    for _ in range(CHAIN):
        length = mp3_frame_bytes(data[at : at + 4])
        if not length or family_of(data[at : at + 4]) != family:
            return False
        at += length
    return True


def _of_head(head: bytes) -> Content:
    for prefix, content in _PREFIXES:
        if head.startswith(prefix):
            return _more_closely(content, head)
    if head.startswith(_ASF):
        return Content.WMV if _ASF_PICTURES in head else Content.WMA
    if head[:4] in {b"RIFF", b"RF64", b"BW64"}:
        return _RIFF_FORMS.get(head[8:12], Content.UNKNOWN)
    if head.startswith(b"FORM") and head[8:12] in {b"AIFF", b"AIFC"}:
        return Content.AIFF
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    if head[4:8] in _MP4_BOXES:
        return Content.MP4
    return _of_markup(head) or _of_frame(head) or Content.UNKNOWN


def _more_closely(content: Content, head: bytes) -> Content:
    if content is Content.ZIP and any(part in head for part in _OFFICE_PARTS):
        return Content.OFFICE
    if content is Content.TIFF and _DNG_VERSION.get(head[:2], head) in head:
        return Content.RAW
    return content


def _of_brands(head: bytes) -> Content:
    """HEIC, AVIF, M4A and MP4 share one container; the brands in its first box tell them apart."""
    size = min(int.from_bytes(head[:4]), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))}
    if brands & _AVIF_BRANDS:
        return Content.AVIF
    if brands & _HEIC_BRANDS:
        return Content.HEIC
    if b"crx " in brands:
        return Content.RAW
    return Content.MP4


def _of_frame(head: bytes) -> Content | None:
    if adts_frame_bytes(head):
        return Content.AAC
    if head[:1] == b"\xff" and head[1:2] in {b"\xfc", b"\xfd", b"\xf4", b"\xf5"}:
        return Content.MP2
    if all(head[at : at + 1] == b"G" for at in range(0, 4 * _TS_BYTES, _TS_BYTES)):
        return Content.MPEG_TS
    # Files cut out of a longer MP3 begin with the rest of a frame, which players skip.
    return Content.MP3 if mp3_frame_bytes(head) or find_mp3_frames(head) >= 0 else None


def _of_markup(head: bytes) -> Content | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text.startswith(b"<"):
        return None
    if b"<svg" in text:
        return Content.SVG
    return Content.HTML if b"<html" in text or text.startswith(b"<!doctype html") else None
