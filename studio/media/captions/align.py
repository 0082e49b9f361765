"""Alignment of a text with a voice that says it: sentences by their lengths, against the voice's pauses and loudness.

An estimate. Nothing here knows words: it is as good as the speaker’s pauses between sentences are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

from studio.media.captions.lines import clean
from studio.media.signatures import recognise
from studio.media.voices.sound import open_sound

RATE, HOP = 16_000, 160
HOP_MS = 1_000 * HOP // RATE
MIN_PAUSE, BRIDGED = 12, 6  # hops: what is shorter is a consonant
DIP_EVERY = 25  # hops: where no pause is, the quietest moment of so many may be a sentence's end
DIP_COST = 5.0
LONG_PAUSE = 30  # hops
SENTENCE_END = re.compile(r"(?<=[.!?…؟।॥])[”’\"')»\]]*\s+|(?<=[。！？])[」』）]*|\n+")  # noqa: RUF001
DIGIT_WEIGHT, WIDE_WEIGHT, SENTENCE_WEIGHT = 4.0, 2.5, 2.0
WIDE_FROM = 0x2E80

Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Timed = list[tuple[int, int, str]]


def align(path: Path, text: str) -> Timed:
    """The sentences of ``text`` with the milliseconds from and to which the voice is thought to say them."""
    sentences = sentences_of(text)
    return aligned(levels_of(path), sentences) if sentences else []


def sentences_of(text: str) -> list[str]:
    found: list[str] = []
    start = 0
    for end in SENTENCE_END.finditer(text):
        found.append(text[start : end.end()])
        start = end.end()
    return [sentence for part in [*found, text[start:]] if (sentence := clean(part))]


def levels_of(path: Path) -> Floats:
    """The loudness of every hundredth of a second, in decibels."""
    to_mono = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    powers, rest = [], np.zeros(0, np.float32)
    with open_sound(path, recognise(path)) as sound:
        for frame in chain(sound.frames(), (None,)):
            if frame:
                frame.pts = None
            heard = [part.to_ndarray().reshape(-1) for part in to_mono.resample(frame)]
            rest = np.concatenate([rest, *heard])
            whole = len(rest) // HOP * HOP
            powers.append((rest[:whole].reshape(-1, HOP).astype(np.float64) ** 2).mean(axis=1))
            rest = rest[whole:]
    power: Floats = np.concatenate(powers)
    return 10 * np.log10(np.maximum(power, 1e-10))


def aligned(levels: Floats, sentences: list[str]) -> Timed:
    """The likeliest way of parting the speech among the sentences, in order: a shortest way over its pauses."""
    speech = _speech(levels)
    at = np.flatnonzero(speech)
    if not len(at):
        return []
    places = _places(levels, speech, int(at[0]), int(at[-1]) + 1)
    weights = np.array([_weight(sentence) for sentence in sentences])
    chosen = _way(places, weights * places.spoken / weights.sum())
    if any(later <= place for place, later in pairwise(chosen)) or len(chosen) < len(sentences) - 1:
        return _by_length(at, weights, sentences)
    begins = [int(at[0]), *(int(places.ends[place]) for place in chosen)]
    ends = [*(int(places.starts[place]) for place in chosen), int(at[-1]) + 1]
    return [
        (begin * HOP_MS, max(end, begin + 1) * HOP_MS, sentence)
        for begin, end, sentence in zip(begins, ends, sentences, strict=True)
    ]


def _by_length(at: np.ndarray[Any, Any], weights: Floats, sentences: list[str]) -> Timed:
    """Where there is no place to part them, the letters alone decide; each lasts a moment at least."""
    shares = np.concatenate([[0.0], np.cumsum(weights) / weights.sum()])
    edges = [int(at[min(int(share * len(at)), len(at) - 1)]) * HOP_MS for share in shares]
    return [
        (edges[number], max(edges[number + 1], edges[number] + 1), sentence)
        for number, sentence in enumerate(sentences)
    ]


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a sentence may end and the next begin: pauses, and dips in between. All in hops."""

    starts: Floats
    ends: Floats
    said: Floats  # speech up to there
    costs: Floats
    spoken: float  # all speech


def _speech(levels: Floats) -> Mask:
    """Which hops are speech: clearly louder than the quiet ones, short gaps included."""
    smooth = np.convolve(levels, np.ones(3) / 3, mode="same")
    quiet, loud = np.percentile(smooth, (5, 95))
    speech: Mask = smooth > max(quiet + 0.3 * (loud - quiet), loud - 32)
    for start, end in _runs(~speech):
        if end - start < BRIDGED and start and end < len(speech):
            speech[start:end] = True
    return speech


def _runs(mask: Mask) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _places(levels: Floats, speech: Mask, first: int, last: int) -> _Places:
    pauses = [
        (start, end) for start, end in _runs(~speech) if end - start >= MIN_PAUSE and first < start and end < last
    ]
    found = [(start, end, -_ease(end - start)) for start, end in pauses]
    for start in range(first + DIP_EVERY, last - DIP_EVERY, DIP_EVERY):
        dip = start + int(np.argmin(levels[start : start + DIP_EVERY]))
        if speech[dip]:
            found.append((dip, dip, DIP_COST))
    found.sort()
    said = np.concatenate([[0], np.cumsum(speech)])
    starts, ends, costs = (
        (np.array(column, float) for column in zip(*found, strict=True)) if found else (np.zeros(0),) * 3
    )
    return _Places(starts, ends, said[starts.astype(int)].astype(float), costs, float(said[-1]))


def _ease(pause: int) -> float:
    """How much a pause speaks for a sentence's end."""
    return float(3 * min(pause / LONG_PAUSE, 1.5))


def _way(places: _Places, expected: Floats) -> list[int]:
    """The place behind each sentence but the last: each about as long as its letters, the longest pauses taken."""
    count = len(expected) - 1
    if not count or len(places.said) < count:
        return []
    due = np.cumsum(expected)
    reach = 600 + 0.5 * expected.mean() * np.sqrt(count)
    before_places, before_costs = np.array([-1]), np.zeros(1)
    steps: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
    for number in range(count):
        inside = np.flatnonzero(np.abs(places.said - due[number]) <= reach)
        here = inside[(inside >= number) & (inside < len(places.said) - (count - number - 1))]
        here = here if len(here) else np.array([number])
        said_before = np.where(before_places < 0, 0.0, places.said[before_places])
        lasted = places.said[here][:, None] - said_before[None, :]
        costs = before_costs[None, :] + _misfit(lasted, expected[number])
        costs[here[:, None] <= before_places[None, :]] = np.inf
        best = costs.argmin(axis=1)
        steps.append((here, best))
        before_places, before_costs = here, costs[np.arange(len(here)), best] + places.costs[here]
    before_costs = before_costs + _misfit(places.spoken - places.said[before_places], expected[-1])
    at, chosen = int(before_costs.argmin()), []
    for here, best in reversed(steps):
        chosen.append(int(here[at]))
        at = int(best[at])
    return chosen[::-1]


def _misfit(lasted: Floats, expected: float) -> Floats:
    spread = 0.18 * expected + 20
    misfit: Floats = ((lasted - expected) / spread) ** 2
    return misfit


def _weight(sentence: str) -> float:
    """What stands for the time that it takes to say."""
    letters = (letter for letter in sentence if letter.isalnum())
    return SENTENCE_WEIGHT + sum(
        DIGIT_WEIGHT if letter.isdigit() else WIDE_WEIGHT if ord(letter) >= WIDE_FROM else 1.0 for letter in letters
    )
