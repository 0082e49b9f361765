"""A job at a provider: what came in, where it is on its way, what came of it, and the queue that it waits in."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any
from uuid import uuid4

from tests.simulators.clock import Alarm, Clock
from tests.simulators.inputs import Inputs

GRID = Fraction(4, 15)  # output comes in steps of eight frames at 30 a second


class Phase(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in (Phase.QUEUED, Phase.RUNNING)


@dataclass(slots=True, eq=False)
class Take:
    """One result of a job. Most jobs have one; Runware makes up to four."""

    id: str
    file_name: str
    done_at: float | None = None


@dataclass(slots=True, eq=False)
class Job:
    id: str
    model: str
    request: dict[str, Any]
    reference: str  # ours, as far as the provider can see it
    texts: tuple[str, ...]  # every string by which a test may point at this job
    portrait: str
    voice: str
    webhook_url: str | None = None
    accepted_at: float = 0.0
    queue_seconds: float = 0.0
    run_seconds: float = 0.0
    phase: Phase = Phase.QUEUED
    started_at: float | None = None
    finished_at: float | None = None
    # The same three moments by the wall clock, for dates in answers.
    accepted_wall: float = 0.0
    started_wall: float | None = None
    finished_wall: float | None = None
    takes: list[Take] = field(default_factory=list)
    inputs: Inputs | None = None
    steps: int = 0  # of output, 4/15 s each
    failure: dict[str, Any] | None = None
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)
    file_expires_at: float | None = None
    cancel_asked: bool = False
    is_low: bool = False  # of low priority in the queue
    notes: dict[str, Any] = field(default_factory=dict)  # what only one provider needs
    alarms: list[Alarm] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def output_ms(self) -> int:
        """Milliseconds of output, truncated as the bill is."""
        return self.steps * 4000 // 15

    @property
    def reported_ms(self) -> int:
        """What the provider says and bills; only a fault makes it differ."""
        absurd = self.faults.get("absurd_duration")
        return round(float(absurd["seconds"]) * 1000) if absurd else self.output_ms

    @property
    def reported_seconds(self) -> Fraction:
        return Fraction(self.reported_ms, 1000) if "absurd_duration" in self.faults else self.steps * GRID

    def progress(self, now: float) -> int:
        if self.started_at is None or self.run_seconds <= 0:
            return 0
        return max(0, min(99, int(100 * (now - self.started_at) / self.run_seconds)))

    def silence(self) -> None:
        for alarm in self.alarms:
            alarm.cancel()
        self.alarms.clear()


def new_takes(count: int, extension: str, prefix: str = "") -> list[Take]:
    ids = [str(uuid4()) for _ in range(count)]
    return [Take(id=take, file_name=f"{prefix}{take}.{extension}") for take in ids]


def iso(wall: float | None) -> str | None:
    """A wall clock moment as providers write it."""
    if wall is None:
        return None
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def steps_for(voice_seconds: float, rounding: str, extra: int) -> int:
    """Steps of output for a voice: ``nearest``, ``up`` or ``down`` on the 4/15 s grid, at least one."""
    exact = Fraction(voice_seconds).limit_denominator(1_000_000) / GRID
    whole = {"nearest": round(exact), "up": -(-exact.numerator // exact.denominator), "down": int(exact)}[rounding]
    return max(1, whole + extra)


class JobBook:
    """Every job that was accepted, in order, and how often each of our references was."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self.accepted: Counter[str] = Counter()
        self.files: dict[str, tuple[Job, Take]] = {}

    def add(self, job: Job) -> None:
        self._jobs[job.id] = job
        self.accepted[job.reference] += 1
        for take in job.takes:
            self.files[take.file_name] = (job, take)

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)

    def clear(self) -> None:
        for job in self._jobs.values():
            job.silence()
        self._jobs.clear()
        self.accepted.clear()
        self.files.clear()


class Line:
    """The queue of one provider. A job waits its queue time, then for a free place, then runs."""

    def __init__(self, clock: Clock, start: Callable[[Job], None]) -> None:
        self._clock = clock
        self._start = start
        self._early: dict[str, Job] = {}
        self._ready: dict[str, Job] = {}
        self._random = random.Random(7)
        self.running = 0
        self.places = 0  # 0 is no limit

    def enter(self, job: Job) -> None:
        self._early[job.id] = job
        job.alarms.append(self._clock.at(self._clock.now() + job.queue_seconds, lambda: self._ripen(job)))

    def position(self, job: Job) -> int:
        """How many are before this one, counted down while it waits its time."""
        if job.id in self._early and job.queue_seconds > 0:
            left = job.accepted_at + job.queue_seconds - self._clock.now()
            return len(self._ready) + max(0, int(4 * left / job.queue_seconds))
        return list(self._ready).index(job.id) if job.id in self._ready else 0

    def leave(self, job: Job) -> bool:
        """Take a waiting job out. False if it was not waiting."""
        return (self._early.pop(job.id, None) or self._ready.pop(job.id, None)) is not None

    def start_now(self, job: Job) -> None:
        """Start a waiting job at once, even over the limit."""
        if self.leave(job):
            self._run(job)

    def free(self) -> None:
        self.running -= 1
        self._fill()

    def jittered(self, seconds: float, share: float) -> float:
        return seconds * (1 + share * (2 * self._random.random() - 1)) if share else seconds

    def clear(self) -> None:
        self._early.clear()
        self._ready.clear()
        self.running = 0

    def _ripen(self, job: Job) -> None:
        if self._early.pop(job.id, None) is not None:
            self._ready[job.id] = job
            self._fill()

    def _fill(self) -> None:
        while self._ready and (not self.places or self.running < self.places):
            first = next(iter(self._ready))
            if self.places:
                first = next((name for name, job in self._ready.items() if not job.is_low), first)
            self._run(self._ready.pop(first))

    def _run(self, job: Job) -> None:
        self.running += 1
        job.phase = Phase.RUNNING
        job.started_at = self._clock.now()
        job.started_wall = time.time()
        self._start(job)
