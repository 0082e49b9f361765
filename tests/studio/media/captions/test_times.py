"""Times of captions against the sound: of voices that were put together of known parts."""

from __future__ import annotations

import random
from pathlib import Path

import av
import numpy as np
import pytest

from studio.media import judge
from studio.media.captions.align import levels_of, sentences_of
from studio.media.captions.cues import cues_of
from studio.media.voices.spoken import Part

RATE = 24_000
SENTENCES = [
    "Welcome, and thank you for taking a moment to watch this.",
    "Every video that you see here began as one portrait and one voice.",
    "On 5 March we measured 1,250 of them!",
    "How long does it take, and what does it cost?",
    "The price that you see is the most that you pay, and a video that fails costs nothing.",
    "If you change one sentence, only that sentence is made anew.",
    "The rest stays exactly as it was before.",
    "Thank you, and goodbye until the next time.",
]


def spoken(sentence: str, luck: random.Random) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """As long as its letters, more or less: a hum that swells with each syllable, and pauses at its commas."""
    pieces = []
    for clause in sentence.split(","):
        seconds = len(clause) * 0.06 * luck.uniform(0.85, 1.15)
        clock = np.arange(int(seconds * RATE)) / RATE
        swell = 0.55 + 0.45 * np.sin(2 * np.pi * 4.5 * clock)
        pieces += [np.sin(2 * np.pi * 160 * clock) * swell * 9_000, np.zeros(int(RATE * luck.uniform(0.05, 0.14)))]
    return np.concatenate(pieces[:-1]).astype(np.int16)


def write(path: Path, sound: np.ndarray[tuple[int], np.dtype[np.int16]]) -> Path:
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_the_captions_of_a_script_begin_and_end_with_its_sound(tmp_path: Path) -> None:
    luck = random.Random(5)
    sounds = [spoken(sentence, luck) for sentence in SENTENCES]
    parts = [
        Part(write(tmp_path / f"{number}.wav", sound), (len(sentence),), (), 400)
        for number, (sound, sentence) in enumerate(zip(sounds, SENTENCES, strict=True))
    ]
    (tmp_path / "out").mkdir()
    voice = tmp_path / "out" / "voice.flac"
    times = judge.joined(parts, voice, owner="test")
    sentences = [[start, end, sentence] for (start, end), sentence in zip(times, SENTENCES, strict=True)]
    levels = levels_of(voice)
    heard = np.flatnonzero(levels > -50) * 10
    cues = cues_of(sentences, len(levels) * 10)
    begins = {start for start, _, _ in sentences}
    assert sum(cue.start in begins for cue in cues) == len(SENTENCES)
    for cue in cues:
        after = int(heard[np.searchsorted(heard, cue.start - 150)])
        assert abs(after - cue.start) <= 150
        before = int(heard[np.searchsorted(heard, cue.end + 150) - 1])
        assert abs(before + 10 - cue.end) <= 150


@pytest.mark.parametrize("seed", range(6))
def test_a_pasted_text_finds_its_sentences_where_the_speaker_pauses(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    at, pieces, begins = 0, [], []
    for sentence in luck.sample(SENTENCES, len(SENTENCES)):
        sound = spoken(sentence, luck)
        begins.append((at * 1000 / RATE, sentence))
        pieces += [sound, np.zeros(int(RATE * luck.uniform(0.3, 0.7)), np.int16)]
        at += len(pieces[-2]) + len(pieces[-1])
    hiss = np.random.default_rng(seed).normal(0, 40, at).astype(np.int16)
    voice = write(tmp_path / "voice.wav", np.concatenate(pieces) + hiss)
    found = judge.sentences_in(voice, "\n".join(sentence for _, sentence in begins), owner="test")
    assert [sentence for *_, sentence in found] == [sentence for _, sentence in begins]
    late = [abs(start - begin) for (start, _, _), (begin, _) in zip(found, begins, strict=True)]
    assert max(late) <= 150, late


def test_without_pauses_every_sentence_still_has_its_turn(tmp_path: Path) -> None:
    luck = random.Random(1)
    sound = np.concatenate([spoken(sentence.replace(",", ""), luck) for sentence in SENTENCES])
    found = judge.sentences_in(write(tmp_path / "voice.wav", sound), " ".join(SENTENCES), owner="test")
    assert [sentence for *_, sentence in found] == SENTENCES
    assert all(start < end for start, end, _ in found)
    assert [start for start, *_ in found] == sorted(start for start, *_ in found)


def test_more_sentences_than_could_be_said_are_all_there(tmp_path: Path) -> None:
    voice = write(tmp_path / "voice.wav", spoken("Yes.", random.Random(1)).repeat(8))
    found = judge.sentences_in(voice, "No. " * 200, owner="test")
    assert len(found) == 200
    assert all(start < end for start, end, _ in found)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two? “Three!” Four", ["One.", "Two?", "“Three!”", "Four"]),
        ("今日は。これは「はい。」テスト！", ["今日は。", "これは「はい。」", "テスト！"]),  # noqa: RUF001
        ("First line\nsecond line", ["First line", "second line"]),
        ("  \n ", []),
    ],
)
def test_a_text_is_parted_into_sentences(text: str, sentences: list[str]) -> None:
    assert sentences_of(text) == sentences
