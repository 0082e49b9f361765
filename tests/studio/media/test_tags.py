"""What a voice tells of its person does not go out, and its sound does, bit for bit."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import av
import pytest
from PIL import Image

from studio.media.normalise import normalise_portrait, normalise_voice
from tests.corpus import pictures, sounds
from tests.corpus.hostile import box
from tests.support.paths import SAMPLES

TELLTALE = b"Telltale"


def id3() -> bytes:
    frames = b"".join(
        name + struct.pack(">I", 9) + b"\0\0\0Telltale" for name in (b"TIT2", b"COMM", b"GEOB", b"PRIV", b"TXXX")
    )
    return b"ID3\x03\0\0" + bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0)) + frames


def ape() -> bytes:
    item = struct.pack("<II", 8, 0) + b"Place\0" + TELLTALE
    foot = b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, 0) + bytes(8)
    return item + foot


def m4a() -> bytes:
    """Without edits, which not everybody reads: else it would be converted."""
    return sounds.encoded("m4a", 3, use_editlist="0")


def m4a_with(extra: bytes) -> bytes:
    """The extra boxes at the end of the movie's own."""
    data = m4a()
    moov = data.index(b"moov") - 4
    size = int.from_bytes(data[moov : moov + 4])
    return (
        data[:moov] + struct.pack(">I", size + len(extra)) + data[moov + 4 : moov + size] + extra + data[moov + size :]
    )


def m4a_of_a_time() -> bytes:
    data = bytearray(m4a())
    for name in (b"mvhd", b"tkhd", b"mdhd"):
        at = data.index(name) + 8
        data[at : at + 8] = TELLTALE
    return bytes(data)


def m4a_of_a_handler() -> bytes:
    return m4a().replace(b"SoundHandler", TELLTALE + b"Rec.")


PLACE = box(
    b"udta",
    box(b"\xa9xyz", struct.pack(">HH", 8, 0x15C7), TELLTALE),
    box(b"loci", bytes(6), TELLTALE, bytes(14), b"earth\0\0"),
)
COVER = box(
    b"udta", box(b"meta", bytes(4), box(b"ilst", box(b"covr", box(b"data", struct.pack(">II", 14, 0), TELLTALE))))
)
TAGGED = {
    "ID3.mp3": lambda: id3() + sounds.mp3(3),
    "ID3v1.mp3": lambda: sounds.mp3(3) + b"TAG" + TELLTALE.ljust(125, b"\0"),
    "cover.mp3": lambda: sounds.mp3_with_cover(3, pictures.png(comment=TELLTALE) + TELLTALE),
    "ID3.aac": lambda: id3() + sounds.encoded("aac", 3),
    "place.m4a": lambda: m4a_with(PLACE),
    "cover.m4a": lambda: m4a_with(COVER),
    "uuid.m4a": lambda: m4a_with(box(b"uuid", bytes(16), TELLTALE)),
    "filling.m4a": lambda: m4a_with(box(b"free", TELLTALE)),
    "behind.m4a": lambda: m4a() + box(b"uuid", bytes(16), TELLTALE),
    "unknown.m4a": lambda: m4a() + box(b"pnot", TELLTALE),
    "time.m4a": m4a_of_a_time,
    "handler.m4a": m4a_of_a_handler,
    "APE.mp3": lambda: sounds.mp3(3) + ape(),
    "INFO.wav": lambda: sounds.wav(sounds.tone(3)) + b"LIST" + struct.pack("<I", 20) + b"INFOINAM\x08\0\0\0" + TELLTALE,
}


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("name", TAGGED)
def test_a_voice_goes_out_without_its_tags(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(TAGGED[name]())
    assert TELLTALE in source.read_bytes()
    made = normalise_voice(source, tmp_path)
    assert TELLTALE not in made.path.read_bytes()
    if not made.changes:
        assert packets(made.path) == packets(source)


@pytest.mark.parametrize("name", ["ID3.mp3", "ID3v1.mp3", "place.m4a", "uuid.m4a", "time.m4a", "handler.m4a"])
def test_what_needs_no_conversion_is_not_converted(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(TAGGED[name]())
    assert normalise_voice(source, tmp_path).changes == []


def test_the_sample_tells_nothing(tmp_path: Path) -> None:
    source = Path(shutil.copy(SAMPLES / "voice-welcome.mp3", tmp_path))
    assert normalise_voice(source, tmp_path).path == source


def test_a_portrait_that_is_made_anew_tells_nothing(tmp_path: Path) -> None:
    source = tmp_path / "portrait"
    image = Image.new("RGB", (400, 400), "red")
    source.write_bytes(pictures.saved(image, "JPEG", comment=TELLTALE, xmp=TELLTALE, exif=pictures.exif(1)))
    made = normalise_portrait(source, tmp_path)
    assert made.changes
    assert all(word not in made.path.read_bytes() for word in (TELLTALE, b"Exif"))
