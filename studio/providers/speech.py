"""Contract of engines that speak: beside ``base.py``, which is that of those who make videos.

Adapters take and return frozen dataclasses, and need no database. A part of a script is submitted, checked and fetched
as a video is, by the same words: an unknown answer is never sent again blindly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from studio.providers.types import JobHandle, JobReport, Outcome, Submission


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a voice speaks at pace 1: milliseconds of a character and of a sentence's ends.

    ``spread`` is the share by which a whole script's true length differs at most; ``steady`` that which no pace
    changes.
    """

    character_ms: float
    sentence_ms: float
    spread: float
    steady: float = 0.0


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice that a script can be spoken by. ``id`` is ``engine:voice``."""

    engine: str
    voice: str  # the engine's own name of it
    name: str
    language: str  # as in BCP 47: en, en-US
    rate: Rate

    @property
    def id(self) -> str:
        return f"{self.engine}:{self.voice}"


@dataclass(frozen=True, slots=True)
class SpeechOrder:
    """What to say: one part of a script. ``reference`` is our UUID v4 for it, stored before the call."""

    reference: str
    model: str
    voice: str
    sentences: tuple[str, ...]
    pace: float = 1.0
    gap_ms: int = 0  # between two sentences, where the engine says each by itself
    sent_at: datetime | None = None  # when it was asked before, to find it again

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


class Engine(ABC):
    """One engine. ``submit`` never raises; ``check`` raises ProviderError when the call told us nothing.

    ``raw["spans"]`` of a report that is done are the sentences' times in the part, [[start in ms, end in ms], …], where
    the engine knows them; else they are found by the pauses.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    model: ClassVar[str] = ""  # the engine's own name of what speaks
    max_characters: ClassVar[int]  # that it takes in one generation
    paces: ClassVar[tuple[float, float]]
    on_this_server: ClassVar[bool] = False  # speaking is our own work, and costs nothing
    check_seconds: ClassVar[float] = 1.0

    @property
    def offer(self) -> str:
        """Under which a generation's price stands in the price book."""
        return f"{self.name}:{self.model}"

    @abstractmethod
    def why_unavailable(self) -> str:
        """Why nobody can be spoken for on this server, as a sentence with a remedy; empty when it can."""

    @abstractmethod
    def speakers(self) -> Mapping[str, Speaker]:
        """By the engine's own names."""

    @abstractmethod
    async def submit(self, order: SpeechOrder) -> Submission: ...

    async def recover(self, order: SpeechOrder) -> Submission:  # noqa: ARG002 -- what an engine that can does with it
        """Find out what became of a submit whose answer was lost."""
        return Submission(Outcome.UNKNOWN)

    @abstractmethod
    async def check(self, job: JobHandle) -> JobReport: ...

    @abstractmethod
    def stream(self, report_url: str) -> AbstractContextManager[Iterator[bytes]]: ...

    async def forget(self, job: JobHandle) -> None:  # noqa: B027 -- most keep nothing of ours
        """Let go of what is kept for a part that is a voice by now."""

    def rest(self) -> None:  # noqa: B027 -- as above
        """Let go of what is kept warm for the next part: another process is about to speak, or nobody."""
