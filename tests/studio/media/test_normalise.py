"""Portraits and voices as every provider takes them."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from studio.media import normalise
from studio.media.normalise import (
    PORTRAIT_BYTES,
    VOICE_BYTES,
    Normalised,
    NormaliseFailed,
    best_kbits,
    normalise_portrait,
    normalise_voice,
    portrait_changes,
    voice_changes,
)
from tests.simulators.inputs import measure_audio
from tests.support.paths import SAMPLES

# Container, codec, extension, sampling rate, layout: what the uploads take and no provider does, or not all.
TO_CONVERT = [
    ("wav", "pcm_s16le", "wav", 44_100, "mono"),
    ("wav", "pcm_s16le", "wav", 8_000, "mono"),
    ("wav", "pcm_s24le", "wav", 48_000, "stereo"),
    ("wav", "pcm_f32le", "wav", 96_000, "stereo"),
    ("wav", "pcm_u8", "wav", 22_050, "mono"),
    ("wav", "pcm_s16le", "wav", 48_000, "5.1"),
    ("flac", "flac", "flac", 44_100, "stereo"),
    ("ogg", "libopus", "ogg", 48_000, "stereo"),
    ("ogg", "libopus", "ogg", 48_000, "mono"),
    ("webm", "libopus", "webm", 48_000, "mono"),
    ("ipod", "alac", "m4a", 44_100, "stereo"),
]
TO_KEEP = [
    ("mp3", "libmp3lame", "mp3", 44_100, "stereo", "audio/mpeg"),
    ("ipod", "aac", "m4a", 44_100, "mono", "audio/mp4"),  # without an edit list
    ("adts", "aac", "aac", 48_000, "stereo", "audio/aac"),
]


def voice(folder: Path, container: str, codec: str, extension: str, rate: int, layout: str, **how: Any) -> Path:  # noqa: PLR0917
    """A made-up voice: a tone that changes its loudness, with a little noise."""
    seconds, kbits = how.get("seconds", 4.321), how.get("kbits", 0)
    options = {"use_editlist": "0"} if container == "ipod" and not how.get("edits") else {}
    path = folder / f"source.{extension}"
    channels = av.AudioLayout(layout).nb_channels
    rng = np.random.default_rng(7)
    left = int(seconds * rate)
    with av.open(str(path), "w", format=container, options=options) as output:
        streams = [output.add_stream(codec, rate=rate, layout=layout) for _ in range(how.get("tracks", 1))]
        for stream in streams:
            if kbits:
                stream.bit_rate = kbits * 1000
        at = 0
        while left > 0:
            count = min(left, rate)
            time = (at + np.arange(count)) / rate
            sound = 0.4 * np.sin(2 * np.pi * 220 * time) * (0.6 + 0.4 * np.sin(3 * time))
            sound = sound + 0.02 * rng.standard_normal(count)
            samples = np.ascontiguousarray(np.stack([sound] * channels).astype(np.float32))
            for stream in streams:
                frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
                frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
                output.mux(stream.encode(frame))
            at, left = at + count, left - count
        for stream in streams:
            output.mux(stream.encode(None))
    return path


def portrait(folder: Path, width: int, height: int, kind: str = "JPEG", mode: str = "RGB") -> Path:
    path = folder / f"source.{kind.lower()}"
    image = Image.linear_gradient("L").resize((width, height))
    if mode == "RGBA":
        image = Image.merge("RGBA", [image, image, image, Image.new("L", image.size, 0)])
    image.convert(mode).save(path, kind)
    return path


# --- Voices -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("container", "codec", "extension", "rate", "layout"), TO_CONVERT)
def test_a_voice_of_another_kind_becomes_an_mp3_of_the_same_length(  # noqa: PLR0917
    tmp_path: Path, container: str, codec: str, extension: str, rate: int, layout: str
) -> None:
    source = voice(tmp_path, container, codec, extension, rate, layout)
    made = normalise_voice(source, tmp_path)
    name = "M4A" if extension == "m4a" else extension.upper()
    assert made == Normalised(
        tmp_path / "voice.mp3",
        "audio/mpeg",
        "mp3",
        [f"Converted from {name} to MP3, which all providers take."],
    )
    seconds, decoder = measure_audio(made.path)
    assert decoder in ("mp3", "mp3float")
    assert abs(seconds - 4.321) <= 0.030
    assert abs(seconds - measure_audio(source)[0]) <= 0.030


@pytest.mark.parametrize(("container", "codec", "extension", "rate", "layout", "content_type"), TO_KEEP)
def test_a_voice_that_all_take_goes_out_byte_for_byte(  # noqa: PLR0917
    tmp_path: Path, container: str, codec: str, extension: str, rate: int, layout: str, content_type: str
) -> None:
    source = voice(tmp_path, container, codec, extension, rate, layout)
    before = source.read_bytes()
    assert normalise_voice(source, tmp_path) == Normalised(source, content_type, extension, [])
    assert source.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_the_sample_voice_goes_out_as_it_is(tmp_path: Path) -> None:
    source = SAMPLES / "voice-welcome.mp3"
    assert normalise_voice(source, tmp_path) == Normalised(source, "audio/mpeg", "mp3", [])


@pytest.mark.parametrize(
    ("container", "codec", "extension", "kbits", "seconds"),
    [("mp3", "libmp3lame", "mp3", 320, 12.0), ("ipod", "aac", "m4a", 256, 10.5), ("adts", "aac", "aac", 256, 11.0)],
)
def test_a_voice_that_is_too_heavy_gets_fewer_bits_and_keeps_its_length(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    container: str,
    codec: str,
    extension: str,
    kbits: int,
    seconds: float,
) -> None:
    most = 200_000
    monkeypatch.setattr(normalise, "VOICE_BYTES", most)
    source = voice(tmp_path, container, codec, extension, 44_100, "stereo", seconds=seconds, kbits=kbits)
    size = source.stat().st_size
    assert size > most
    made = normalise_voice(source, tmp_path)
    reason = f"because {size / 1e6:.1f} MB is more than the 0 allowed."
    assert made.changes == [f"Converted to an MP3 of fewer bits, {reason}"]
    assert made.path.stat().st_size <= most
    assert abs(measure_audio(made.path)[0] - measure_audio(source)[0]) <= 0.030


def test_a_voice_of_five_minutes_fits(tmp_path: Path) -> None:
    source = voice(tmp_path, "wav", "pcm_s16le", "wav", 44_100, "mono", seconds=300.0)
    made = normalise_voice(source, tmp_path)
    assert 4_700_000 < made.path.stat().st_size <= VOICE_BYTES
    assert abs(measure_audio(made.path)[0] - 300.0) <= 0.030


def test_of_several_tracks_the_first_is_sent(tmp_path: Path) -> None:
    source = voice(tmp_path, "ipod", "aac", "m4a", 44_100, "mono", tracks=2)
    made = normalise_voice(source, tmp_path)
    assert (made.content_type, len(made.changes)) == ("audio/mpeg", 1)
    assert abs(measure_audio(made.path)[0] - 4.321) <= 0.030


def test_the_sound_itself_is_kept(tmp_path: Path) -> None:
    source = voice(tmp_path, "wav", "pcm_s16le", "wav", 44_100, "mono")
    made = normalise_voice(source, tmp_path)
    before, after = _samples(source), _samples(made.path)
    count = min(len(before), len(after))
    assert np.corrcoef(before[:count], after[:count])[0, 1] > 0.995


@pytest.mark.parametrize(
    ("seconds", "rate", "channels", "kbits"),
    [
        (2.0, 44_100, 1, 160),
        (2.0, 44_100, 2, 256),
        (2.0, 22_050, 2, 160),
        (150.0, 44_100, 2, 256),
        (160.0, 44_100, 2, 224),
        (300.0, 44_100, 2, 128),
        (300.0, 48_000, 1, 128),
        (0.0, 44_100, 1, 160),
    ],
)
def test_a_voice_gets_as_many_bits_as_fit(*, seconds: float, rate: int, channels: int, kbits: int) -> None:
    assert best_kbits(seconds, rate=rate, channels=channels) == kbits


def test_a_voice_for_which_there_is_no_room_at_all_is_refused() -> None:
    with pytest.raises(NormaliseFailed):
        best_kbits(2_000.0, rate=44_100, channels=2)


@pytest.mark.parametrize("content", [b"", b"not a sound", b"RIFF\0\0\0\0WAVEfmt ", b"ID3", b"\xff\xfb\x90\x00" * 10])
def test_what_is_no_voice_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "source"
    source.write_bytes(content)
    with pytest.raises(NormaliseFailed):
        normalise_voice(source, tmp_path)


@pytest.mark.parametrize(
    ("content_type", "codec", "size", "changes"),
    [
        ("audio/mpeg", "mp3", 5_000_000, []),
        ("audio/mp4", "aac", 5_000_000, []),
        ("audio/aac", "aac", 5_000_000, []),
        ("audio/mp4", "alac", 1, ["Converted from M4A to MP3, which all providers take."]),
        ("audio/wav", "pcm_s16le", 1, ["Converted from WAV to MP3, which all providers take."]),
        (
            "audio/mpeg",
            "mp3",
            5_100_000,
            ["Converted to an MP3 of fewer bits, because 5.1 MB is more than the 5 allowed."],
        ),
    ],
)
def test_a_page_can_say_before_what_will_be_changed_about_a_voice(
    *, content_type: str, codec: str, size: int, changes: list[str]
) -> None:
    assert voice_changes(content_type=content_type, codec=codec, size=size) == changes


# --- Portraits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "content_type", "extension"), [("JPEG", "image/jpeg", "jpg"), ("PNG", "image/png", "png")]
)
@pytest.mark.parametrize(("width", "height"), [(512, 512), (2048, 820), (768, 1024)])
def test_a_portrait_that_all_take_goes_out_byte_for_byte(  # noqa: PLR0917
    tmp_path: Path, kind: str, content_type: str, extension: str, width: int, height: int
) -> None:
    source = portrait(tmp_path, width, height, kind)
    assert normalise_portrait(source, tmp_path) == Normalised(source, content_type, extension, [])


@pytest.mark.parametrize(
    ("width", "height", "target", "sentence"),
    [
        (300, 400, (512, 683), "Enlarged from 300 × 400 to 512 × 683 pixels, which all providers take."),
        (750, 300, (1280, 512), "Enlarged from 750 × 300 to 1280 × 512 pixels, which all providers take."),
        (511, 511, (512, 512), "Enlarged from 511 × 511 to 512 × 512 pixels, which all providers take."),
        (4096, 2048, (2048, 1024), "Scaled down from 4096 × 2048 to 2048 × 1024 pixels, which all providers take."),
        (2049, 820, (2048, 820), "Scaled down from 2049 × 820 to 2048 × 820 pixels, which all providers take."),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_portrait_of_another_size_keeps_its_shape_and_says_so(  # noqa: PLR0917
    tmp_path: Path, width: int, height: int, target: tuple[int, int], sentence: str, kind: str
) -> None:
    made = normalise_portrait(portrait(tmp_path, width, height, kind), tmp_path)
    with Image.open(made.path) as image:
        assert (image.size, image.format, image.mode) == (target, kind, "RGB")
    assert made.changes == [sentence]


def test_a_portrait_that_is_too_heavy_is_saved_as_a_lighter_one(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (2048, 2048, 3), dtype=np.uint8)
    source = tmp_path / "source.png"
    Image.fromarray(noise).save(source)
    size = source.stat().st_size
    assert size > PORTRAIT_BYTES
    made = normalise_portrait(source, tmp_path)
    assert made.path.stat().st_size <= PORTRAIT_BYTES
    assert (made.content_type, made.extension) == ("image/jpeg", "jpg")
    assert made.changes == [f"Saved again, because {size / 1e6:.1f} MB is more than the 10 allowed."]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["portrait.jpg", "source.png"]


def test_a_portrait_of_another_kind_becomes_a_jpeg_on_white(tmp_path: Path) -> None:
    made = normalise_portrait(portrait(tmp_path, 600, 600, "WEBP", "RGBA"), tmp_path)
    assert (made.content_type, made.changes) == ("image/jpeg", ["Saved as JPEG, which all providers take."])
    with Image.open(made.path) as image:
        assert image.getpixel((300, 300)) == (255, 255, 255)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\xff\xd8\xff\xe0 cut off", b"<svg/>"])
def test_what_is_no_portrait_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "source"
    source.write_bytes(content)
    with pytest.raises(NormaliseFailed):
        normalise_portrait(source, tmp_path)


def test_a_page_can_say_before_what_will_be_changed_about_a_portrait() -> None:
    fine = portrait_changes(width=512, height=2048, size=10_000_000, content_type="image/png")
    both = portrait_changes(width=300, height=300, size=10_100_000, content_type="image/jpeg")
    assert fine == []
    assert both == [
        "Enlarged from 300 × 300 to 512 × 512 pixels, which all providers take.",
        "Saved again, because 10.1 MB is more than the 10 allowed.",
    ]


def test_the_same_portrait_gives_the_same_bytes(tmp_path: Path) -> None:
    source = portrait(tmp_path, 300, 400)
    first = normalise_portrait(source, tmp_path).path.read_bytes()
    assert normalise_portrait(source, tmp_path).path.read_bytes() == first
    assert Image.open(io.BytesIO(first)).size == (512, 683)


def _samples(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=44_100)
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])
