"""Cues: who says how much of a text from when to when, in lines that can be read while they are heard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from studio.media.captions.lines import MAX_COLUMNS, MAX_LINES, Text, clean, columns, wrapped

MIN_CUE_MS, MAX_CUE_MS = 1_000, 7_000
MAX_COLUMNS_PER_SECOND = 20  # what most people can read beside a picture
MAX_JOINED_GAP_MS = 600
CUE_COST = 4.0
HASTY_COST = 8.0


class Cue(NamedTuple):
    """A text that is shown from ``start`` to ``end``, in milliseconds; its lines are parted by newlines."""

    start: int
    end: int
    text: str

    @property
    def lasting(self) -> int:
        return self.end - self.start


def cues_of(sentences: Iterable[Sequence[int | str]], length_ms: int) -> list[Cue]:
    """The cues of what is said: ``sentences`` are [start, end, text] in order, in a sound of ``length_ms``.

    A cue begins with what it says, lasts one to seven seconds, and longer than that only where a pause leaves room.
    """
    parts: list[Cue] = []
    for start, end, sentence in sentences:
        begin, stop = (min(max(int(time), 0), length_ms) for time in (start, end))
        if (text := clean(str(sentence))) and stop > begin:
            parts += _parts(Cue(begin, stop, text))
    return [cue._replace(text="\n".join(wrapped(cue.text))) for cue in _lasting(_joined(parts), length_ms)]


def _parts(sentence: Cue) -> list[Cue]:
    """A sentence in as many cues as it takes, parted at the ends of clauses where it can be.

    Within a sentence the time goes by the letters: nothing is known of its words.
    """
    text = Text.of(sentence.text)
    rate = sentence.lasting / max(text.weight(0, len(text)), 1)
    best: list[tuple[float, int]] = [(0.0, 0)]  # cost of the text up to each unit, and where its last cue begins
    for end in range(1, len(text) + 1):
        choices = []
        for start in range(end - 1, -1, -1):
            cost = text.cost(start, end)
            lasting = text.weight(start, end) * rate
            if end - start > 1 and (cost is None or lasting > MAX_CUE_MS):
                break
            hasty = HASTY_COST * max(0.0, 1 - lasting / MIN_CUE_MS)
            choices.append((best[start][0] + CUE_COST + (cost or 0.0) + hasty, start))
        best.append(min(choices))
    edges = [len(text)]
    while edges[0]:
        edges.insert(0, best[edges[0]][1])
    times = [sentence.start + round(text.weight(0, edge) * rate) for edge in edges]
    return [
        Cue(times[number], times[number + 1], text.spelt(edges[number], edges[number + 1]))
        for number in range(len(edges) - 1)
    ]


def _joined(parts: list[Cue]) -> list[Cue]:
    """Where one is too short to be read, it's shown with the one before or behind it."""
    found: list[Cue] = []
    for cue in parts:
        last = found[-1] if found else None
        if last and min(last.lasting, cue.lasting) < MIN_CUE_MS and (both := _both(last, cue)):
            found[-1] = both
        else:
            found.append(cue)
    return found


def _both(first: Cue, second: Cue) -> Cue | None:
    if second.start - first.end > MAX_JOINED_GAP_MS or second.end - first.start > MAX_CUE_MS:
        return None
    text = f"{first.text}{' ' if _is_spaced(first.text, second.text) else ''}{second.text}"
    fits = columns(text) <= MAX_COLUMNS * MAX_LINES and len(wrapped(text)) <= MAX_LINES
    return Cue(first.start, second.end, text) if fits else None


def _is_spaced(first: str, second: str) -> bool:
    """Chinese and Japanese put nothing between two sentences."""
    return columns(first[-1]) == 1 or columns(second[0]) == 1


def _lasting(cues: list[Cue], length_ms: int) -> list[Cue]:
    """Into the pause behind it, as far as it takes to be read."""
    found = []
    for number, cue in enumerate(cues):
        room = cues[number + 1].start if number + 1 < len(cues) else length_ms
        wanted = max(MIN_CUE_MS, columns(cue.text) * 1000 // MAX_COLUMNS_PER_SECOND)
        end = min(max(cue.end, cue.start + min(wanted, MAX_CUE_MS)), max(room, cue.start + 1))
        found.append(cue._replace(end=end))
    return found
