"""Pauses: the places of a voice where it may be cut, each found by the sound around it alone.

So a pause is found at the same sample of the same sound, whatever was said before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np

from studio.media.voices.samples import Samples, Values

# How quiet a pause is at most, of 32,768: -60, -50, -40 and -30 dB.
LEVELS = (33, 104, 328, 1036)
MIN_SECONDS = 0.12
LONG_SECONDS = (0.25, 0.5)
CHUNK = 1 << 20
CONTEXT = 1024  # samples on either side, by which pauses of one length are told apart
# Where nothing is quiet for so long, the quietest moments have to do.
MAX_SPAN_SECONDS = 5.0
MOMENT_SECONDS = 0.02
APART_SECONDS = 0.4
SENTENCE_SLACK_MS = 150

Sentence = Sequence[object]  # start in ms, end in ms, words


@dataclass(frozen=True, slots=True)
class Pause:
    """``at`` is its middle, where the cut is made; of two, the one of the higher ``rank`` is the better place."""

    at: int
    begin: int
    end: int
    rank: tuple[int, ...] = ()


def find_pauses(samples: Samples, sentences: Sequence[Sentence]) -> list[Pause]:
    """In order; those at the end of a sentence, then long ones, then quiet ones rank highest."""
    quiet = _quiet(samples)
    moments = [
        moment
        for begin, end in _spans(quiet, len(samples.values))
        if end - begin > MAX_SPAN_SECONDS * samples.rate
        for moment in _moments(samples, begin, end)
    ]
    ends = _ends(sentences, samples.rate)
    return [_ranked(pause, samples, ends) for pause in sorted([*quiet, *moments], key=lambda one: one.at)]


def _quiet(samples: Samples) -> list[Pause]:
    """Runs that stay under a level, the lowest first: a louder run around a quieter one is no second pause."""
    found: list[Pause] = []
    for level, runs in enumerate(_runs(samples)):
        places = [pause.at for pause in found]
        for begin, end in runs:
            after = bisect_left(places, begin)
            if after == len(places) or places[after] >= end:
                found.append(Pause((begin + end) // 2, begin, end, (-level,)))
        found.sort(key=lambda one: one.at)
    return found


def _runs(samples: Samples) -> list[list[tuple[int, int]]]:
    """For each level, from where to where it is never passed."""
    least, total = round(MIN_SECONDS * samples.rate), len(samples.values)
    runs: list[list[tuple[int, int]]] = [[] for _ in LEVELS]
    before = [-1] * len(LEVELS)  # the last sample that was louder
    for start in range(0, total, CHUNK):
        loudness = np.abs(samples.values[start : start + CHUNK].astype(np.int32)).max(axis=1)
        for number, level in enumerate(LEVELS):
            loud = np.concatenate([[before[number]], np.flatnonzero(loudness > level) + start])
            for gap in np.flatnonzero(np.diff(loud) > least):
                runs[number].append((int(loud[gap]) + 1, int(loud[gap + 1])))
            before[number] = int(loud[-1])
    for number, last in enumerate(before):
        if total - last > least:
            runs[number].append((last + 1, total))
    return runs


def _spans(pauses: Sequence[Pause], total: int) -> Iterator[tuple[int, int]]:
    return pairwise([0, *(pause.at for pause in pauses), total])


def _moments(samples: Samples, begin: int, end: int) -> Iterator[Pause]:
    """The quietest moments of a span, none near another."""
    wide, apart = round(MOMENT_SECONDS * samples.rate), round(APART_SECONDS * samples.rate)
    for start in range(begin, end, CHUNK):
        first, last = max(start - apart - 1, begin), min(start + CHUNK + apart + wide, end)
        energy = _energy(samples.values[first:last], wide)
        if len(energy) <= 2 * apart + 1:
            continue
        inside = energy[apart:-apart]
        lowest = (inside == _lowest(energy, 2 * apart + 1)) & (inside < energy[apart - 1 : -apart - 1])
        for number in np.flatnonzero(lowest):
            at = first + apart + int(number) + wide // 2
            if start <= at - wide // 2 < start + CHUNK:
                yield Pause(at, at, at, (-len(LEVELS), -int(inside[number])))


def _energy(values: Values, wide: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Of each ``wide`` samples, exactly: the same sound gives the same number wherever it stands."""
    total = np.concatenate([[0], np.cumsum((values.astype(np.int64) ** 2).sum(axis=1))])
    energy: np.ndarray[tuple[int], np.dtype[np.int64]] = total[wide:] - total[:-wide]
    return energy


def _lowest(
    numbers: np.ndarray[tuple[int], np.dtype[np.int64]], wide: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The least of each ``wide`` numbers: that of the end of one block and of the beginning of the next."""
    padded = np.pad(numbers, (0, -len(numbers) % wide), constant_values=np.iinfo(np.int64).max).reshape(-1, wide)
    heads = np.minimum.accumulate(padded, axis=1).ravel()
    tails = np.minimum.accumulate(padded[:, ::-1], axis=1)[:, ::-1].ravel()
    count = len(numbers) - wide + 1
    least: np.ndarray[tuple[int], np.dtype[np.int64]] = np.minimum(tails[:count], heads[wide - 1 : wide - 1 + count])
    return least


def _ends(sentences: Iterable[Sentence], rate: int) -> list[tuple[int, int]]:
    """From where to where one sentence has ended and the next has not begun, in samples."""
    times = [(int(str(one[0])), int(str(one[1]))) for one in sentences]
    slack = SENTENCE_SLACK_MS
    return [((was[1] - slack) * rate // 1000, (then[0] + slack) * rate // 1000) for was, then in pairwise(times)]


def _ranked(pause: Pause, samples: Samples, ends: Sequence[tuple[int, int]]) -> Pause:
    place = bisect_left(ends, (pause.at, 0))
    ends_sentence = any(begin <= pause.at <= end for begin, end in ends[max(place - 1, 0) : place + 1])
    length = pause.end - pause.begin
    is_long = sum(length >= seconds * samples.rate for seconds in LONG_SECONDS)
    around = samples.values[max(pause.begin - CONTEXT, 0) : pause.begin].tobytes()
    around += samples.values[pause.end : pause.end + CONTEXT].tobytes()
    rank = (int(ends_sentence), is_long, *pause.rank[:1], length, *pause.rank[1:], crc32(around))
    return Pause(pause.at, pause.begin, pause.end, rank)
