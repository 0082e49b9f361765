"""What a file is, by its first bytes: everything that people send has a name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from studio.media.errors import Refusal, UploadRefused
from studio.media.portraits.portraits import read_portrait
from studio.media.signatures import Content, recognise
from studio.media.voices.voices import CHOOSE, read_voice
from tests.corpus import pictures, sounds
from tests.corpus.bad import noise
from tests.studio.conftest import PlaceFile
from tests.support.paths import CASES

ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(14)
TRANSPORT = (b"G\x40\0\x10" + bytes(184)) * 8

SOUNDS = {
    "an AMR sound": [b"#!AMR\n<\x91\x17", b"#!AMR-WB\n", b"#!AMR_MC1.0\n"],
    "a CAF sound": [b"caff\0\1\0\0desc"],
    "a Wave64 sound": [b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb"],
    "a WMA sound": [ASF],
    "an MP2 sound": [b"\xff\xfd\x84\x00" + bytes(100)],
    "an AC-3 sound": [b"\x0b\x77\x12\x34\x56"],
    "a DTS sound": [b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80", b"DTSHDHDR"],
    "an AU sound": [b".snd\0\0\0\x18"],
    "an AIFF sound": [b"FORM\0\0\0\x20AIFF", b"FORM\0\0\0\x20AIFC"],
    "a Monkey’s Audio (APE) sound": [b"MAC \x96\x0f"],
    "a WavPack sound": [b"wvpk\0\0"],
    "a True Audio (TTA) sound": [b"TTA1\1\0"],
    "a Musepack sound": [b"MPCKSH", b"MP+\x07"],
    "a Shorten sound": [b"ajkg\2"],
    "a TAK sound": [b"tBaK"],
    "a DSD sound": [b"DSD \x1c", b"FRM8"],
    "a RealAudio sound": [b".ra\xfd\0\4"],
    "a VOC sound": [b"Creative Voice File\x1a"],
    "a QCELP sound": [b"RIFF\0\0\0\0QLCMfmt "],
}
VIDEOS = {
    "a WMV video": [ASF + bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")],
    "an AVI video": [b"RIFF\0\0\0\0AVI LIST"],
    "an FLV video": [b"FLV\1\5"],
    "an MPEG video": [b"\0\0\1\xba\x44", b"\0\0\1\xb3"],
    "an MPEG-TS video": [TRANSPORT],
    "an MXF video": [b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d"],
    "a RealMedia video": [b".RMF\0\0"],
}
PICTURES = {
    "a JPEG XL picture": [b"\xff\x0a\xfa", b"\0\0\0\x0cJXL \r\n\x87\n\0"],
    "a JPEG 2000 picture": [pictures.saved(pictures.picture(), "JPEG2000"), b"\xff\x4f\xff\x51\0"],
    "a JPEG XR picture": [b"II\xbc\1"],
    "a Photoshop picture": [b"8BPS\0\1"],
    "a GIMP picture": [b"gimp xcf v011"],
    "an icon picture": [pictures.saved(pictures.picture(64, 64), "ICO"), b"icns\0\0"],
    "a camera’s raw picture": [
        b"II*\0\x10\0\0\0CR\2\0",
        b"IIRO\x08",
        b"FUJIFILMCCD-RAW",
        b"II*\0\x08\0\0\0\1\0\x12\xc6\x01\0\x04\0\0\0\1\4\0\0",
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    ],
    "a TIFF picture": [pictures.saved(pictures.picture(), "TIFF"), b"II+\0\x08"],
    "a BMP picture": [pictures.saved(pictures.picture(), "BMP")],
    "an OpenEXR picture": [b"v/1\x01\2"],
    "a PPM picture": [pictures.saved(pictures.picture(), "PPM")],
    "a QOI picture": [b"qoif\0\0"],
}
OTHERS = {
    "an SVG drawing": [pictures.SVG_WITH_SCRIPT],
    "an EPS drawing": [b"%!PS-Adobe-3.0", b"\xc5\xd0\xd3\xc6"],
    "a MIDI file": [b"MThd\0\0\0\6", b"RIFF\0\0\0\0RMID"],
    "a PDF document": [b"%PDF-1.7"],
    "an Office document": [
        b"PK\3\4\x14\0\6\0" + bytes(22) + b"[Content_Types].xml",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    ],
    "an RTF document": [b"{\\rtf1"],
    "a ZIP archive": [b"PK\3\4\x14\0"],
    "a GZIP archive": [b"\x1f\x8b\x08"],
    "a 7-Zip archive": [b"7z\xbc\xaf\x27\x1c"],
    "a RAR archive": [b"Rar!\x1a\x07\1"],
    "a BZIP2 archive": [b"BZh91AY"],
    "an XZ archive": [b"\xfd7zXZ\0"],
    "a Zstandard archive": [b"\x28\xb5\x2f\xfd"],
    "a playlist": [b"[playlist]\n"],
    "a program": [b"#!/bin/sh\n", b"\x7fELF"],
}


def each(kinds: dict[str, list[bytes]]) -> list[tuple[str, bytes]]:
    return [(name, data) for name, datas in kinds.items() for data in datas]


def voice_refusal(path: Path) -> tuple[str, str, str]:
    with pytest.raises(UploadRefused) as refused:
        read_voice(path)
    return refused.value.code, refused.value.message, refused.value.remedy


@pytest.mark.parametrize(("name", "data"), each(SOUNDS), ids=lambda value: value if isinstance(value, str) else "")
def test_a_sound_that_is_not_taken_is_named(name: str, data: bytes, place: PlaceFile) -> None:
    message = f"The voice is {name}, which can’t be used here."
    assert voice_refusal(place(data)) == (Refusal.VOICE_NOT_A_SOUND, message, CHOOSE)


def test_the_old_phones_recording_is_named() -> None:
    message = "The voice is an AMR sound, which can’t be used here."
    assert voice_refusal(CASES / "r01-old-phone.amr") == (Refusal.VOICE_NOT_A_SOUND, message, CHOOSE)


@pytest.mark.parametrize(("name", "data"), each(VIDEOS), ids=lambda value: value if isinstance(value, str) else "")
def test_a_video_that_is_not_taken_is_named(name: str, data: bytes, place: PlaceFile) -> None:
    remedy = "Export its sound alone, as MP3 or WAV, and upload that."
    assert voice_refusal(place(data)) == (Refusal.VOICE_IS_A_VIDEO, f"The voice is {name}.", remedy)


@pytest.mark.parametrize(
    ("name", "data"), each(PICTURES | OTHERS), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_no_sound_is_named(name: str, data: bytes, place: PlaceFile) -> None:
    message = f"The voice is {name}, not a sound."
    assert voice_refusal(place(data)) == (Refusal.VOICE_NOT_A_SOUND, message, CHOOSE)
    with pytest.raises(UploadRefused) as refused:
        read_portrait(place(data))
    end = "which can’t be used here" if name.endswith("picture") else "not a picture"
    assert refused.value.message == f"The portrait is {name}, {end}."
    assert refused.value.remedy == "Choose a JPEG, PNG, WebP, GIF, AVIF or HEIC picture."


@pytest.mark.parametrize("junk", [noise(5_000), noise(300_000), bytes(100_000)], ids=["5 kB", "300 kB", "zeros"])
def test_an_mp3_behind_a_lot_else_is_taken(junk: bytes, place: PlaceFile) -> None:
    plain = read_voice(place(sounds.mp3_without_count(3)))
    assert read_voice(place(junk + sounds.mp3_without_count(3))).duration_ms == plain.duration_ms == 3096


def test_an_mp3_behind_a_tag_of_nine_megabytes_is_taken(place: PlaceFile) -> None:
    tag = (
        b"ID3\x04\0\0\x04\x28\0\0"
        + np.random.default_rng(1).integers(0, 255, 0x04 << 21 | 0x28 << 14, np.uint8).tobytes()
    )
    assert read_voice(place(tag + sounds.mp3_without_count(3))).duration_ms == 3096


def test_noise_is_no_mp3(place: PlaceFile) -> None:
    data = np.random.default_rng(3).integers(0, 256, 3_000_000, np.uint8).tobytes()
    assert recognise(place(b"\x01" + data)) is Content.UNKNOWN
