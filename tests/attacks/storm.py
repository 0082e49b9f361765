"""All that one customer can do at once, and a second customer's journeys meanwhile, beside their quiet time.

``python -m tests.attacks.storm [--seconds 180] [--pieces drafts,waits,…] [--postgres]`` prints what was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import psutil

from tests.attacks.journey import STEPS, Journeys
from tests.studio.api.live import SEED, LiveApi, live_api
from tests.support.servers import postgres_server
from tests.support.sites import ROOT

PIECES = ("drafts", "waits", "uploads", "hostile", "flood")
QUIET_JOURNEYS = 3
LOOKS_ON = 8.0  # seconds of the film, which somebody sees before they make another
GATHERS = 6.0  # seconds that a storm has before somebody sets out
PLENTY = 10**9  # micro-dollars


@dataclass
class Measured:
    """``health`` in seconds, ``pss`` in bytes, ``attacker`` the answers by piece and what it took of the machine."""

    quiet: Journeys = field(default_factory=Journeys)
    stormy: Journeys = field(default_factory=Journeys)
    health: list[float] = field(default_factory=list)
    health_statuses: Counter[int] = field(default_factory=Counter)
    pss: list[int] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    cpu: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    answers: dict[str, dict[str, int]] = field(default_factory=dict)
    attacker_seconds: float = 0.0

    @property
    def ratio(self) -> float:
        return self.stormy.median() / self.quiet.median()

    def lines(self) -> Iterator[str]:
        yield f"{len(self.quiet.steps)} quiet journeys, {len(self.stormy.steps)} in {self.seconds:.0f} s of storm"
        for step in ("", *STEPS):
            quiet, stormy = self.quiet.median(step), self.stormy.median(step)
            worst = max(each[step] for each in self.stormy.steps) if step else max(self.stormy.seconds)
            yield (
                f"{step or 'journey':10} quiet {quiet:6.2f} s   stormy {stormy:6.2f} s   {stormy / quiet:5.2f} ×"
                f"   worst {worst:6.2f} s"
            )
        yield f"/healthz    worst {max(self.health):.2f} s of {len(self.health)}, {dict(self.health_statuses)}"
        yield f"memory      {max(self.pss) / 1e6:.0f} MB PSS at most, {max(self.processes)} processes at most"
        yield f"attacker    {self.attacker_seconds:.0f} s of processor time in {self.seconds:.0f} s"
        for piece, answers in self.answers.items():
            yield f"  {piece:9} {answers}"


def measure(site: LiveApi, *, seconds: float, pieces: tuple[str, ...] = PIECES) -> Measured:
    measured = Measured()
    bob = site.site.ask(SEED.format(name="Bob", credit=PLENTY))
    with site.client(bob["token"]) as client:
        Journeys().go(client)  # whatever is loaded once is loaded
        for _ in range(QUIET_JOURNEYS):
            time.sleep(LOOKS_ON)
            measured.quiet.go(client)
        with storm(site, pieces, measured), watched(site, measured):
            began = time.monotonic()
            time.sleep(GATHERS)
            while not measured.stormy.steps or time.monotonic() - began < seconds:
                measured.stormy.go(client)
                time.sleep(LOOKS_ON)
                print(*(f"{name} {took:.2f}" for name, took in measured.stormy.steps[-1].items()), file=sys.stderr)
            measured.seconds = time.monotonic() - began
    return measured


@contextmanager
def storm(site: LiveApi, pieces: tuple[str, ...], measured: Measured) -> Iterator[None]:
    alice = {name: site.alice[name] for name in ("test_token", "token", "portrait", "voice")}
    attacker = subprocess.Popen(
        [sys.executable, "-m", "tests.attacks.attacker"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert attacker.stdin is not None
    assert attacker.stdout is not None
    attacker.stdin.write(json.dumps({"address": site.address, "pieces": pieces, **alice}))
    attacker.stdin.close()
    attacker.stdin = None
    try:
        assert attacker.stdout.readline() == "begun\n"
        yield
        assert attacker.poll() is None, "the storm is over before its time"
        spent = psutil.Process(attacker.pid).cpu_times()
        measured.attacker_seconds = spent.user + spent.system
    finally:
        attacker.terminate()
        said, _ = attacker.communicate(timeout=60)
    measured.answers = json.loads(said)


@contextmanager
def watched(site: LiveApi, measured: Measured) -> Iterator[None]:
    """Somebody asks for /healthz all the time, and the service's memory is looked at."""
    stop = Event()

    def ask() -> None:
        while not stop.wait(0.2):
            began = time.monotonic()
            answer = httpx.get(f"{site.address}/healthz", timeout=60, trust_env=False)
            measured.health.append(time.monotonic() - began)
            measured.health_statuses[answer.status_code] += 1

    def look() -> None:
        while not stop.wait(2):
            family = processes(site)
            sizes = []
            for one in family:
                with suppress(psutil.Error):
                    sizes.append(one.memory_full_info().pss)
            measured.pss.append(sum(sizes))
            measured.processes.append(len(sizes))

    threads = [Thread(target=ask), Thread(target=look)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def processes(site: LiveApi) -> list[psutil.Process]:
    """All that the service runs, children of its children too."""
    found = []
    for started in site.started:
        with suppress(psutil.NoSuchProcess):
            one = psutil.Process(started.pid)
            found += [one, *one.children(recursive=True)]
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=180)
    options.add_argument("--pieces", default=",".join(PIECES))
    options.add_argument("--postgres", action="store_true")
    given = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatarsite.settings")
    more: dict[str, Any] = {"worker": True, "processes": 2, "is_program": True}
    with (
        tempfile.TemporaryDirectory(prefix="storm-") as folder,
        postgres_server() if given.postgres else nullcontext() as server,
        live_api(Path(folder) / "site", server=server, credit_micros=PLENTY, **more) as site,
    ):
        measured = measure(site, seconds=given.seconds, pieces=tuple(filter(None, given.pieces.split(","))))
        print("\n".join(measured.lines()))
        print(site.log()[-3000:], file=sys.stderr)


if __name__ == "__main__":
    main()
