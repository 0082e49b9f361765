"""Any process and any machine ended at random under load: nothing is lost, doubled or stuck.

``python -m tests.attacks.killing [--seconds 300] [--seed 1] [--every 8]`` prints what was done and found.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.attacks.house import House, house

CUSTOMERS = 3
PAUSE = 1.5  # seconds of each customer between two wishes
HOME_WITHIN = 240.0
ANSWERED_WITHIN = 60.0
MODELS: tuple[dict[str, Any], ...] = (
    {"model": "draft"},
    {"model": "kling-avatar-2-pro", "routing": "runware"},
    {"model": "kling-avatar-2-pro", "routing": "fal"},
    {"model": "kling-avatar-pro", "routing": "aimlapi"},
)
ROWS = """
from billing.ledger import accounts
from billing.verify import verification
from django.db.models import Count
from avatarsite.workspaces.models import Workspace
from studio.models import ProviderJob, Render
from studio.storage_audit import verify_storage
renders = Render.objects.order_by("pk")
house = Workspace.objects.get(pk=%r)
balance = accounts.balance(house)
print(json.dumps({
    "renders": {row.pk: [row.state, row.failure_message, row.charge_micros or 0] for row in renders},
    "events": dict(renders.filter(events__to_state="ready").values_list("pk").annotate(Count("events"))),
    "held": balance.held_micros,
    "spent": %d - balance.available_micros,
    "accepted": list(ProviderJob.objects.exclude(offer__startswith="local:").filter(outcome="accepted")
        .values_list("reference", flat=True)),
    "findings": [finding.sentence for finding in verification.verify()],
    "files": [finding.sentence for finding in verify_storage()],
}))
"""


@dataclass
class Load:
    """What customers asked for: the id of each key, and what they met on the way."""

    made: dict[str, str] = field(default_factory=dict)
    met: Counter[str] = field(default_factory=Counter)
    said: str = ""  # the last refusal
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass
class Outcome:
    seconds: float
    hits: list[str]
    load: Load
    home_seconds: float
    rows: dict[str, Any]
    upstream: Counter[str]
    broken_films: list[str]

    def faults(self) -> Iterator[str]:
        """Everything that should not be."""
        renders = self.rows["renders"]
        if unanswered := [key for key, pk in self.load.made.items() if not pk]:
            yield f"{len(unanswered)} were never answered: {self.load.said}"
        yield from (
            f"{key}: {pk} was promised and is lost" for key, pk in self.load.made.items() if pk and pk not in renders
        )
        if extra := set(renders) - set(self.load.made.values()):
            yield f"{len(extra)} that nobody asked for: {sorted(extra)[:3]}"
        yield from (f"{pk} is {row[0]}: {row[1]}" for pk, row in renders.items() if row[0] != "ready")
        yield from (f"{pk} became ready {times} times" for pk, times in self.rows["events"].items() if times != 1)
        yield from (f"{name} was accepted {times} times" for name, times in self.upstream.items() if times != 1)
        if set(self.upstream) != set(self.rows["accepted"]):
            yield f"{len(self.upstream)} jobs upstream, {len(self.rows['accepted'])} here"
        charged = sum(row[2] for row in renders.values())
        if (self.rows["held"], self.rows["spent"]) != (0, charged):
            yield f"held {self.rows['held']}, spent {self.rows['spent']}, charged {charged}"
        yield from (*self.rows["findings"], *self.rows["files"], *self.broken_films)

    def lines(self) -> Iterator[str]:
        renders = self.rows["renders"]
        yield f"{len(renders)} renders asked for in {self.seconds:.0f} s of load, with {len(self.hits)} kills"
        yield f"home      all of them after {self.home_seconds:.0f} s more"
        yield f"kills     {dict(Counter(hit.partition(':')[2].strip() for hit in self.hits))}"
        yield f"customers {dict(self.load.met)}"
        yield f"states    {dict(Counter(row[0] for row in renders.values()))}"
        yield f"upstream  {sum(self.upstream.values())} jobs, {len(self.rows['accepted'])} here"
        spent, held, findings = self.rows["spent"], self.rows["held"], self.rows["findings"]
        yield f"ledger    {spent / 1e6:.4f} $ spent, {held} held, {len(findings)} findings"
        yield from (f"FAULT     {fault}" for fault in self.faults())


def attack(there: House, *, seconds: float, seed: int, every: float) -> Outcome:
    dice, load = random.Random(seed), Load()
    hits: list[str] = []
    with customers(there, load, seed):
        ends, following = time.monotonic() + seconds, time.monotonic() + every
        while time.monotonic() < ends:
            time.sleep(0.3)
            for machine in there.machines:
                machine.look_after()
            if time.monotonic() > following:
                hits.append(dice.choice(there.machines).fail(whole=dice.random() < 0.4, dice=dice))
                print(hits[-1], file=sys.stderr)
                following = time.monotonic() + every * dice.uniform(0.5, 1.5)
    began = time.monotonic()
    rows = _home(there, load)
    accepted = Counter[str]()
    for control in there.simulators.all:
        accepted.update(control.accepted())
    return Outcome(seconds, hits, load, time.monotonic() - began, rows, accepted, _broken_films(there, load, dice))


@contextmanager
def customers(there: House, load: Load, seed: int) -> Iterator[None]:
    threads = [Customer(there, load, random.Random(seed * 100 + n), f"{seed}-{n}") for n in range(CUSTOMERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        load.stop.set()
        for thread in threads:
            thread.join()


class Customer(threading.Thread):
    """Asks for one video after the other, by whichever machine answers."""

    def __init__(self, there: House, load: Load, dice: random.Random, name: str) -> None:
        super().__init__(name=name)
        self.there, self.load, self.dice = there, load, dice
        headers = {"Authorization": f"Bearer {there.alice['token']}"}
        self.client = httpx.Client(headers=headers, timeout=20, trust_env=False)

    def run(self) -> None:
        number, alice = 0, self.there.alice
        with self.client:
            while not self.load.stop.wait(PAUSE * self.dice.uniform(0.5, 1.5)):
                number += 1
                key = f"{self.name}-{number}"
                wish = {"portrait": alice["portrait"], "voice": alice["voice"], **self.dice.choice(MODELS)}
                self.load.made[key] = self._ask(key, wish)
                self._look()

    def _ask(self, key: str, wish: dict[str, Any]) -> str:
        """As the documents say: until there is an answer, the same key again."""
        ends = time.monotonic() + ANSWERED_WITHIN
        while time.monotonic() < ends:
            address = self.dice.choice(self.there.addresses)
            try:
                answer = self.client.post(f"{address}/api/v1/renders", json=wish, headers={"Idempotency-Key": key})
            except httpx.TransportError as error:
                self.load.met[type(error).__name__] += 1
            else:
                self.load.met[str(answer.status_code)] += 1
                if answer.is_success:
                    return str(answer.json()["id"])
                self.load.said = answer.text
            time.sleep(0.5)
        return ""

    def _look(self) -> None:
        with suppress(httpx.TransportError):
            found = self.client.get(f"{self.dice.choice(self.there.addresses)}/api/v1/renders")
            self.load.met[f"read {found.status_code}"] += 1


def _home(there: House, load: Load) -> dict[str, Any]:
    """The rows, once everything has ended or nothing more comes home."""
    ends = time.monotonic() + HOME_WITHIN
    while True:
        for machine in there.machines:
            machine.look_after()
        rows: dict[str, Any] = there.site.ask(ROWS % (there.alice["workspace"], 10**9))
        if all(row[0] in ("ready", "failed", "cancelled") for row in rows["renders"].values()) and load.made:
            return rows
        if time.monotonic() > ends:
            return rows
        time.sleep(2)


def _broken_films(there: House, load: Load, dice: random.Random) -> list[str]:
    """Some of them are watched to their end."""
    broken = []
    there.wait_until_ready()
    headers = {"Authorization": f"Bearer {there.alice['token']}"}
    made = sorted(filter(None, load.made.values()))
    some = dice.sample(made, min(10, len(made)))
    with httpx.Client(headers=headers, trust_env=False, timeout=30) as client:
        for render in some:
            outputs = client.get(f"{there.addresses[0]}/api/v1/renders/{render}/outputs").json()["data"]
            (video,) = [each for each in outputs if each["kind"] == "video"]
            film = httpx.get(video["download_url"], trust_env=False).content
            if film[4:8] != b"ftyp" or len(film) != video.get("bytes", len(film)):
                broken.append(f"{render}: its film does not play")
    return broken


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=300)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--every", type=float, default=8, help="seconds between two kills, on average")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="killing-") as folder, house(Path(folder)) as there:
        outcome = attack(there, seconds=given.seconds, seed=given.seed, every=given.every)
        print("\n".join(outcome.lines()))
        if bad := list(outcome.faults()):
            print(there.log()[-8000:], file=sys.stderr)
        return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
