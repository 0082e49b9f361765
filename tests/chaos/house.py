"""A house of several machines on the real column: web and workers that share a database, a cache and a bucket only.

A machine has a folder of its own and nothing else; it comes up again by itself after whatever happened to it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.chaos.parts import Parts, parts_at_hand
from tests.simulators.fixture import Simulators, running_simulators
from tests.studio.api.live import SEED, web_command
from tests.support.processes import lives, told
from tests.support.servers import free_ports
from tests.support.sites import ROOT, Site, fresh_site

WEB, WORKERS = 2, 3
OPEN_WITHIN = 240.0
VOICE_SECONDS = 8.4  # of the sample that the stand-ins take our word for
PLENTY = 10**11
# Of the stand-ins: a job takes a second or two, so that at any moment some are under way.
PACE = {
    "queue_seconds": 10.0,
    "run_seconds": 30.0,
    "run_jitter": 0.5,
    "inputs": "assume",
    "assumed_voice_seconds": VOICE_SECONDS,
    "own_films": True,
    "balance_usd": 10.0**9,
}
# A job that never ends keeps its place, and the rate is not what is tried here.
NO_LIMITS = (
    *("RUNWARE_AT_ONCE", "AIMLAPI_AT_ONCE", "RUNWARE_PER_SECOND", "FAL_PER_SECOND", "AIMLAPI_PER_SECOND"),
    *("API_READS_PER_MINUTE", "API_WRITES_PER_MINUTE", "FREE_SECONDS_A_DAY", "FREE_SECONDS_A_DAY_PER_TOKEN"),
    *("STORAGE_QUOTA_GB", "STORAGE_GB_PER_MINUTE"),
)


@dataclass
class Machine:
    """One host: what runs there, and where. ``address`` of a web machine."""

    name: str
    site: Site
    command: list[str]
    address: str = ""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        self.started.append(self.site.start(*self.command, log=f"{self.name}-{len(self.started)}.log"))

    def processes(self) -> list[psutil.Process]:
        """All that runs there, whoever started it."""
        mine = str(self.site.folder)
        return [one for one in psutil.process_iter() if told(one.environ, {}).get("VAR_DIR") == mine and lives(one)]

    def fail(self, *, whole: bool, dice: random.Random) -> str:
        """A power cut, or the end of one process. What was hit."""
        there = self.processes()
        hit = there if whole or not there else [dice.choice(there)]
        for one in hit:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        return f"{self.name}: {'all' if whole else (told(hit[0].name, '?') if hit else 'nothing there')}"

    def look_after(self) -> None:
        """As systemd would: when the first process has ended, the rest is ended, and all begins anew."""
        if self.started[-1].poll() is not None:
            self.fail(whole=True, dice=random.Random(0))
            self.start()

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            self.started[-1].send_signal(signal.SIGTERM)

    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.site.folder.glob("*.log")))


@dataclass
class House:
    site: Site  # of nobody: to ask the database
    machines: list[Machine]
    simulators: Simulators
    alice: dict[str, Any]
    parts: Parts

    @property
    def addresses(self) -> list[str]:
        return [machine.address for machine in self.machines if machine.address]

    def answers(self) -> bool:
        """Whether each web machine does, and the workers are there."""
        return all(_status(f"{address}/readyz") == 200 for address in self.addresses)

    def wait_until_ready(self) -> None:
        ends = time.monotonic() + OPEN_WITHIN
        while not self.answers():
            for machine in self.machines:
                machine.look_after()
            assert time.monotonic() < ends, self.log()[-3000:]
            time.sleep(0.5)

    def log(self) -> str:
        return "".join(machine.log() for machine in self.machines)


@contextmanager
def house(folder: Path, *, web: int = WEB, workers: int = WORKERS) -> Iterator[House]:
    ports = free_ports(web)
    with ExitStack() as stack:
        parts = stack.enter_context(parts_at_hand(folder))
        simulators = stack.enter_context(running_simulators(speed=20.0, settings=PACE))
        given = parts.environment | simulators.environment | _settings(ports[0])
        (folder / "nobody").mkdir(parents=True)
        site = stack.enter_context(fresh_site(folder / "nobody", server=parts.database.url, **given))
        machines = [_machine(folder, site, f"web{n}", web_command(port, 2), port) for n, port in enumerate(ports)]
        machines += [_machine(folder, site, f"worker{n}", [str(ROOT / "manage.py"), "worker"]) for n in range(workers)]
        alice = site.ask(SEED.format(name="Alice", credit=PLENTY))
        stack.callback(_end, machines)
        for machine in machines:
            machine.start()
        made = House(site, machines, simulators, alice, parts)
        made.wait_until_ready()
        yield made


def _settings(port: int) -> dict[str, str]:
    return {
        "SECRET_KEY": "a secret of all machines, which none of them keeps in its folder",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DRAFT_PRICE_PER_SECOND": "0.01",
        "WORKERS": "2",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        # Nobody takes mail.
        "EMAIL_URL": "smtp://127.0.0.1:1",
        "OPERATOR_EMAIL": "operator@example.org",
        **dict.fromkeys(NO_LIMITS, "0"),
    }


def _machine(folder: Path, site: Site, name: str, command: list[str], port: int = 0) -> Machine:
    (folder / name).mkdir()
    own = replace(site, folder=folder / name, environment=site.environment | {"VAR_DIR": str(folder / name)})
    return Machine(name, own, command, f"http://127.0.0.1:{port}" if port else "")


def _end(machines: list[Machine]) -> None:
    """Ours are all that has their folders."""
    for machine in machines:
        machine.stop()
    ends = time.monotonic() + 20
    while time.monotonic() < ends and any(machine.started[-1].poll() is None for machine in machines):
        time.sleep(0.2)
    for machine in machines:
        machine.fail(whole=True, dice=random.Random(0))
        for process in machine.started:
            process.wait()


def _status(url: str) -> int:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code
    except httpx.TransportError:
        return 0
