"""Voices: what is refused with which sentence, and how exactly they are measured."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from studio.media import judge
from studio.media.errors import Refusal, UploadRefused
from studio.media.signatures import Content, recognise
from studio.media.voices import audio_probe
from studio.media.voices.voices import STORED_AS, check_bytes, read_voice
from tests.corpus import pictures, sounds
from tests.corpus.bad import Bad
from tests.corpus.bad_voices import VOICES
from tests.studio.conftest import PlaceFile
from tests.support.paths import SAMPLES

SAMPLE = SAMPLES / "voice-welcome.mp3"


@pytest.mark.parametrize("bad", VOICES, ids=lambda bad: bad.name)
def test_a_bad_voice_is_refused_with_its_own_sentence(bad: Bad, place: PlaceFile) -> None:
    path = place(bad.make())
    with pytest.raises(UploadRefused) as refused:
        read_voice(path)
    refusal = refused.value
    assert (refusal.field, refusal.code, refusal.message, refusal.remedy) == (
        "voice",
        bad.code,
        bad.message,
        bad.remedy,
    )


def test_the_corpus_has_every_reason_to_refuse_a_voice_file() -> None:
    of_a_file = {code for code in Refusal if code.startswith("voice_")}
    elsewhere = {Refusal.VOICE_WRONG_KIND, Refusal.VOICE_ELSEWHERE, Refusal.VOICE_IN_USE, Refusal.VOICE_UNREACHABLE}
    tested_below = {Refusal.VOICE_TOO_LARGE, Refusal.VOICE_TOO_SLOW}
    assert {bad.code for bad in VOICES} == of_a_file - elsewhere - tested_below


def test_a_file_over_the_limit_is_refused_by_its_size() -> None:
    with pytest.raises(UploadRefused) as refused:
        check_bytes(700_000_001)
    assert refused.value.code == Refusal.VOICE_TOO_LARGE
    assert refused.value.message == "The voice is 700.1 MB; the limit is 700 MB."
    assert check_bytes(700_000_000) is None


def test_a_voice_that_takes_too_long_to_read_is_given_up(place: PlaceFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_probe, "WORK_SECONDS", 0.0)
    with pytest.raises(UploadRefused) as refused:
        read_voice(place(sounds.wav(sounds.tone(3))))
    assert refused.value.code == Refusal.VOICE_TOO_SLOW
    assert refused.value.message == "The voice takes too long to read: 0 s of it in 0 s of work."


def test_the_sample_is_measured_to_the_millisecond() -> None:
    voice = read_voice(SAMPLE)
    assert (voice.duration_ms, voice.content_type, voice.extension) == (8417, "audio/mpeg", "mp3")
    peaks = voice.details.pop("peaks")
    assert voice.details == {"codec": "mp3", "sample_rate": 44_100, "channels": 1, "changes": []}
    assert len(peaks) == 200
    assert max(peaks) == 100
    assert min(peaks) == 0  # it has pauses


@pytest.mark.parametrize("seconds", [2.0, 3.21])
@pytest.mark.parametrize(
    ("kind", "codec", "content_type"),
    [
        ("mp3", "mp3", "audio/mpeg"),
        ("m4a", "aac", "audio/mp4"),
        ("alac", "alac", "audio/mp4"),
        ("opus", "opus", "audio/ogg"),
        ("flac", "flac", "audio/flac"),
        ("webm", "opus", "audio/webm"),
    ],
)
def test_padding_of_the_encoder_is_not_counted(
    kind: str, codec: str, content_type: str, seconds: float, place: PlaceFile
) -> None:
    voice = read_voice(place(sounds.encoded(kind, seconds)))
    assert (voice.duration_ms, voice.details["codec"], voice.content_type) == (seconds * 1000, codec, content_type)


def test_padding_that_nothing_tells_of_is_sound(place: PlaceFile) -> None:
    """Raw AAC and MP3 without a count come in whole frames, and every player plays them to their end."""
    assert read_voice(place(sounds.encoded("aac", 3.0))).duration_ms == 3072  # 48 frames of 64 ms
    assert read_voice(place(sounds.mp3_without_count(3.0))).duration_ms == 3096  # 86 frames of 36 ms


def test_vorbis_is_taken(place: PlaceFile) -> None:
    voice = read_voice(place(sounds.encoded("vorbis", 3.0)))
    assert (voice.details["codec"], voice.details["channels"], voice.content_type) == ("vorbis", 2, "audio/ogg")
    assert abs(voice.duration_ms - 3000) < 10


@pytest.mark.parametrize(
    "samples",
    [
        sounds.tone(2.5).astype("<f4"),
        sounds.tone(2.5).astype("<f8"),
        np.round(sounds.tone(2.5) * 32_767).astype("<i2"),
        np.round(sounds.tone(2.5) * 2_147_483_000).astype("<i4"),
        np.round(sounds.tone(2.5) * 127 + 128).astype(np.uint8),
        np.repeat(np.round(sounds.tone(2.5) * 32_767).astype("<i2")[:, None], 6, axis=1),
    ],
    ids=lambda samples: f"{samples.dtype} {samples.shape}",
)
def test_every_kind_of_wav_sounds_the_same(samples: np.ndarray, place: PlaceFile) -> None:
    data = sounds.float_wav(samples) if samples.dtype == np.float32 else sounds.wav(samples)
    voice = read_voice(place(data))
    expected = read_voice(place(sounds.wav(sounds.tone(2.5))))
    assert voice.duration_ms == 2500
    assert voice.details["channels"] == (samples.shape[1] if samples.ndim > 1 else 1)
    assert np.abs(np.subtract(voice.details["peaks"], expected.details["peaks"])).max() <= 2


def test_the_peaks_follow_the_loudness(place: PlaceFile) -> None:
    loud, quiet = sounds.tone(2, loudness=0.8), sounds.tone(2, loudness=0.08)
    peaks = read_voice(place(sounds.wav(np.concatenate([loud, quiet])))).details["peaks"]
    assert len(peaks) == 200
    assert max(peaks[:100]) == 100
    assert max(peaks[101:]) == 10


def test_the_peaks_share_out_a_voice_that_ends_within_a_moment(place: PlaceFile) -> None:
    loud, quiet = sounds.tone(2, loudness=0.8), sounds.tone(2.009, loudness=0.08)
    peaks = read_voice(place(sounds.wav(np.concatenate([loud, quiet])))).details["peaks"]
    assert min(peaks[:99]) > max(peaks[101:])


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_from_a_pipe_does_not_know_its_length(size: int, place: PlaceFile) -> None:
    assert read_voice(place(sounds.wav(sounds.tone(3), claimed_bytes=size))).duration_ms == 3000


def test_a_header_that_says_too_little_changes_nothing(place: PlaceFile) -> None:
    assert read_voice(place(sounds.mp3_that_says(5, 50))).duration_ms == 5000


def test_what_browsers_record_is_taken(place: PlaceFile) -> None:
    """Chromium writes WebM without a length as it goes, or MP4 with odd ones; Safari writes MP4 in fragments."""
    assert read_voice(place(sounds.encoded("webm", 3.0, live="1"))).duration_ms == 3000
    assert abs(read_voice(place(sounds.recorded_by_the_clock(3.0))).duration_ms - 3000) < 30
    in_fragments = sounds.encoded("m4a", 3.0, movflags="frag_keyframe+empty_moov+default_base_moof")
    assert abs(read_voice(place(in_fragments)).duration_ms - 3000) < 100


def test_a_cover_picture_in_an_mp3_is_fine(place: PlaceFile) -> None:
    plain = read_voice(place(sounds.mp3_without_count(3.0)))
    assert read_voice(place(sounds.mp3_with_cover(3.0, pictures.png()))) == plain


def test_an_mp3_cut_out_of_a_longer_one_is_taken(place: PlaceFile) -> None:
    data = sounds.mp3_without_count(5.0)[30:]
    assert recognise(place(data)) is Content.MP3
    assert abs(read_voice(place(data)).duration_ms - 5000) < 150


@pytest.mark.parametrize("tail", [b"TAG" + b"x" * 125, bytes(5000)], ids=["ID3v1", "zeros"])
def test_what_programs_hang_behind_an_mp3_is_no_sound(tail: bytes, place: PlaceFile) -> None:
    data = sounds.mp3_without_count(3.0)
    assert read_voice(place(data + tail)).duration_ms == read_voice(place(data)).duration_ms


@pytest.mark.parametrize("seconds", [2.0, 300.0])
def test_the_limits_themselves_are_taken(seconds: float, place: PlaceFile) -> None:
    assert read_voice(place(sounds.wav(sounds.tone(seconds)))).duration_ms == seconds * 1000


def test_a_loudness_at_the_limit_is_taken(place: PlaceFile) -> None:
    voice = read_voice(place(sounds.wav(sounds.tone(3, loudness=10 ** (-49.5 / 20)))))
    assert voice.duration_ms == 3000


def test_one_bad_frame_is_no_damage(place: PlaceFile) -> None:
    data = sounds.with_flipped_bytes(sounds.encoded("aac", 12), every=1_000_000)
    voice = read_voice(place(data))
    assert abs(voice.duration_ms - 12_000) < 300


def test_a_long_voice_is_read_in_little_memory(place: PlaceFile) -> None:
    path = place(sounds.wav(sounds.tone(300)))
    tracemalloc.start()
    read_voice(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000  # the samples as floats would be 9.6 MB


def test_every_container_has_a_name_in_the_store() -> None:
    assert set(STORED_AS) == set(audio_probe.DEMUXERS)


def test_whatever_happens_to_a_file_it_is_taken_or_refused(place: PlaceFile) -> None:
    """Random damage to every kind of sound: no other error, and no crash."""
    chance = np.random.default_rng(20261121)
    good = [sounds.encoded(kind, 2.3) for kind in sounds.CODECS] + [sounds.wav(sounds.tone(2.3))]
    outcomes = set()
    for number in range(200):
        data = bytearray(good[number % len(good)])
        start = 0 if number % 2 else len(data) // 4
        for at in chance.integers(start, len(data), chance.integers(1, 12)):
            data[at] = chance.integers(0, 256)
        try:
            judge.voice(place(bytes(data)), owner="one")  # where one takes too much, its child says so
            outcomes.add("taken")
        except UploadRefused as refused:
            outcomes.add(refused.code)
    assert outcomes >= {"taken", Refusal.VOICE_UNREADABLE, Refusal.VOICE_DAMAGED, Refusal.VOICE_CUT_OFF}
