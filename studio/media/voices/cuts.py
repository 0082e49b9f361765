"""Cuts: where a long voice is divided into parts, so that a change of one sentence moves as few of them as can be.

A stretch that is too long is cut at its best pause, and each side again. The best pause of an hour stays the best one
when a sentence is changed elsewhere, so the cuts of all other stretches stay where they are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from studio.media.voices.pauses import Pause

Interval = tuple[int, int]

# Up to so many times the most, a stretch is cut in two and no more; beyond, there would be too few pauses to choose of.
EVENLY = 1.75


def cut_at_pauses(pauses: Sequence[Pause], begin: int, end: int, *, least: int, most: int) -> list[Interval]:
    """Stretches of ``least`` to ``most`` samples, or a single shorter one; ``most`` is at least twice ``least``.

    Where there is no pause, a stretch is cut in its middle.
    """
    if end - begin <= most:
        return [(begin, end)]
    floor, middle, places = least, (begin + end) // 2, [pause.at for pause in pauses]
    if end - begin <= EVENLY * most:
        least = max(least, end - begin - most)  # two are enough
    fitting = pauses[bisect_left(places, begin + least) : bisect_right(places, end - least)]
    best = max(fitting, key=lambda one: (one.rank, -abs(one.at - middle)), default=None)
    at = best.at if best else middle
    return [
        *cut_at_pauses(pauses, begin, at, least=floor, most=most),
        *cut_at_pauses(pauses, at, end, least=floor, most=most),
    ]


def keep_known(kept: Sequence[Interval], total: int, *, least: int, most: int) -> list[Interval]:
    """Those of the intervals, none over another, that leave the fewest parts to be made, and of these the shortest.

    No gap between them is shorter than ``least``.
    """
    best = [_Chain(0, 0, 0, None)]
    for begin, end in sorted(kept, key=lambda one: one[1]):
        chain = _best_before(best, begin, least=least, most=most)
        if chain:
            best.append(_Chain(chain.new, chain.length + end - begin, end, (begin, chain)))
    last = _best_before(best, total, least=least, most=most)
    found: list[Interval] = []
    while last and last.reached_by:
        begin, before = last.reached_by
        found.insert(0, (begin, last.end))
        last = before
    return found


@dataclass(frozen=True, slots=True)
class _Chain:
    """What is kept up to an ``end``, with how many new parts in its gaps."""

    new: int
    length: int
    end: int
    reached_by: tuple[int, _Chain] | None


def _best_before(chains: Sequence[_Chain], begin: int, *, least: int, most: int) -> _Chain | None:
    """The best that ends at ``begin``, or far enough before it that new parts fit between."""
    fitting = [
        replace(one, new=one.new + _parts_of(begin - one.end, most)) for one in chains if _joins(one.end, begin, least)
    ]
    return min(fitting, key=lambda one: (one.new, -one.length), default=None)


def _parts_of(gap: int, most: int) -> int:
    return -(-gap // most) + (gap > EVENLY * most)


def _joins(end: int, begin: int, least: int) -> bool:
    return begin == end or begin - end >= least


def find_known(
    places: Sequence[int], lengths: dict[int, set[str]], sha256: Callable[[int, int], str]
) -> list[Interval]:
    """Which stretches between two ``places`` have the length and the sound of a known one."""
    there = set(places)
    return [
        (at, at + length)
        for at in places
        for length, sounds in lengths.items()
        if at + length in there and sha256(at, at + length) in sounds
    ]


def gaps(kept: Sequence[Interval], total: int) -> list[Interval]:
    edges = [0, *(edge for interval in kept for edge in interval), total]
    return [(begin, end) for begin, end in list(pairwise(edges))[::2] if end > begin]
