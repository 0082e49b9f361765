"""The house that bears the load: PostgreSQL that keeps each commit, Valkey, a bucket, stand-ins, web and worker."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.load.cost import Parts, Statements, listener
from benchmarks.load.mix import Customer
from tests.browser.live_site import stop
from tests.simulators.fixture import Simulators, running_simulators
from tests.studio.api.live import web_command
from tests.support.servers import free_ports, postgres_server, s3_server, valkey_server
from tests.support.sites import ROOT, Site, fresh_site

OPEN_WITHIN = 60.0
WEB_PROCESSES = 2
# What is planted stays at the stand-ins until the end; what is asked for under load comes home within it.
PLANTED = {"queue_seconds": 1.0, "run_seconds": 36_000.0, "inputs": "assume", "assumed_voice_seconds": 8.4}
ASKED_FOR = {"run_seconds": 20.0}


@dataclass(frozen=True)
class House:
    site: Site
    address: str
    customers: list[Customer]
    simulators: Simulators
    parts: Parts
    statements: Statements

    def states(self) -> dict[str, int]:
        return dict(self.site.rows("SELECT state, count(*) FROM studio_render GROUP BY state"))

    def states_of(self, renders: list[str]) -> dict[str, str]:
        return dict(self.site.rows("SELECT id, state FROM studio_render WHERE id = ANY(?)", renders))

    def accepted(self) -> Counter[str]:
        """How often each of our references became a job at a provider."""
        return sum((Counter(control.accepted()) for control in self.simulators.all), Counter())


@contextmanager
def house(folder: Path, *, customers: int, flight: int, own: int) -> Iterator[House]:
    """With ``flight`` renders at the stand-ins, of so many ``customers``. ``own`` is the process of the load itself."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server(durable=True, counts=True))
        cache = stack.enter_context(valkey_server())
        bucket = stack.enter_context(s3_server())
        simulators = stack.enter_context(running_simulators(speed=1.0, settings=PLANTED))
        (port,) = free_ports(1)
        address = f"http://127.0.0.1:{port}"
        given = {
            **bucket.environment,
            **simulators.environment,
            "REDIS_URL": cache,
            "PUBLIC_URL": address,
            "STATIC_ROOT": str(folder / "static"),
            # What the providers allow an account is not what is measured.
            "RUNWARE_AT_ONCE": "0",
        }
        (folder / "site").mkdir()
        site = stack.enter_context(fresh_site(folder / "site", server=server, **given))
        site.manage("collectstatic", "--noinput", "-v", "0")
        made = _customers(site, simulators, customers, flight)
        for control in simulators.all:
            control.settings(**ASKED_FOR)
        commands = {"web": web_command(port, WEB_PROCESSES), "worker": [str(ROOT / "manage.py"), "worker"]}
        started = {name: site.start(*command, log=f"{name}.log") for name, command in commands.items()}
        stack.callback(stop, list(started.values()))
        _wait_until_open(address, site)
        first = {
            "web": started["web"].pid,
            "worker": started["worker"].pid,
            "PostgreSQL": listener(server),
            "Valkey": listener(cache),
            "bucket": listener(bucket.endpoint_url),
            "stand-ins": simulators.pid,
            "the load": own,
        }
        yield House(site, address, made, simulators, Parts(first), Statements(server))


def _customers(site: Site, simulators: Simulators, count: int, flight: int) -> list[Customer]:
    samples = simulators.sample("").rstrip("/")
    told = {"customers": count, "flight": flight, "environment": simulators.environment, "samples": samples}
    out = site.python("-m", "benchmarks.load.customers", json.dumps(told), seconds=600).stdout
    found: list[dict[str, Any]] = json.loads(out.splitlines()[-1])
    return [Customer(**one) for one in found]


def _wait_until_open(address: str, site: Site) -> None:
    end = time.monotonic() + OPEN_WITHIN
    while True:
        try:
            if httpx.get(f"{address}/readyz", timeout=10, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        logs = "".join(path.read_text(errors="replace") for path in site.folder.glob("*.log"))
        assert time.monotonic() < end, f"{address} does not answer:\n{logs[-3000:]}"
        time.sleep(0.2)
