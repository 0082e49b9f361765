"""Estimate of how long a script takes to say, before anybody says it. Pure: the same for a page and for a price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studio.providers.speech import Rate
from studio.speech.script import Line

# The silence between two sentences where their writer asks for none.
GAP_MS = 250


@dataclass(frozen=True, slots=True)
class Estimate:
    """``most_ms`` is what a price is held for: a voice that comes out longer is refused, and costs nothing."""

    characters: int
    ms: int
    most_ms: int


def estimate(lines: Sequence[Line], rate: Rate, *, pace: float = 1.0) -> Estimate:
    """Pace shortens or stretches the words; pauses that the writer asks for stay as they are."""
    spoken = [line for line in lines if line.sentence]
    characters = sum(len(line.sentence) for line in spoken)
    usual_ms = characters * rate.character_ms + len(spoken) * rate.sentence_ms
    words_ms = usual_ms * (rate.steady + (1 - rate.steady) / pace)
    silence_ms = sum(line.pause_ms or GAP_MS for line in lines[:-1]) + (lines[-1].pause_ms if lines else 0)
    return Estimate(characters, round(words_ms + silence_ms), round(words_ms * (1 + rate.spread) + silence_ms) + 1_000)
