"""Files that would take a decoder's memory, its time, or other people's files: each small, and made here."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageCms

from tests.corpus import films, pictures, sounds

MANY = 80_000_000


@dataclass(frozen=True)
class Hostile:
    """``kind``: portrait, voice or video. ``code`` is the one refusal that it may be answered with, "" for any."""

    name: str
    kind: str
    make: Callable[[], bytes]
    code: str = ""


# --- MP4 --------------------------------------------------------------------------------------------------------------


def box(kind: bytes, *inside: bytes) -> bytes:
    content = b"".join(inside)
    return struct.pack(">I", 8 + len(content)) + kind + content


@cache
def m4a() -> bytes:
    return sounds.encoded("m4a", 3)


def table_that_claims(kind: bytes, *numbers: int) -> bytes:
    """An M4A of which one table is another: its numbers behind version and flags."""
    return with_box(m4a(), kind, box(kind, bytes(4), struct.pack(f">{len(numbers)}I", *numbers)))


def with_box(data: bytes, kind: bytes, new: bytes) -> bytes:
    """The box of this kind replaced, or added to the table of samples, and the sizes of those around it corrected."""
    way = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
    starts = [data.index(name) - 4 for name in way]
    place = data.find(kind, starts[-1]) - 4
    length = int.from_bytes(data[place : place + 4]) if place > 0 else 0
    place = place if place > 0 else starts[-1] + int.from_bytes(data[starts[-1] : starts[-1] + 4])
    changed = bytearray(data)
    for start in starts:
        size = int.from_bytes(data[start : start + 4])
        changed[start : start + 4] = struct.pack(">I", size + len(new) - length)
    changed[place : place + length] = new
    return bytes(changed)


def tracks(number: int) -> bytes:
    data = m4a()
    moov = data.index(b"moov") - 4
    size = int.from_bytes(data[moov : moov + 4])
    trak = data.index(b"trak") - 4
    one = data[trak : trak + int.from_bytes(data[trak : trak + 4])]
    inside = data[moov + 8 : moov + size] + one * number
    return data[:moov] + box(b"moov", inside)


def nested(depth: int) -> bytes:
    size = 8 * depth
    return m4a() + b"".join(struct.pack(">I", size - 8 * at) + b"moov" for at in range(depth))


def boxes(number: int) -> bytes:
    first = int.from_bytes(m4a()[:4])
    return m4a()[:first] + box(b"free") * number + m4a()[first:]


def reference(address: bytes) -> bytes:
    """An M4A whose samples are said to lie in another file."""
    alias = box(b"url ", bytes(4), address + b"\0")
    return with_box_in(m4a(), b"dref", box(b"dref", bytes(4), struct.pack(">I", 1), alias))


def alias_reference(path: bytes) -> bytes:
    """As QuickTime writes it: an alias record with the path of another file."""
    record = bytes(150) + struct.pack(">hH", 18, len(path)) + path.ljust(len(path) + len(path) % 2, b"\0")
    record += struct.pack(">hH", -1, 0)
    alias = box(b"alis", bytes(4), record)
    return with_box_in(m4a(), b"dref", box(b"dref", bytes(4), struct.pack(">I", 1), alias))


def with_box_in(data: bytes, kind: bytes, new: bytes) -> bytes:
    """The same for a box of the data's information, which stands beside the table of samples."""
    starts = [data.index(name) - 4 for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf")]
    place = data.index(kind) - 4
    length = int.from_bytes(data[place : place + 4])
    changed = bytearray(data)
    for start in starts:
        changed[start : start + 4] = struct.pack(">I", int.from_bytes(data[start : start + 4]) + len(new) - length)
    changed[place : place + length] = new
    return bytes(changed)


# --- JPEG and PNG -----------------------------------------------------------------------------------------------------


def scans(number: int, side: int = 2000) -> bytes:
    """A progressive JPEG whose last scan is said again and again."""
    data = pictures.saved(Image.effect_noise((side, side), 20).convert("RGB"), "JPEG", quality=5, progressive=True)
    last = data.rindex(b"\xff\xda")
    table = data.rindex(b"\xff\xc4", 0, last)
    return data[:-2] + data[table:-2] * number + b"\xff\xd9"


def short_scans(number: int, side: int = 6000) -> bytes:
    """A large progressive JPEG of scans that hold nothing: each walks over all of the picture."""
    head = b"\xff\xd8" + b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, side, side, 1) + b"\x01\x11\0"
    head += b"\xff\xdb\0\x43\0" + b"\x01" * 64
    head += b"\xff\xc4" + struct.pack(">H", 20) + b"\0" + b"\x01" + bytes(15) + b"\0"
    head += b"\xff\xc4" + struct.pack(">H", 20) + b"\x10" + b"\x01" + bytes(15) + b"\xe0"
    scan = b"\xff\xda\0\x08\x01\x01\0\0\0\0"
    refine = b"\xff\xda\0\x08\x01\x01\0\x01\x3f\0"
    return head + scan + bytes(8) + (refine + bytes(20)) * number + b"\xff\xd9"


def jpeg_segments(kind: int, number: int, content: bytes = b"") -> bytes:
    data = pictures.jpeg()
    piece = bytes((0xFF, kind)) + struct.pack(">H", 2 + len(content)) + content
    return data[:2] + piece * number + data[2:]


def jpeg_of_profiles(number: int) -> bytes:
    """A colour profile said to be in 255 parts, each of them many times."""
    data = pictures.jpeg()
    pieces = [
        b"\xff\xe2" + struct.pack(">H", 2 + 14 + 400) + b"ICC_PROFILE\0" + bytes((at % 255 + 1, 255)) + bytes(400)
        for at in range(number)
    ]
    return data[:2] + b"".join(pieces) + data[2:]


def jpeg_without_height() -> bytes:
    """Zero lines, whose number is said behind the scan (DNL)."""
    data = bytearray(pictures.jpeg())
    frame = data.index(b"\xff\xc0") + 5
    data[frame : frame + 2] = bytes(2)
    return bytes(data[:-2]) + b"\xff\xdc\0\x04\xff\xff\xff\xd9"


def jpeg_restarts() -> bytes:
    data = pictures.jpeg()
    scan = data.index(b"\xff\xda")
    return data[:scan] + b"\xff\xdd\0\x04\0\x01" + data[scan : scan + 14] + b"\xff\xd0" * 200_000 + b"\xff\xd9"


def large_progressive() -> bytes:
    """8,000 × 8,000 pixels whose every value has to be kept until the last scan."""
    image = Image.new("CMYK", (8_000, 8_000), (1, 2, 3, 4))
    return pictures.saved(image, "JPEG", quality=5, progressive=True, subsampling=0)


def png_with(*chunks: bytes, size: int = 400) -> bytes:
    data = zlib.compress(bytes(size * (1 + 4 * size)))
    image = pictures.chunk(b"IDAT", data) + pictures.chunk(b"IEND", b"")
    return pictures.png_header(size, size) + b"".join(chunks) + image


def bomb(megabytes: int = 200) -> bytes:
    squeeze = zlib.compressobj(9)
    return b"".join(squeeze.compress(bytes(1_000_000)) for _ in range(megabytes)) + squeeze.flush()


def png_of_small_parts() -> bytes:
    data = zlib.compress(bytes(400 * 1601), 0)
    parts = b"".join(pictures.chunk(b"IDAT", data[at : at + 4]) for at in range(0, len(data), 4))
    return pictures.png_header(400, 400) + parts + pictures.chunk(b"IEND", b"")


def png_of_more_than_it_needs() -> bytes:
    return pictures.png_header(400, 400) + pictures.chunk(b"IDAT", bomb()) + pictures.chunk(b"IEND", b"")


def apng(frames: int) -> bytes:
    control = pictures.chunk(b"acTL", struct.pack(">II", frames, 0))
    data = zlib.compress(bytes(400 * 1601))
    one = pictures.chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 400, 400, 0, 0, 1, 100, 0, 0))
    later = b"".join(
        pictures.chunk(b"fcTL", struct.pack(">IIIIIHHBB", 2 * at + 1, 1, 1, 0, 0, 1, 100, 0, 0))
        + pictures.chunk(b"fdAT", struct.pack(">I", 2 * at + 2) + zlib.compress(bytes(5)))
        for at in range(frames - 1)
    )
    head = pictures.png_header(400, 400) + control + one + pictures.chunk(b"IDAT", data)
    return head + later + pictures.chunk(b"IEND", b"")


def palette_out_of_range() -> bytes:
    """A palette of one colour, and pixels of the 255th."""
    head = b"\x89PNG\r\n\x1a\n" + pictures.chunk(b"IHDR", struct.pack(">IIBBBBB", 400, 400, 8, 3, 0, 0, 0))
    data = zlib.compress(b"".join(b"\0" + b"\xff" * 400 for _ in range(400)))
    parts = (pictures.chunk(b"PLTE", b"abc"), pictures.chunk(b"tRNS", b"\0" * 300), pictures.chunk(b"IDAT", data))
    return head + b"".join(parts) + pictures.chunk(b"IEND", b"")


# --- GIF, WebP, HEIF, AVIF --------------------------------------------------------------------------------------------


def gif(frames: int) -> bytes:
    head = pictures.saved(pictures.picture(mode="P"), "GIF")[:-1]
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + frame * frames + b";"


def gif_of_comments() -> bytes:
    data = pictures.saved(pictures.picture(mode="P"), "GIF")
    after = data.index(b"\x2c")
    return data[:after] + b"\x21\xfe\x01a\0" * 200_000 + data[after:]


def webp(frames: int) -> bytes:
    return pictures.saved(
        Image.new("RGBA", (400, 400), "red"),
        "WEBP",
        save_all=True,
        append_images=[Image.new("RGBA", (400, 400), (at % 250, at // 250, 0, 90)) for at in range(frames)],
        method=0,
    )


def webp_that_claims(size: int) -> bytes:
    """An animation whose first chunk says that it's 4 GB long."""
    data = bytearray(pictures.animation("WEBP"))
    frame = data.index(b"ANMF")
    data[frame + 4 : frame + 8] = struct.pack("<I", size)
    return bytes(data)


def grid(data: bytes, rows: int, width: int = 40_000) -> bytes:
    """A HEIC or AVIF whose one item is said to be a grid of tiles: itself, again and again."""
    changed = data.replace(b"hvc1", b"grid", 1) if b"infe" in data else data
    at = changed.find(b"mdat")
    return changed[: at + 4] + bytes((0, 0, rows - 1, rows - 1)) + struct.pack(">HH", width, width) + changed[at + 12 :]


def references(data: bytes, number: int) -> bytes:
    """Items that refer to one another in a circle, many times."""
    meta = data.index(b"meta") - 4
    size = int.from_bytes(data[meta : meta + 4])
    circle = box(b"dimg", struct.pack(">HH", 1, number), struct.pack(">H", 1) * number)
    iref = box(b"iref", bytes(4), circle, circle)
    return data[:meta] + struct.pack(">I", size + len(iref)) + data[meta + 4 : meta + size] + iref + data[meta + size :]


def heif_extents() -> bytes:
    """A table of places that is said to have 65,535 extents for each item."""
    data = bytearray(pictures.saved(pictures.picture(), "HEIF"))
    place = data.index(b"iloc") + 8
    data[place + 4 : place + 16] = b"\xff" * 12
    return bytes(data)


def profile_bomb() -> bytes:
    """A JPEG with a profile of curves that are each said to have four billion points."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = profile.find(b"para")
    profile[at : at + 12] = b"curv" + bytes(4) + b"\xff\xff\xff\xff"
    return pictures.jpeg(icc_profile=bytes(profile))


# --- Sounds without boxes ---------------------------------------------------------------------------------------------


def wav_head(
    *, channels: int = 1, rate: int = 8_000, bits: int = 16, claimed: int | None = None, data: bytes = b""
) -> bytes:
    frame = min(channels * bits // 8, 65_535)
    head = struct.pack("<HHIIHH", 1, channels, rate, min(rate * frame, 0xFFFFFFFF), frame, bits)
    size = len(data) if claimed is None else claimed
    riff = struct.pack("<I", min(size + 36, 0xFFFFFFFF))
    return b"RIFF" + riff + b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + data


def slow_wav() -> bytes:
    """344 bytes that are five minutes of voice, at one sample a second."""
    samples = (np.arange(300) % 2 * 200 + 20).astype(np.uint8)
    return wav_head(rate=1, bits=8, data=samples.tobytes())


def wav_chunks() -> bytes:
    data = sounds.wav(sounds.tone(3))
    return data[:12] + b"LIST\x04\0\0\0INFO" * 100_000 + data[12:]


def ogg_page(serial: int, number: int, flags: int, lacing: bytes, content: bytes = b"") -> bytes:
    head = b"OggS\0" + bytes([flags]) + struct.pack("<QIII", 0, serial, number, 0) + bytes([len(lacing)]) + lacing
    crc = 0
    for byte in head + content:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC[crc >> 24 ^ byte]
    return head[:22] + struct.pack("<I", crc) + head[26:] + content


def _crc(byte: int) -> int:
    crc = byte << 24
    for _ in range(8):
        crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    return crc


_CRC = [_crc(byte) for byte in range(256)]


def opus_head(skip: int = 312) -> bytes:
    return b"OpusHead\x01\x01" + struct.pack("<HIhB", skip, 48_000, 0, 0)


def ogg_streams(number: int) -> bytes:
    head = opus_head()
    return b"".join(ogg_page(at, 0, 2, bytes([len(head)]), head) for at in range(number))


def ogg_empty_packets(pages: int) -> bytes:
    """255 packets without a byte in each page."""
    head, tags = opus_head(), b"OpusTags" + bytes(8)
    begun = ogg_page(1, 0, 2, bytes([len(head)]), head) + ogg_page(1, 1, 0, bytes([len(tags)]), tags)
    page = ogg_page(1, 2, 0, bytes(255))
    return begun + page * pages


def opus_skip() -> bytes:
    data = sounds.encoded("opus", 3)
    at = data.index(b"OpusHead") + 10
    return data[:at] + b"\xff\xff" + data[at + 2 :]


def ogg_leap() -> bytes:
    """A clock that leaps by a thousand years between two pages."""
    data = bytearray(sounds.encoded("opus", 3))
    pages = [at for at in range(len(data)) if data.startswith(b"OggS", at)]
    data[pages[-1] + 6 : pages[-1] + 14] = struct.pack("<Q", 1 << 61)
    return bytes(data)


def vorbis_books() -> bytes:
    """A setup of 256 code books of 16 million entries each."""
    data = bytearray(sounds.encoded("vorbis", 3))
    at = data.index(b"\x05vorbis") + 7
    data[at : at + 9] = b"\xff" + b"BCV" + b"\xff\xff" + b"\xff\xff\xff"
    return bytes(data)


def element(kind: bytes, content: bytes, size: int | None = None) -> bytes:
    length = struct.pack(">Q", 1 << 56 | (len(content) if size is None else size))
    return kind + length + content


EBML = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"webm"))


def webm_nested(depth: int) -> bytes:
    """Segments and clusters of unknown size within one another."""
    return EBML + (b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\x1f\x43\xb6\x75\x01" + b"\xff" * 7) * depth


def webm_with(extra: bytes) -> bytes:
    """What Chromium records, with something more at the segment's end, whose size is then unknown."""
    data = sounds.encoded("webm", 3)
    segment = data.index(b"\x18\x53\x80\x67")
    return data[: segment + 4] + b"\x01" + b"\xff" * 7 + data[segment + 12 :] + extra


def webm_size() -> bytes:
    return EBML + element(b"\x18\x53\x80\x67", element(b"\x15\x49\xa9\x66", b"", (1 << 55)), (1 << 55))


def webm_cues(number: int) -> bytes:
    point = element(b"\xbb", element(b"\xb3", b"\x01") + element(b"\xb7", element(b"\xf7", b"\x01")))
    return webm_with(element(b"\x1c\x53\xbb\x6b", point * number))


def webm_attachments(number: int) -> bytes:
    one = element(
        b"\x61\xa7", element(b"\x46\x6e", b"a") + element(b"\x46\x60", b"image/png") + element(b"\x46\x5c", b"x")
    )
    return webm_with(element(b"\x19\x41\xa4\x69", one * number))


def webm_tracks(number: int) -> bytes:
    track = b"".join(
        element(
            b"\xae",
            element(b"\xd7", struct.pack(">H", at + 1))
            + element(b"\x73\xc5", struct.pack(">H", at + 1))
            + element(b"\x83", b"\x02")
            + element(b"\x86", b"A_PCM/INT/LIT"),
        )
        for at in range(number)
    )
    return EBML + element(b"\x18\x53\x80\x67", element(b"\x16\x54\xae\x6b", track))


def webm_lacing() -> bytes:
    """A block of 256 frames, of which the first is said to be very long."""
    block = b"\x81\0\0\x06\xff" + b"\x08\xff\xff\xff\xff\xff\xff\xff" * 30
    return webm_with(element(b"\x1f\x43\xb6\x75", element(b"\xe7", b"\0") + element(b"\xa3", block) * 2000))


def webm_compressed() -> bytes:
    """A track whose packets are said to be packed with zlib, and are a bomb."""
    coding = element(b"\x6d\x80", element(b"\x62\x40", element(b"\x50\x34", element(b"\x42\x54", b"\0"))))
    track = element(b"\xd7", b"\x01") + element(b"\x73\xc5", b"\x01") + element(b"\x83", b"\x02")
    track += element(b"\x86", b"A_PCM/INT/LIT") + element(b"\xe1", element(b"\xb5", struct.pack(">d", 8000.0))) + coding
    block = element(b"\xa3", b"\x81\0\0\x80" + bomb(100))
    cluster = element(b"\x1f\x43\xb6\x75", element(b"\xe7", b"\0") + block * 5)
    return EBML + element(b"\x18\x53\x80\x67", element(b"\x16\x54\xae\x6b", element(b"\xae", track)) + cluster)


def flac_with(kind: int, size: int, content: bytes = b"", times: int = 1) -> bytes:
    data = sounds.encoded("flac", 3)
    block = bytes([kind]) + struct.pack(">I", size)[1:] + content
    return data[:42] + block * times + data[42:]


def flac_picture() -> bytes:
    """A cover that is said to have four gigabytes."""
    content = struct.pack(">II", 3, 0xFFFFFFF0) + bytes(200)
    return flac_with(6, len(content), content)


def id3(size: int, content: bytes, flags: int = 0) -> bytes:
    length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0" + bytes([flags]) + length + content + sounds.mp3_without_count(3)


def id3_frames(number: int, flags: int = 0x80) -> bytes:
    frame = b"TXXX" + struct.pack(">I", 6) + b"\0\0" + b"\0a\0\xff\0b"
    return id3(len(frame) * number, frame * number, flags)


# --- Others in disguise -----------------------------------------------------------------------------------------------


def text(content: str) -> Callable[[], bytes]:
    return content.encode


def tiff_within() -> bytes:
    """A JPEG whose EXIF refers to itself."""
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    return pictures.jpeg(exif=b"Exif\0\0" + tiff)


def film_that_claims(kind: bytes, *numbers: int) -> bytes:
    return with_box(films.film(seconds=1), kind, box(kind, bytes(4), struct.pack(f">{len(numbers)}I", *numbers)))


def heif() -> bytes:
    return pictures.saved(pictures.picture(), "HEIF")


def avif() -> bytes:
    buffer = io.BytesIO()
    pictures.picture().save(buffer, "AVIF")
    return buffer.getvalue()


VOICE_LIMITS, PORTRAIT_LIMITS = "voice_over_limits", "portrait_over_limits"
NO_SOUND, NO_PICTURE = "voice_not_a_sound", "portrait_not_a_picture"
DASH = '<?xml version="1.0"?><MPD><Period><BaseURL>file:///etc/passwd</BaseURL></Period></MPD>'

HOSTILE = [
    Hostile("stsz, one size.m4a", "voice", lambda: table_that_claims(b"stsz", 1, MANY), VOICE_LIMITS),
    Hostile("stsz, a table.m4a", "voice", lambda: table_that_claims(b"stsz", 0, MANY), VOICE_LIMITS),
    Hostile("stts.m4a", "voice", lambda: table_that_claims(b"stts", 1, MANY, 1024), VOICE_LIMITS),
    Hostile("stts, in parts.m4a", "voice", lambda: table_that_claims(b"stts", 800, *(8_000, 1) * 800), VOICE_LIMITS),
    Hostile("stco.m4a", "voice", lambda: table_that_claims(b"stco", MANY), VOICE_LIMITS),
    Hostile("ctts.m4a", "voice", lambda: table_that_claims(b"ctts", 1, MANY, 0), VOICE_LIMITS),
    Hostile("stsc.m4a", "voice", lambda: table_that_claims(b"stsc", 1, 1, MANY, 1), VOICE_LIMITS),
    Hostile("tracks.m4a", "voice", lambda: tracks(1_000), VOICE_LIMITS),
    Hostile("boxes in boxes.m4a", "voice", lambda: nested(20_000)),
    Hostile("boxes.m4a", "voice", lambda: boxes(200_000), VOICE_LIMITS),
    Hostile("file of passwords.m4a", "voice", lambda: reference(b"file:///etc/passwd")),
    Hostile("address.m4a", "voice", lambda: reference(b"http://127.0.0.1:9/x")),
    Hostile("alias.m4a", "voice", lambda: alias_reference(b"/etc/passwd")),
    Hostile("scans.jpg", "portrait", lambda: scans(150), PORTRAIT_LIMITS),
    Hostile("short scans.jpg", "portrait", lambda: short_scans(20_000), PORTRAIT_LIMITS),
    Hostile("scans within the limit.jpg", "portrait", lambda: short_scans(99)),
    Hostile("large and progressive.jpg", "portrait", large_progressive, PORTRAIT_LIMITS),
    Hostile("segments.jpg", "portrait", lambda: jpeg_segments(0xE5, 300_000), PORTRAIT_LIMITS),
    Hostile("comments.jpg", "portrait", lambda: jpeg_segments(0xFE, 50_000, b"home")),
    Hostile("profiles.jpg", "portrait", lambda: jpeg_of_profiles(5_000)),
    Hostile("no height.jpg", "portrait", jpeg_without_height, "portrait_unreadable"),
    Hostile("restarts.jpg", "portrait", jpeg_restarts),
    Hostile("huge.jpg", "portrait", pictures.huge_jpeg, "portrait_too_many_pixels"),
    Hostile("profile.jpg", "portrait", profile_bomb),
    Hostile("EXIF in a circle.jpg", "portrait", tiff_within),
    Hostile("huge.png", "portrait", pictures.huge_png, "portrait_too_many_pixels"),
    Hostile("zTXt.png", "portrait", pictures.png_text_bomb),
    Hostile("iTXt.png", "portrait", lambda: png_with(pictures.chunk(b"iTXt", b"XML\0\x01\0\0\0" + bomb()))),
    Hostile("iCCP.png", "portrait", lambda: png_with(pictures.chunk(b"iCCP", b"p\0\0" + bomb()))),
    Hostile("too much.png", "portrait", png_of_more_than_it_needs),
    Hostile("small parts.png", "portrait", png_of_small_parts, PORTRAIT_LIMITS),
    Hostile("texts.png", "portrait", lambda: png_with(pictures.chunk(b"tEXt", b"a\0b") * 200_000), PORTRAIT_LIMITS),
    Hostile("frames.png", "portrait", lambda: apng(10_000)),
    Hostile("palette.png", "portrait", palette_out_of_range),
    Hostile("frames.gif", "portrait", lambda: gif(100_000)),
    Hostile("comments.gif", "portrait", gif_of_comments),
    Hostile("frames.webp", "portrait", lambda: webp(60)),
    Hostile("four gigabytes.webp", "portrait", lambda: webp_that_claims(0xFFFFFFF0)),
    Hostile("grid.heic", "portrait", lambda: grid(heif(), 256)),
    Hostile("grid.avif", "portrait", lambda: grid(avif().replace(b"av01", b"grid", 2), 256)),
    Hostile("circle.heic", "portrait", lambda: references(heif(), 60_000)),
    Hostile("circle.avif", "portrait", lambda: references(avif(), 60_000)),
    Hostile("extents.heic", "portrait", heif_extents),
    Hostile("drawing.png", "portrait", lambda: pictures.SVG_WITH_SCRIPT, NO_PICTURE),
    Hostile("letter.jpg", "portrait", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run", NO_PICTURE),
    Hostile("document.jpg", "portrait", lambda: b"%PDF-1.7\n", NO_PICTURE),
    Hostile("scan.jpg", "portrait", lambda: pictures.saved(pictures.picture(), "TIFF"), NO_PICTURE),
    Hostile("slow.wav", "voice", slow_wav, "voice_codec"),
    Hostile("channels.wav", "voice", lambda: wav_head(channels=65_535, data=bytes(2_000_000))),
    Hostile("four gigabytes.wav", "voice", lambda: wav_head(claimed=0xFFFFFFF0, bits=32, data=bytes(64_000))),
    Hostile("chunks.wav", "voice", wav_chunks),
    Hostile("streams.ogg", "voice", lambda: ogg_streams(5_000), VOICE_LIMITS),
    Hostile("empty packets.ogg", "voice", lambda: ogg_empty_packets(4_000)),
    Hostile("skip.opus", "voice", opus_skip),
    Hostile("leap.opus", "voice", ogg_leap),
    Hostile("books.ogg", "voice", vorbis_books),
    Hostile("nested.webm", "voice", lambda: webm_nested(5_000)),
    Hostile("sizes.webm", "voice", webm_size),
    Hostile("cues.webm", "voice", lambda: webm_cues(40_000)),
    Hostile("attachments.webm", "voice", lambda: webm_attachments(5_000)),
    Hostile("tracks.webm", "voice", lambda: webm_tracks(2_000)),
    Hostile("lacing.webm", "voice", webm_lacing),
    Hostile("packed.webm", "voice", webm_compressed),
    Hostile("padding.flac", "voice", lambda: flac_with(1, 0, times=100_000)),
    Hostile("picture.flac", "voice", flac_picture),
    Hostile("seek table.flac", "voice", lambda: flac_with(3, 0xFFFFFF)),
    Hostile("tag.mp3", "voice", lambda: id3(0x0FFFFFFF, b"")),
    Hostile("frames of a tag.mp3", "voice", lambda: id3_frames(10_000)),
    Hostile("list.mp3", "voice", text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n"), NO_SOUND),
    Hostile("concat.mp3", "voice", text("ffconcat version 1.0\nfile '/etc/passwd'\n"), NO_SOUND),
    Hostile("dash.m4a", "voice", text(DASH), NO_SOUND),
    Hostile("subtitles.mp3", "voice", text("1\n00:00:00,000 --> 00:00:09,000\nfile:/etc/passwd\n"), NO_SOUND),
    Hostile("claims.mp4", "video", lambda: film_that_claims(b"stsz", 1, MANY), "video_too_slow"),
    Hostile("runs.mp4", "video", lambda: film_that_claims(b"stts", 1, MANY, 1), "video_too_slow"),
    Hostile("nested.webm", "video", lambda: webm_nested(5_000)),
]
