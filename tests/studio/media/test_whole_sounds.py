"""Whole sounds in odd files are taken with the length that is heard; what leaves the house says so to everybody."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import mutagen
import numpy as np
import pytest

from studio.media.errors import Refusal, UploadRefused
from studio.media.normalise import normalise_voice
from studio.media.voices.voices import read_voice
from tests.corpus import films, sounds
from tests.corpus.odd_sounds import (
    TAILS,
    clocked,
    extensible_wav,
    joined_parts,
    long_wav,
    mp3_with_vbri,
    wav_with,
    with_wrong_granule,
    without_end_of_stream,
)
from tests.studio.conftest import PlaceFile
from tests.support.paths import CASES, SAMPLES

KINDS = ("mp3", "m4a", "alac", "aac", "opus", "vorbis", "flac", "webm", "wav")
PCM = np.round(sounds.tone(3) * 32_767).astype("<i2")
OPUS = sounds.encoded("opus", 6)
EDITED = sounds.encoded("m4a", 3)
EARLY_TABLE = sounds.encoded("m4a", 3, movflags="+faststart")


def sound(kind: str, seconds: float = 3) -> bytes:
    return sounds.wav(sounds.tone(seconds)) if kind == "wav" else sounds.encoded(kind, seconds)


def with_size(data: bytes, kind: bytes, size: int) -> bytes:
    """An MP4 in which a box is said to be of another size."""
    at = data.index(kind) - 4
    return data[:at] + size.to_bytes(4) + data[at + 4 :]


def decoded(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        return sum((Fraction(frame.samples, frame.sample_rate) for frame in container.decode(audio=0)), Fraction(0))


def loudness(path: Path, start: float, stop: float) -> float:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    return float(np.abs(np.concatenate(frames, axis=1)[0, int(start * rate) : int(stop * rate)]).max())


@pytest.mark.parametrize(
    ("name", "duration_ms"),
    [
        ("a01-id3v1-appended.m4a", 4000),
        ("m05-apev2-cover-at-end-xing.mp3", 4000),
        ("m11-two-tts-parts-joined.mp3", 8138),
        ("m21-vbr-joined-3-both-xing.mp3", 18182),
        ("o03-gap-of-2s-muted.opus", 6013),
        ("k01-webm-gap-with-duration.webm", 6004),
        ("w02-byterate-halved-8bit-formula.wav", 4000),
    ],
)
def test_what_was_got_wrong_is_right_and_leaves_the_house_with_one_length(
    name: str, duration_ms: int, tmp_path: Path
) -> None:
    assert read_voice(CASES / name).duration_ms == duration_ms
    says_one_length(normalise_voice(CASES / name, tmp_path).path, duration_ms)


def says_one_length(path: Path, duration_ms: int) -> None:
    """By its sound, by its header as FFmpeg reads it, and by its header as others do."""
    with av.open(str(path)) as container:
        assert len(container.streams) == 1
        stream = container.streams.audio[0]
        said = (stream.duration or 0) * (stream.time_base or 0)
    lengths = [float(length) for length in (decoded(path), said, mutagen.File(path).info.length)]
    assert lengths == pytest.approx([duration_ms / 1000] * 3, abs=0.0011)
    data = path.read_bytes()
    assert data.count(b"Info") + data.count(b"Xing") == 1


def test_a_pause_is_silence_in_its_place(tmp_path: Path) -> None:
    for name in ("o03-gap-of-2s-muted.opus", "k01-webm-gap-with-duration.webm"):
        peaks = read_voice(CASES / name).details["peaks"]
        assert max(peaks[70:130]) == 0  # 2.1 s to 3.9 s of 6 s
        assert min(max(peaks[:64]), max(peaks[136:])) > 80
        made = normalise_voice(CASES / name, tmp_path).path
        assert loudness(made, 2.1, 3.9) < 0.001
        assert min(loudness(made, 0.1, 1.9), loudness(made, 4.1, 5.9)) > 0.05


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_behind_a_sound_is_no_part_of_it(kind: str, tail: bytes, place: PlaceFile) -> None:
    data = sound(kind)
    voice, plain = read_voice(place(data + tail)), read_voice(place(data))
    assert (voice.duration_ms, voice.details["peaks"]) == (plain.duration_ms, plain.details["peaks"])


@pytest.mark.parametrize("share", [0.21, 0.53, 0.83, 0.93])
@pytest.mark.parametrize(
    "make",
    [
        *(lambda kind=kind: sound(kind, 6) for kind in KINDS),
        lambda: sounds.mp3_without_count(6),
        lambda: sounds.encoded("m4a", 6, movflags="+faststart"),
        lambda: sounds.encoded("m4a", 6, movflags="frag_keyframe+empty_moov+default_base_moof"),
        lambda: sounds.encoded("webm", 6, live="1"),
        lambda: long_wav(np.tile(PCM, 2), b"RF64"),
        lambda: mp3_with_vbri(6),
        lambda: joined_parts(6),
    ],
    ids=[*KINDS, "mp3 without count", "table first", "fragments", "live webm", "rf64", "vbri", "joined"],
)
def test_what_was_cut_off_is_told_for_every_container(
    make: Callable[[], bytes], share: float, place: PlaceFile
) -> None:
    data = make()
    with pytest.raises(UploadRefused) as refused:
        read_voice(place(data[: int(len(data) * share)]))
    assert refused.value.code == Refusal.VOICE_CUT_OFF


@pytest.mark.parametrize(
    ("data", "duration_ms"),
    [
        (sounds.mp3_that_says(5, 1667), 5006),
        (mp3_with_vbri(3), 3096),
        (mp3_with_vbri(3, 900), 3096),
        (joined_parts(40), 43_130),
        (sounds.mp3_without_count(3) + sounds.mp3_without_count(2), 5184),
        (sounds.flac_that_says(5, 0), 5000),
        (sounds.flac_that_says(5, 480_000), 5000),
        (sounds.flac_that_says(5, 20_000), 5000),
        (wav_with(PCM, byte_rate=8_000), 3000),
        (wav_with(PCM, byte_rate=0), 3000),
        (wav_with(PCM, byte_rate=64_000), 3000),
        (wav_with(PCM, block=1), 3000),
        (wav_with(PCM, data=0), 3000),
        (wav_with(PCM, data=0xFFFFFFFF), 3000),
        (wav_with(PCM, data=len(PCM) * 2 + 44), 3000),
        (wav_with(PCM, behind=b"LIST\x04\0\0\0INFO"), 3000),
        (long_wav(PCM, b"RF64"), 3000),
        (long_wav(PCM, b"BW64"), 3000),
        (extensible_wav(sounds.tone(3)), 3000),
        (without_end_of_stream(OPUS), 5993),
        (with_wrong_granule(OPUS, 3, 480_000), 6000),
        (with_wrong_granule(OPUS, 3, -480_000), 6000),
        (OPUS + sounds.encoded("opus", 2) + OPUS, 14_000),
        (with_size(EARLY_TABLE, b"mdat", 0), 3000),
        (with_size(EARLY_TABLE, b"mdat", 999_999), 3000),
        (EDITED + EDITED[EDITED.index(b"moov") - 4 :], 3000),
    ],
    ids=[
        "Info counts too much",
        "VBRI",
        "VBRI counts too much",
        "forty parts joined",
        "parts without count joined",
        "FLAC without total",
        "FLAC says twelve times as much",
        "FLAC says half",
        "byte rate halved",
        "byte rate 0",
        "byte rate times four",
        "block size 1",
        "data of size 0",
        "data without end",
        "data counts the header",
        "a list behind the data",
        "RF64",
        "BW64",
        "extensible, 24 bits",
        "Ogg without end of stream",
        "a page's clock ahead",
        "a page's clock behind",
        "Ogg in a chain",
        "mdat of size 0",
        "mdat too large",
        "two tables",
    ],
)
def test_what_a_header_says_is_no_promise(data: bytes, duration_ms: int, place: PlaceFile, tmp_path: Path) -> None:
    path = place(data)
    assert read_voice(path).duration_ms == duration_ms
    says_or_holds(normalise_voice(path, tmp_path).path, duration_ms)


def says_or_holds(path: Path, duration_ms: int) -> None:
    """MP3 without a count is told by its size, and so to a frame."""
    assert [float(decoded(path)), mutagen.File(path).info.length] == pytest.approx([duration_ms / 1000] * 2, abs=0.01)


@pytest.mark.parametrize("kind", ["ogg", "webm", "matroska", "mp4"])
def test_a_clock_that_leaps_is_a_pause_and_one_that_starts_late_is_not(kind: str, place: PlaceFile) -> None:
    plain = read_voice(place(clocked(kind, 4))).duration_ms
    paused = read_voice(place(clocked(kind, 4, gaps={1.0: 2.0, 3.0: 0.5}))).duration_ms
    assert abs(paused - plain - 2500) <= 1
    assert abs(read_voice(place(clocked(kind, 4, late=7.5))).duration_ms - plain) <= 14
    if kind != "mp4":
        assert read_voice(place(clocked(kind, 4, late=3600, gaps={1.0: 2.0}))).duration_ms == plain + 2000


def test_a_browsers_live_recording_with_a_pause_has_it_too(place: PlaceFile) -> None:
    assert read_voice(place(clocked("webm", 4, gaps={1.0: 2.0}, live="1"))).duration_ms == 6000


# --- What goes out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        joined_parts(2, 3),
        sounds.mp3_that_says(5, 50),
        mp3_with_vbri(3),
        sounds.encoded("mp3", 3) + TAILS["APEv2"],
        sounds.mp3_without_count(3)[30:],
        sounds.mp3_without_count(2) + (SAMPLES / "voice-welcome.mp3").read_bytes(),
        EDITED,
        EDITED + TAILS["ID3v1"],
        sounds.encoded("m4a", 3, use_editlist="0").replace(b"ftypM4A ", b"ftypqt  "),
        sounds.encoded("m4a", 3, use_editlist="0").replace(b"ftypM4A ", b"ftyp3gp4"),
        sounds.encoded("m4a", 3, movflags="frag_keyframe+empty_moov+default_base_moof"),
        films.film(),
        sounds.encoded("aac", 3) + TAILS["APEv2"],
    ],
    ids=[
        "joined parts",
        "a wrong count",
        "VBRI",
        "a cover at the end",
        "cut out of another",
        "two sampling rates",
        "edit list",
        "tag behind an M4A",
        "QuickTime by its brand",
        "3GP by its brand",
        "fragments",
        "a video",
        "AAC with a cover",
    ],
)
def test_what_two_readers_could_read_otherwise_is_made_anew(data: bytes, place: PlaceFile, tmp_path: Path) -> None:
    path = place(data)
    voice = read_voice(path)
    assert voice.details["unclear"] is True
    made = normalise_voice(path, tmp_path)
    assert made.changes == ["Saved again as MP3, because not every program would find its true length."]
    says_one_length(made.path, voice.duration_ms)


@pytest.mark.parametrize(
    "data",
    [
        sounds.encoded("mp3", 3),
        sounds.mp3_without_count(3),
        sounds.mp3_without_count(3) + TAILS["ID3v1"],
        sounds.encoded("m4a", 3, use_editlist="0"),
        sounds.encoded("aac", 3),
    ],
    ids=["one count", "frames alike", "ID3v1", "M4A without edits", "AAC"],
)
def test_what_every_reader_reads_alike_goes_out_as_it_is(data: bytes, place: PlaceFile, tmp_path: Path) -> None:
    path = place(data)
    assert "unclear" not in read_voice(path).details
    made = normalise_voice(path, tmp_path)
    assert (made.path, made.changes) == (path, [])


# --- A video as a voice -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mp4", "mov", "webm"])
def test_of_a_video_the_sound_is_taken_and_it_is_said(kind: str, place: PlaceFile) -> None:
    voice = read_voice(place(films.film(kind)))
    assert (voice.duration_ms, voice.details["changes"]) == (3000, ["It is a video, of which only the sound is used."])
