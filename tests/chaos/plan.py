"""The plan of a run: who asks for what, which of it goes wrong and how, what is away when. All of it by the seed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.ways import WAYS, Way

MODELS = {
    "runware": "kling-avatar-2-pro",
    "fal": "kling-avatar-2-pro",
    "aimlapi": "kling-avatar-pro",
    "draft": "draft",
}
ONE_FAULTY_IN = 10
BRIEF = 1_000  # below so many renders parts are away for a quarter of the time
# What is away, when by the share of all that has been asked for, and for how many seconds.
OUTAGES = (
    ("database_hung", 0.15, 20.0),
    ("bucket_503", 0.30, 60.0),
    ("cache_gone", 0.45, 60.0),
    ("clock_an_hour_ahead", 0.60, 60.0),
    ("database_crashed", 0.75, 20.0),
)


@dataclass(frozen=True)
class Wish:
    number: int
    provider: str
    way: Way | None = None

    @property
    def ends(self) -> str:
        return self.way.ends[self.provider] if self.way else "ready"

    @property
    def late(self) -> bool:
        return self.way is not None and self.way.late


@dataclass(frozen=True)
class Outage:
    name: str
    share: float
    seconds: float


@dataclass(frozen=True)
class Plan:
    """``wishes`` may never end: then ``seconds`` of asking do."""

    seed: int
    wishes: Iterator[Wish]
    renders: int = 0
    faulty: int = 0
    outages: tuple[Outage, ...] = ()
    seconds: float = float("inf")
    every: float = 10.0  # seconds between two kills, on average
    in_flight: int = 100


def chaos(seed: int, renders: int) -> Plan:
    wishes = _wishes(random.Random(seed), renders)
    outages = tuple(Outage(name, share, seconds / (4 if renders < BRIEF else 1)) for name, share, seconds in OUTAGES)
    faulty = sum(wish.way is not None for wish in wishes)
    return Plan(seed, iter(wishes), renders, faulty, outages, in_flight=100 if renders < BRIEF else 1_000)


def _wishes(dice: random.Random, renders: int) -> list[Wish]:
    """Ways are dealt in turn, so that a short run has as many of them as it can."""
    faulty = set(dice.sample(range(renders), renders // ONE_FAULTY_IN))
    ways = [way for way in WAYS if renders >= BRIEF or not way.patient]
    deck: list[tuple[str, Way]] = []
    while len(deck) < len(faulty):
        deck += [(dice.choice(sorted(way.ends)), way) for way in dice.sample(ways, len(ways))]
    dealt = iter(deck)
    return [
        Wish(number, *next(dealt)) if number in faulty else Wish(number, dice.choice(["runware", "fal", "aimlapi"]))
        for number in range(renders)
    ]


def kills(seed: int, seconds: float, every: float = 8.0) -> Plan:
    """Kills alone, under a load that goes on until the time is up; a quarter of it our own drafts."""
    dice = random.Random(seed)
    wishes = (Wish(number, dice.choice(list(MODELS))) for number in itertools.count())
    return Plan(seed, wishes, seconds=seconds, every=every, in_flight=40)
