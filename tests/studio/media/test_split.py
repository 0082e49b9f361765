"""A long voice in parts: whole, within limits, and the same where the sound is the same."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.media import judge
from studio.media.errors import UploadRefused
from studio.media.voices.cuts import EVENLY, cut_at_pauses, gaps, keep_known
from studio.media.voices.pauses import Pause, find_pauses
from studio.media.voices.samples import Samples, Values, samples_of_file
from studio.media.voices.split import Split, split_samples

RATE = 8_000
MIN_MS, MAX_MS = 3_000, 12_000
Line = tuple[int, int, int]  # what is said, for how long, and the pause behind it, in samples

lines = st.tuples(st.integers(0, 10_000), st.integers(4_000, 40_000), st.integers(200, 8_000))
voices = st.lists(lines, min_size=3, max_size=25)


def sound_of(said: Sequence[Line], floor: int = 8) -> Samples:
    """Noise for words; ``floor`` is how loud a pause is."""
    pieces: list[Values] = []
    for words, length, pause in said:
        chance = np.random.default_rng([words, length, pause])
        pieces.append(chance.integers(-9_000, 9_000, length).astype(np.int16))
        pieces.append(chance.integers(-floor, floor + 1, pause).astype(np.int16))
    return Samples(RATE, np.concatenate(pieces).reshape(-1, 1))


def split(samples: Samples, known: Split | None = None) -> Split:
    before = {one.sha256: one.end - one.begin for one in known.stretches} if known else {}
    return split_samples(samples, [], MIN_MS, MAX_MS, before)


def sounds(found: Split) -> set[str]:
    return {one.sha256 for one in found.stretches}


def is_whole(found: Split, samples: Samples) -> None:
    edges = [(one.begin, one.end) for one in found.stretches]
    assert (edges[0][0], edges[-1][1]) == (0, len(samples.values))
    assert all(one[1] == other[0] for one, other in pairwise(edges))
    if len(edges) > 1:
        lengths = [(end - begin) * 1000 / RATE for begin, end in edges]
        assert (min(lengths) >= MIN_MS, max(lengths) <= MAX_MS) == (True, True)


@given(voices, st.sampled_from([0, 8, 300, 9_000]))
@settings(max_examples=40, deadline=None)
def test_parts_are_the_whole_voice_each_within_the_limits(said: list[Line], floor: int) -> None:
    samples = sound_of(said, floor)
    found = split(samples)
    is_whole(found, samples)
    assert split(samples) == found


@given(voices, st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_line_makes_one_or_two_parts_new(said: list[Line], data: st.DataObject) -> None:
    """A third only where the new words have no room in two."""
    first = split(sound_of(said))
    place = data.draw(st.integers(0, len(said) - 1))
    changed = list(said)
    changed[place] = data.draw(lines)
    samples = sound_of(changed)
    second = split(samples, first)
    is_whole(second, samples)
    new = [one for one in second.stretches if one.sha256 not in sounds(first)]
    seconds = sum(one.end - one.begin for one in new) / RATE
    assert len(new) <= 2 or seconds > EVENLY * MAX_MS / 1000
    if changed[place] == said[place]:
        assert second == first


def test_an_hour_of_changes_without_a_memory_moves_few_cuts() -> None:
    chance = np.random.default_rng(17)
    said = [(number, int(chance.integers(8_000, 40_000)), int(chance.integers(1_500, 8_000))) for number in range(120)]
    first = split(sound_of(said))
    counts = []
    for number in range(30):
        changed = list(said)
        changed[int(chance.integers(len(said)))] = (5_000 + number, int(chance.integers(8_000, 40_000)), 3_000)
        counts.append(len(sounds(split(sound_of(changed))) - sounds(first)))
    assert sorted(counts)[len(counts) // 2] <= 2
    assert max(counts) <= 6


def test_pauses_are_found_at_the_same_place_of_the_same_sound() -> None:
    said = [(number, 9_001 + number, 3_333) for number in range(6)]
    later = sound_of([(99, 12_345, 2_222), *said])
    moved = 12_345 + 2_222
    here = [(one.at, one.rank) for one in find_pauses(sound_of(said), [])]
    assert [(one.at - moved, one.rank) for one in find_pauses(later, [])][1:] == here


def test_the_ends_of_sentences_come_first() -> None:
    said = [(number, 16_000, 1_500 if number % 2 else 6_000) for number in range(8)]
    samples, step = sound_of(said), 16_000 + 3_750
    short = {2 * number * step // RATE * 1000 for number in range(1, 4)}
    ends = [
        [round((2 * n * step) / RATE * 1000), round((2 * (n + 1) * step - 1_500) / RATE * 1000), "Said."]
        for n in range(4)
    ]
    found = split_samples(samples, ends, MIN_MS, MAX_MS, {})
    cuts = [one.begin for one in found.stretches[1:]]
    assert len(short) == 3
    assert all(cut % (2 * step) > 2 * step - 1_600 for cut in cuts)


def test_a_drone_is_cut_too() -> None:
    constant = Samples(RATE, np.full((RATE * 60, 1), 9_000, np.int16))
    is_whole(split(constant), constant)
    hum = np.sin(np.arange(RATE * 60) / 7) * 9_000 * (1 + np.sin(np.arange(RATE * 60) / RATE))
    humming = Samples(RATE, (hum / 2).astype(np.int16).reshape(-1, 1))
    is_whole(split(humming), humming)


@given(st.lists(st.integers(0, 400), min_size=2, max_size=40, unique=True), st.integers(1, 60))
def test_what_is_kept_leaves_room_for_what_is_new(edges: list[int], least: int) -> None:
    places = sorted(edges)
    total = places[-1] + 100
    candidates = [(begin, end) for begin, end in pairwise(places)]
    kept = keep_known(candidates, total, least=least, most=2 * least)
    assert set(kept) <= set(candidates)
    assert all(one[1] <= other[0] for one, other in pairwise(kept))
    assert all(end - begin >= least for begin, end in gaps(kept, total)) or not kept


def test_equal_pauses_divide_evenly() -> None:
    pauses = [Pause(at, at, at, (1,)) for at in range(10, 1000, 10)]
    found = cut_at_pauses(pauses, 0, 1000, least=50, most=300)
    assert found == [(0, 250), (250, 500), (500, 750), (750, 1000)]


@pytest.fixture
def lecture(tmp_path: Path) -> Path:
    samples = sound_of([(number, 12_000, 4_000) for number in range(30)])
    path = tmp_path / "lecture.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setframerate(RATE)
        file.setsampwidth(2)
        file.writeframes(samples.values.tobytes())
    return path


def test_the_written_parts_are_those_samples(lecture: Path, tmp_path: Path) -> None:
    found = judge.split(lecture, [], MIN_MS, MAX_MS, owner="w")
    folder = tmp_path / "parts"
    folder.mkdir()
    files = judge.cut(lecture, [(one.begin, one.end) for one in found.stretches], folder, owner="w")
    with samples_of_file(lecture) as whole:
        for one, file in zip(found.stretches, files, strict=True):
            with samples_of_file(file) as part:
                assert part.rate == RATE
                assert np.array_equal(part.values, whole.values[one.begin : one.end])
                assert part.sha256(0, len(part.values)) == one.sha256
    assert len(files) > 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lecture.wav", "parts"]


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    with pytest.raises(UploadRefused, match="can’t be cut into parts"):
        judge.split(path, [], MIN_MS, MAX_MS, owner="w")
