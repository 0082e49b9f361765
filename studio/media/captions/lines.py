"""Lines of a caption: how wide a text is, where it may be broken, and where it is broken best.

Counted in columns, of which a Chinese letter takes two and an accent none; broken as Unicode says (UAX 14).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from uniseg.graphemecluster import grapheme_clusters
from uniseg.linebreak import line_break_units

MAX_COLUMNS, MAX_LINES = 42, 2
WIDE = frozenset("WF")
UNSEEN, UNPRINTABLE = frozenset({"Mn", "Me", "Cf", "Cc"}), frozenset({"Cc", "Cs", "Co", "Cn"})
CLOSING = "”’»›」』）)]】\"'"  # noqa: RUF001
ENDS_SENTENCE, ENDS_CLAUSE = frozenset(".!?…。！？؟।॥"), frozenset(",;:—–،؛、，；：")  # noqa: RUF001
SENTENCE_COST, CLAUSE_COST, ELSEWHERE_COST = 0.0, 1.0, 5.0
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2060\ufeff")
# What an SSA file's own marks look like; players of SRT files obey them, too.
MARKS = re.compile(r"\{\\[^}]*\}?")


def clean(text: str) -> str:
    """One line of words: without marks for players, controls and direction overrides."""
    seen = "".join(
        " " if letter.isspace() else letter
        for letter in unicodedata.normalize("NFC", MARKS.sub("", text))
        if letter.isspace() or (unicodedata.category(letter) not in UNPRINTABLE and letter not in OVERRIDES)
    )
    return " ".join(seen.split())


def columns(text: str) -> int:
    return len(text) if text.isascii() else sum(_width(letter) for letter in text)


def wrapped(text: str, most: int = MAX_COLUMNS) -> list[str]:
    """The text in as few lines as it takes; two of them are as even as the ends of clauses let them be."""
    whole = Text.of(text, most)
    if whole.width(0, len(whole)) <= most:
        return [text.strip()]
    if at := whole.best_break(0, len(whole)):
        return [whole.spelt(0, at), whole.spelt(at, len(whole))]
    lines, start = [], 0
    while start < len(whole):
        end = start + 1
        while end < len(whole) and whole.width(start, end + 1) <= most:
            end += 1
        lines.append(whole.spelt(start, end))
        start = end
    return lines


@dataclass(frozen=True, slots=True)
class Text:
    """A text as the units that are never broken, with their widths added up."""

    units: list[str]
    most: int
    _ends: list[int]  # columns up to each unit's end, the space behind it included
    _spaces: list[int]  # columns of the space at each unit's end
    _costs: list[float]  # of a break before each unit

    @classmethod
    def of(cls, text: str, most: int = MAX_COLUMNS) -> Text:
        units = [part for unit in _units(text) for part in _short(unit, most)]
        widths = [columns(unit) for unit in units]
        spaces = [columns(unit) - columns(unit.rstrip()) for unit in units]
        return cls(units, most, [0, *accumulate(widths)], spaces, [SENTENCE_COST, *map(_break_cost, units)])

    def __len__(self) -> int:
        return len(self.units)

    def spelt(self, start: int, end: int) -> str:
        return "".join(self.units[start:end]).strip()

    def width(self, start: int, end: int) -> int:
        return self._ends[end] - self._ends[start] - (self._spaces[end - 1] if end > start else 0)

    def weight(self, start: int, end: int) -> int:
        """What stands for the time that it takes to say: its columns, spaces included."""
        return self._ends[end] - self._ends[start]

    def cost(self, start: int, end: int) -> float | None:
        """How badly these units make a caption of their own; None if they make none."""
        after = SENTENCE_COST if end == len(self) else self._costs[end]
        if self.width(start, end) <= self.most:
            return after
        at = self.best_break(start, end)
        return after + self._line_cost(start, at, end) if at else None

    def best_break(self, start: int, end: int) -> int | None:
        """Where two lines of these units part; None if there is no such place."""
        least = self._ends[end] - self._spaces[end - 1] - self.most
        first = max(bisect_left(self._ends, least, start + 1, end), start + 1)
        fitting = []
        for at in range(first, end):
            if self.width(start, at) > self.most:
                break
            if self.width(at, end) <= self.most:
                fitting.append((self._line_cost(start, at, end), at))
        return min(fitting)[1] if fitting else None

    def _line_cost(self, start: int, at: int, end: int) -> float:
        uneven = abs(self.width(start, at) - self.width(at, end)) / self.most
        return self._costs[at] / 2 + 2 * uneven


def _break_cost(unit: str) -> float:
    """Of a break behind it."""
    last = unit.rstrip().rstrip(CLOSING)[-1:]
    return SENTENCE_COST if last in ENDS_SENTENCE else CLAUSE_COST if last in ENDS_CLAUSE else ELSEWHERE_COST


def _units(text: str) -> list[str]:
    """Pieces that stay whole; a sign that stands between spaces stays with the word before it."""
    units: list[str] = []
    for word in text.split():
        if units and not any(letter.isalnum() for letter in word):
            units[-1] += f"{word} "
        else:
            parts = [word] if word.isascii() and "-" not in word else _breakable(word)
            units += [*parts[:-1], f"{parts[-1]} "]
    return units


@lru_cache(maxsize=4096)
def _breakable(word: str) -> list[str]:
    return list(line_break_units(word))


def _short(unit: str, most: int) -> list[str]:
    """A word that is longer than a line, in pieces."""
    if columns(unit.rstrip()) <= most:
        return [unit]
    pieces, piece = [], ""
    for letter in grapheme_clusters(unit):
        if columns(piece + letter.rstrip()) > most:
            pieces.append(piece)
            piece = ""
        piece += letter
    return [*pieces, piece]


def _width(letter: str) -> int:
    if unicodedata.category(letter) in UNSEEN:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in WIDE else 1
