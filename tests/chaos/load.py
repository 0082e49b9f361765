"""The load: customers who ask with idempotency keys by whichever machine answers, and a witness of what has ended."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg

from tests.chaos.house import House
from tests.chaos.plan import MODELS, Plan, Wish
from tests.chaos.ways import WAYS, Way
from tests.support.paths import SAMPLES

CUSTOMERS = 6
ANSWERED_WITHIN = 300.0
SEEN_EVERY = 1.0
ENDED = "SELECT id FROM studio_render WHERE id = ANY(?) AND state IN ('ready', 'failed', 'cancelled')"


@dataclass
class Asked:
    wish: Wish
    pressed_at: float
    render: str = ""
    ended_at: float | None = None


@dataclass
class Load:
    """What customers asked for, by key, and what they met on the way."""

    plan: Plan
    voices: dict[str, str]  # by way
    asked: dict[str, Asked] = field(default_factory=dict)
    by_render: dict[str, Asked] = field(default_factory=dict)
    alive: dict[str, Asked] = field(default_factory=dict)  # of these, what has not ended
    in_flight: int = 0  # those that somebody waits for: a job that never ends keeps nobody from asking
    met: Counter[str] = field(default_factory=Counter)
    said: str = ""  # the last refusal
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    out_of_wishes: bool = False

    def next(self) -> tuple[str, Asked] | None:
        with self.lock:
            wish = next(self.plan.wishes, None)
            if wish is None:
                self.out_of_wishes = True
                return None
            key = f"{self.plan.seed}-{wish.number}"
            asked = self.asked[key] = Asked(wish, time.monotonic())
            self.in_flight += not wish.late
            return key, asked

    def promised(self, asked: Asked, render: str) -> None:
        asked.render = render
        with self.lock:
            self.by_render[render] = self.alive[render] = asked

    def has_ended(self, render: str) -> None:
        with self.lock:
            asked = self.alive.pop(render)
            asked.ended_at = time.monotonic()
            self.in_flight -= not asked.wish.late

    @property
    def ended(self) -> int:
        return len(self.by_render) - len(self.alive)


@contextmanager
def load(there: House, plan: Plan) -> Iterator[Load]:
    """Customers ask until the plan has no more wishes or ``stop`` is set; what ends is seen until the block ends."""
    made = Load(plan, _voices(there))
    over = threading.Event()
    customers = [Customer(there, made, number) for number in range(CUSTOMERS)]
    witness = threading.Thread(target=_watch, args=(there, made, over))
    with ExitStack() as stack:
        for thread in (*customers, witness):
            thread.start()
            stack.callback(thread.join)
        stack.callback(over.set)
        stack.callback(made.stop.set)
        yield made


def _voices(there: House) -> dict[str, str]:
    """A voice of its own for each way: by it the stand-ins know what is to go wrong with a job."""
    headers = {"Authorization": f"Bearer {there.alice['token']}"}
    voices = {"": str(there.alice["voice"])}
    with httpx.Client(headers=headers, base_url=f"{there.addresses[0]}/api/v1", timeout=30, trust_env=False) as client:
        for way in WAYS:
            voices[way.name] = _upload(client, way.name)
            _switch_on(there, way, voices[way.name])
    return voices


def _upload(client: httpx.Client, name: str) -> str:
    bytes_of_it = (SAMPLES / "voice-welcome.mp3").read_bytes() + b"TAG" + name.encode()[:100].ljust(125, b"\0")
    answer = client.post("uploads", data={"kind": "voice"}, files={"file": ("voice.mp3", bytes_of_it)})
    return str(answer.raise_for_status().json()["id"])


def _switch_on(there: House, way: Way, voice: str) -> None:
    for provider in way.ends:
        for name, each, params in way.strikes:
            getattr(there.simulators, provider).fault(name, match=voice, each=each, **params)


def _watch(there: House, made: Load, over: threading.Event) -> None:
    """Asked of the database, so that looking costs the site nothing, and told by our own clock, which nobody steps."""
    while not over.wait(SEEN_EVERY):
        with suppress(psycopg.OperationalError):
            for (render,) in there.site.rows(ENDED, list(made.alive)):
                made.has_ended(render)


class Customer(threading.Thread):
    """Asks for one video after the other, as many as the house keeps up with."""

    def __init__(self, there: House, made: Load, number: int) -> None:
        super().__init__(name=f"customer {number}")
        self.there, self.made, self.dice = there, made, random.Random(made.plan.seed * 100 + number)
        headers = {"Authorization": f"Bearer {there.alice['token']}"}
        self.client = httpx.Client(headers=headers, timeout=20, trust_env=False)

    def run(self) -> None:
        with self.client:
            while not self.made.stop.is_set():
                if self.made.in_flight >= self.made.plan.in_flight:
                    time.sleep(0.1)
                    continue
                if (following := self.made.next()) is None:
                    return
                self._ask(*following)
                if self.dice.random() < 0.1:
                    self._look()

    def _ask(self, key: str, asked: Asked) -> None:
        """As the documents say: until there is an answer, the same key again."""
        wish = self._body(asked.wish)
        ends = time.monotonic() + ANSWERED_WITHIN
        while time.monotonic() < ends:
            address = self.dice.choice(self.there.addresses)
            try:
                answer = self.client.post(f"{address}/api/v1/renders", json=wish, headers={"Idempotency-Key": key})
            except httpx.TransportError as error:
                self.made.met[type(error).__name__] += 1
            else:
                self.made.met[str(answer.status_code)] += 1
                if answer.is_success:
                    self.made.promised(asked, str(answer.json()["id"]))
                    return
                self.made.said = answer.text
            time.sleep(0.5)

    def _body(self, wish: Wish) -> dict[str, Any]:
        voice = self.made.voices[wish.way.name if wish.way else ""]
        pinned = {} if wish.provider == "draft" else {"routing": wish.provider}
        return {"portrait": self.there.alice["portrait"], "voice": voice, "model": MODELS[wish.provider], **pinned}

    def _look(self) -> None:
        with suppress(httpx.TransportError):
            found = self.client.get(f"{self.dice.choice(self.there.addresses)}/api/v1/renders")
            self.made.met[f"read {found.status_code}"] += 1
