"""Limits of one job in the sandbox, and how it says that they were passed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Lane(StrEnum):
    """Queues that do not wait for one another: a person waits for what is judged, nobody for a conversion.

    Drafts wait as rows of the pipeline, and come here when they have a place.
    """

    JUDGE = "judge"
    CONVERT = "convert"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class Limits:
    """``cpu_seconds`` of all threads together, ``wall_seconds`` from its start, ``memory_mb`` beyond the decoders'.

    One that ``asks`` questions is not ended with whoever waits for it, but by the next question or by its limits.
    """

    cpu_seconds: int = 15
    wall_seconds: int = 60
    memory_mb: int = 450
    file_mb: int = 200
    lane: Lane = Lane.JUDGE
    asks: bool = False


class Excess(StrEnum):
    TIME = "time"
    MEMORY = "memory"
    CRASH = "crash"


class OverLimit(Exception):
    """A job that was ended: it took too long or too much memory, or its decoder crashed."""

    def __init__(self, excess: Excess, limits: Limits) -> None:
        super().__init__(excess, limits)
        self.excess = excess
        self.limits = limits

    def __str__(self) -> str:
        """What was too much, as the end of a sentence that begins with the file."""
        if self.excess is Excess.TIME:
            return f"takes more than {self.limits.cpu_seconds} s of computing to read"
        if self.excess is Excess.MEMORY:
            return f"takes more than {self.limits.memory_mb} MB of memory to read"
        return "ends its decoder"
