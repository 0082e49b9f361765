"""A script as it is typed, read into sentences and pauses. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sentencex

from studio.errors import RequestRefused

MAX_CHARACTERS = 60_000  # about an hour
MIN_PACE, MAX_PACE = 0.5, 2.0
MAX_PAUSE_SECONDS = 10.0

_BRACKETS = re.compile(r"\[\s*pause\b([^\]]*)\]", re.IGNORECASE)
_SECONDS = re.compile(r"\s*(\d{1,3}(?:\.\d{1,3})?)\s*s?\s*")
# Two of these open raw phonemes in some engines, and an engine reads one line at a time.
_NOT_SPOKEN = str.maketrans({"[": "(", "]": ")", "\0": None})


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence, and the silence that its writer wants behind it; without words a silence alone."""

    sentence: str
    pause_ms: int = 0


def read_script(script: str, *, language: str = "en") -> list[Line]:
    """Its sentences in order. Raises RequestRefused for a script that is too long, says nothing, or has a bad pause."""
    _check(script)
    lines: list[Line] = []
    for text, pause_ms in _stretches(script):
        lines += [Line(sentence) for sentence in _sentences(text, language)]
        if pause_ms:
            last = lines.pop() if lines else Line("")
            lines.append(replace(last, pause_ms=last.pause_ms + pause_ms))
    if not any(line.sentence for line in lines):
        raise RequestRefused("script", "script_says_nothing", "The script has no words.", "Write what is to be said.")
    return lines


def check_pace(pace: float) -> None:
    if not MIN_PACE <= pace <= MAX_PACE:
        found = f"The pace is {pace:g}; it is {MIN_PACE:g} to {MAX_PACE:g}."
        raise RequestRefused("pace", "bad_pace", found, "1 is as the voice speaks by itself.")


def pronounced(text: str, said: Mapping[str, str]) -> str:
    """``text`` with each word or phrase of ``said`` as it is to be said, whatever its capitals; the longest first."""
    if not said:
        return text
    known = {word.casefold(): how for word, how in said.items()}
    words = "|".join(re.escape(word) for word in sorted(said, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{words})(?!\w)", lambda found: known[found[0].casefold()], text, flags=re.IGNORECASE)


def _check(script: str) -> None:
    if len(script) > MAX_CHARACTERS:
        found = f"The script has {len(script):,} characters; the limit is {MAX_CHARACTERS:,}."
        raise RequestRefused("script", "script_too_long", found, "Make several videos of it.")


def _stretches(script: str) -> list[tuple[str, int]]:
    """What stands before each pause, with the pause in milliseconds; the last has none."""
    stretches, start = [], 0
    for found in _BRACKETS.finditer(script):
        stretches.append((script[start : found.start()], _milliseconds(found)))
        start = found.end()
    return [*stretches, (script[start:], 0)]


def _milliseconds(found: re.Match[str]) -> int:
    length = _SECONDS.fullmatch(found[1])
    if length is None or not 0 < float(length[1]) <= MAX_PAUSE_SECONDS:
        told = f"{found[0]} is no pause: it lasts up to {MAX_PAUSE_SECONDS:g} seconds."
        raise RequestRefused("script", "bad_pause", told, "Write a pause like [pause 0.5s].")
    return round(float(length[1]) * 1000)


def _sentences(text: str, language: str) -> list[str]:
    """What has no letter and no digit can't be said by itself: it goes with the sentence before."""
    found: list[str] = []
    for piece in sentencex.segment(language, text.translate(_NOT_SPOKEN)):
        sentence = " ".join(piece.split())
        if any(character.isalnum() for character in sentence):
            found.append(sentence)
        elif sentence and found:
            found[-1] += f" {sentence}"
    return found
