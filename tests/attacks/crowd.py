"""Hundreds of drafts and ten scripts that one token asks for at once, and what another workspace waits meanwhile.

``python -m tests.attacks.crowd [--drafts 200] [--scripts 10] [--asks 3]`` prints what was measured, once all has come
home.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import psutil

from tests.attacks.journey import made
from tests.attacks.storm import PLENTY, processes
from tests.studio.api.live import SEED, LiveApi, live_api
from tests.support.processes import told

MOST_DRAFTS = 3.0  # of another's time: so long it may take while a crowd waits
MOST_MEANWHILE = 5  # of the crowd's twenty that come home meanwhile; two are being made when it is asked
MOST_BYTES = 900_000_000
QUIET = 3
SENTENCES = 40  # of each of the crowd's scripts: more than two minutes of speech
GATHERS = 4.0  # seconds, until the crowd is at work
HOME_WITHIN = 1_800.0
PARTS = ("piper", "sandbox", "worker")  # by a word of the command
WISHES = ("spoken draft", "draft")
LEFT = """
from studio.models import Render, Speech
rows, speeches = (kind.objects.filter(workspace={workspace!r}) for kind in (Render, Speech))
left = [rows.exclude(state="ready").count(), speeches.exclude(state="ready").count()]
print(json.dumps([*left, rows.filter(state="failed").count() + speeches.filter(state="failed").count()]))
"""


@dataclass
class Waits:
    """Seconds that another workspace waits for one: ``quiet`` with nobody else, ``crowded`` beside the crowd.

    ``meanwhile`` are the crowd's drafts that came home in each of the crowded waits: a turn, however fast the machine.
    """

    quiet: list[float] = field(default_factory=list)
    crowded: list[float] = field(default_factory=list)
    meanwhile: list[int] = field(default_factory=list)

    @property
    def drafts_time(self) -> float:
        """The longest of them, in times of a quiet one."""
        return max(self.crowded) / median(self.quiet)


@dataclass
class Measured:
    """``memory`` in bytes (PSS) at each look, by whose it is. ``left`` are the crowd's drafts and scripts that still
    wait when the other has had its last one."""

    waits: dict[str, Waits] = field(default_factory=lambda: {wish: Waits() for wish in WISHES})
    memory: list[Counter[str]] = field(default_factory=list)
    left: tuple[int, int] = (0, 0)
    failed: int = 0
    home: float = 0.0

    @property
    def worker_bytes(self) -> int:
        """At most, of the worker and what speaks for it; the sandbox serves the pages as well."""
        return max(each.total() - each["sandbox"] for each in self.memory)

    @property
    def peak(self) -> Counter[str]:
        return max(self.memory, key=Counter.total)

    def most(self, whose: str) -> int:
        return max(each[whose] for each in self.memory)

    def lines(self) -> Iterator[str]:
        for wish, waits in self.waits.items():
            crowded = ", ".join(f"{seconds:.1f}" for seconds in waits.crowded)
            yield (
                f"{wish:12}  quiet {median(waits.quiet):5.2f} s   in the crowd {crowded} s: "
                f"{waits.drafts_time:.2f} × at most, {max(waits.meanwhile)} of the crowd's meanwhile"
            )
        yield f"memory        {self.worker_bytes / 1e6:.0f} MB PSS at most of the worker with its voice"
        yield f"  in all      {self.peak.total() / 1e6:.0f} MB at most, with the sandbox"
        for whose in PARTS:
            yield f"  {whose:11} {self.peak[whose] / 1e6:.0f} MB of it, {self.most(whose) / 1e6:.0f} MB at most"
        yield f"left then     {self.left[0]} drafts and {self.left[1]} scripts, {self.failed} failed"
        if self.home:
            yield f"all home      after {self.home:.0f} s"


def measure(site: LiveApi, *, drafts: int, scripts: int, asks: int, until_home: bool = False) -> Measured:
    measured, words = Measured(), count(1)
    bob = site.site.ask(SEED.format(name="Bob", credit=PLENTY))

    def draft() -> dict[str, Any]:
        return {"portrait": bob["portrait"], "voice": bob["voice"], "model": "draft"}

    def spoken() -> dict[str, Any]:
        script = f"This is number {next(words)}. Nobody has recorded it, and somebody waits for it."
        return draft() | {"voice": {"script": script}}

    asked: dict[str, Callable[[], dict[str, Any]]] = dict(zip(WISHES, (spoken, draft), strict=True))
    with site.client(bob["token"]) as client:

        def ask(wish: str, waits: list[float]) -> None:
            began = time.monotonic()
            made(client, asked[wish]())
            waits.append(time.monotonic() - began)

        for wish in WISHES:
            ask(wish, [])  # whatever is loaded once is loaded
        for wish in WISHES * QUIET:
            ask(wish, measured.waits[wish].quiet)
        with watched(site, measured):
            began = time.monotonic()
            come(site, drafts=drafts, scripts=scripts)
            time.sleep(GATHERS)
            measured.left = left(site, measured)
            for wish in WISHES * asks:
                waits, before = measured.waits[wish], measured.left[0]
                ask(wish, waits.crowded)
                measured.left = left(site, measured)
                waits.meanwhile.append(before - measured.left[0])
                print(f"{wish} {waits.crowded[-1]:.2f}, {waits.meanwhile[-1]} meanwhile", file=sys.stderr)
            while until_home and any(left(site, measured)):
                assert time.monotonic() - began < HOME_WITHIN, "they do not come home"
                time.sleep(2)
            measured.home = time.monotonic() - began if until_home else 0.0
    return measured


def come(site: LiveApi, *, drafts: int, scripts: int) -> None:
    """All at once, and all of it by the token that pays nothing."""
    items = [{"portrait": site.alice["portrait"], "voice": site.alice["voice"]}] * drafts
    with site.client(site.alice["test_token"]) as client, ThreadPoolExecutor(scripts + 1) as pool:
        asked = [pool.submit(client.post, "batches", json={"items": items})]
        asked += [pool.submit(client.post, "voices", json={"script": script(number)}) for number in range(scripts)]
        answers = [one.result() for one in asked]
    assert [each.status_code for each in answers] == [201, *[202] * scripts], [each.text[:300] for each in answers]


def script(number: int) -> str:
    return " ".join(f"Script {number} says sentence {line} of many, and goes on." for line in range(SENTENCES))


def left(site: LiveApi, measured: Measured) -> tuple[int, int]:
    drafts, scripts, measured.failed = site.site.ask(LEFT.format(workspace=site.alice["workspace"]))
    return drafts, scripts


@contextmanager
def watched(site: LiveApi, measured: Measured) -> Iterator[None]:
    """The worker's memory is looked at."""
    stop = Event()

    def look() -> None:
        while not stop.wait(1):
            sizes: Counter[str] = Counter()
            for one in of_the_worker(site):
                words = told(one.cmdline, [])
                whose = next((part for part in PARTS if any(part in word for word in words)), PARTS[-1])
                sizes[whose] += told(partial(pss_of, one), 0)
            measured.memory.append(sizes)

    thread = Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def pss_of(process: psutil.Process) -> int:
    return int(process.memory_full_info().pss)


def of_the_worker(site: LiveApi) -> list[psutil.Process]:
    """All that works behind the pages: the sandbox, too, whoever has started it."""
    pages = psutil.Process(site.started[0].pid)
    serving = [pages, *(one for one in pages.children() if "web" in told(one.cmdline, []))]
    return [one for one in processes(site) if one not in serving]


@contextmanager
def site_of_a_crowd(folder: Path, **variables: str) -> Iterator[LiveApi]:
    """As it is shipped: four processes of the main cluster, two seats for drafts."""
    more: dict[str, Any] = {"worker": True, "credit_micros": PLENTY, "WORKERS": "4", **variables}
    with live_api(folder, is_program=True, **more) as site:
        yield site


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--drafts", type=int, default=200)
    options.add_argument("--scripts", type=int, default=10)
    options.add_argument("--asks", type=int, default=3)
    given = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatarsite.settings")
    with tempfile.TemporaryDirectory(prefix="crowd-") as folder, site_of_a_crowd(Path(folder) / "site") as site:
        found = measure(site, drafts=given.drafts, scripts=given.scripts, asks=given.asks, until_home=True)
        print("\n".join(found.lines()))
        print(site.log()[-3000:], file=sys.stderr)
    if max(waits.drafts_time for waits in found.waits.values()) > MOST_DRAFTS:
        sys.exit(f"Another waits for more than {MOST_DRAFTS:g} drafts' time.")


if __name__ == "__main__":
    main()
