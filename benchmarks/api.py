"""Requests per second and p95 of the API under 16 clients, on PostgreSQL and `manage.py web`, beside bare DRF views.

The same server answers the API and two views of DRF without token, rate or rule: one inserts a row, one reads a row
(benchmarks/api_urls.py). All are asked in turns, so that whatever else the machine does hits each alike. The list is
timed with 1,000 and with 1,000,000 renders in the table.

Exits 1 when a create reaches less than 0.12 of the bare insert, a read less than 0.5 of the bare read, or when the
long list takes more than 1.3 times the short one. Usage: ``python -m benchmarks.api [--seconds 4] [--rounds 5]``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from uuid import uuid4

import psycopg

ROOT = Path(__file__).resolve().parent.parent
CLIENTS, PROCESSES, WEB_PROCESSES = 16, 2, 2
MIN_SHARE = {"create": 0.12, "get": 0.5, "list": 0.5, "balance": 0.5}
BESIDE = {"create": "insert", "get": "read", "list": "read", "balance": "read"}
MAX_LONGER = 1.3
SHORT, LONG = 1_000, 1_000_000
SEED = """
import json, django; django.setup()
from tests.studio.api.seed import seed
print(json.dumps(seed(credit_micros=10**13)))
"""
# Copies of a render, cancelled, each with a hold of its own that was released: what differs, in SQL.
COPIES = {
    "billing_hold": {
        "id": "1000000000 + number",
        "key": "'bench:' || number",
        "subject": "'bench:' || number",
        "state": "'released'",
        "settled_micros": "0",
        "closed_at": "now()",
    },
    "studio_render": {
        "id": "'rnd_00' || lpad(number::text, 24, '0')",
        "hold_id": "1000000000 + number",
        "idempotency_key": "NULL",
        "state": "'cancelled'",
        "finished_at": "now()",
    },
}
COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position"


@dataclass(frozen=True)
class Bench:
    port: int
    database: str
    alice: dict[str, Any]
    render: str = ""

    def request(self, name: str) -> tuple[str, str, str, dict[str, str]]:
        """Method, path, body and headers of one request."""
        headers = {"Authorization": f"Bearer {self.alice['token']}", "Content-Type": "application/json"}
        if name == "insert":
            return "POST", "/bare", json.dumps({"workspace": self.alice["workspace"]}), headers
        if name == "create":
            wish = {"portrait": self.alice["portrait"], "voice": self.alice["voice"], "model": "draft"}
            return "POST", "/api/v1/renders", json.dumps(wish), headers | {"Idempotency-Key": uuid4().hex}
        paths = {"read": f"/bare?id={self.render}", "get": f"/api/v1/renders/{self.render}"}
        paths |= {"list": "/api/v1/renders", "balance": "/api/v1/balance", "static": "/static/js/app.js"}
        return "GET", paths[name], "", headers


@dataclass
class Found:
    """What each kind of request took: requests a second by round, and all times in seconds."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, times: list[float], seconds: float) -> None:
        self.rates.setdefault(name, []).append(len(times) / seconds)
        self.times.setdefault(name, []).extend(times)

    def ratio(self, name: str) -> float:
        return median(mine / bare for mine, bare in zip(self.rates[name], self.rates[BESIDE[name]], strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-long", action="store_true", help="leave the million renders out")
    options = parser.parse_args()
    with bench() as there:
        grow(there, 1, SHORT)
        good = show_rates(rounds(there, [*MIN_SHARE, "insert", "read"], options))
        short = found_list(there)
        if not options.no_long:
            grow(there, SHORT + 1, LONG)
            good &= show_lists(short, found_list(there))
    print("on target" if good else "below target")
    return 0 if good else 1


def rounds(there: Bench, names: list[str], options: argparse.Namespace) -> Found:
    found = Found()
    for name in names:
        asked(there, name, 0.5)
    for _ in range(options.rounds):
        for name in names:
            found.add(name, asked(there, name, options.seconds), options.seconds)
    return found


def found_list(there: Bench) -> float:
    """The median time of the list for one client, in seconds."""
    times: list[float] = []
    ask(there, "list", 1, times)
    times.clear()
    ask(there, "list", 5, times)
    return median(times)


def asked(there: Bench, name: str, seconds: float) -> list[float]:
    """The times of all requests that 16 clients got answered in so many seconds."""
    with get_context("fork").Pool(PROCESSES) as pool:
        parts = pool.starmap(_many, [(there, name, seconds)] * PROCESSES)
    return [taken for part in parts for taken in part]


def _many(there: Bench, name: str, seconds: float) -> list[float]:
    times: list[float] = []
    threads = [Thread(target=ask, args=(there, name, seconds, times)) for _ in range(CLIENTS // PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def ask(there: Bench, name: str, seconds: float, times: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", there.port, timeout=60)
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        method, path, body, headers = there.request(name)
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status in (200, 201), content[:500]
        times.append(time.perf_counter() - start)
    connection.close()


def grow(there: Bench, first: int, last: int) -> None:
    with psycopg.connect(there.database, autocommit=True) as connection:
        # What is copied has been checked, and need not survive a power cut.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        for table, differing in COPIES.items():
            columns = [name for (name,) in connection.execute(COLUMNS, [table])]
            values = ", ".join(differing.get(name, f"one.{name}") for name in columns)
            one = f"(SELECT * FROM {table} ORDER BY id DESC LIMIT 1) AS one"
            rows = f"{one}, generate_series(%s::bigint, %s) AS number"
            connection.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {rows}", (first, last))
        connection.execute("VACUUM ANALYZE studio_render")


@contextmanager
def bench() -> Iterator[Bench]:
    """A migrated site with a workspace and one render, its database and its web server."""
    with bench_site("benchmarks.api_beside") as (there, env):
        web = [sys.executable, "manage.py", "web", "--bind", f"127.0.0.1:{there.port}"]
        process = subprocess.Popen([*web, "--processes", str(WEB_PROCESSES)], env=env, cwd=ROOT)
        try:
            until(lambda: first_render(there))
            yield replace(there, render=first_render(there))
        finally:
            process.terminate()
            process.wait()


@contextmanager
def bench_site(settings: str) -> Iterator[tuple[Bench, dict[str, str]]]:
    """A migrated site with a workspace, and the environment of its processes; nobody serves it yet."""
    from tests.support.servers import free_ports, postgres_server  # noqa: PLC0415 -- a benchmark's own servers

    with postgres_server(durable=True) as url, TemporaryDirectory() as folder:
        clean = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        (port,) = free_ports(1)
        env = clean | {"DATABASE_URL": url, "VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": settings}
        env |= {"LOG_LEVEL": "ERROR", "API_READS_PER_MINUTE": "100000000", "API_WRITES_PER_MINUTE": "100000000"}
        env |= dict.fromkeys(("DRAFTS_WAITING", "DRAFTS_WAITING_PER_TOKEN"), "0")
        env |= dict.fromkeys(("FREE_SECONDS_A_DAY", "FREE_SECONDS_A_DAY_PER_TOKEN"), "0")
        env |= {"DRAFT_PRICE_PER_SECOND": "0.01"}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], env=env, check=True, cwd=ROOT)
        told = subprocess.run([sys.executable, "-c", SEED], env=env, check=True, cwd=ROOT, stdout=subprocess.PIPE)
        yield Bench(port, url, json.loads(told.stdout.splitlines()[-1])), env


def until(answers: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            answers()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError


def first_render(there: Bench) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", there.port, timeout=60)
    method, path, body, headers = there.request("create")
    connection.request(method, path, body, headers)
    found: dict[str, str] = json.loads(connection.getresponse().read())
    return found["id"]


def show_rates(found: Found) -> bool:
    print(f"{'':>8} {'requests/s':>11} {'p95 ms':>8} {'of bare':>8} {'at least':>9}")
    good = True
    for name in ("insert", "create", "read", "get", "list", "balance"):
        rate, p95 = median(found.rates[name]), quantiles(found.times[name], n=20)[-1] * 1000
        beside = ""
        if name in MIN_SHARE:
            ratio = found.ratio(name)
            beside = f"{ratio:8.2f} {MIN_SHARE[name]:9.2f}"
            good &= ratio >= MIN_SHARE[name]
        print(f"{name:>8} {rate:11.1f} {p95:8.1f} {beside}", flush=True)
    return good


def show_lists(short: float, long: float) -> bool:
    print(
        f"list among {SHORT:,} renders {short * 1000:.2f} ms, among {LONG:,} {long * 1000:.2f} ms: {long / short:.2f} ×"
    )
    return long <= MAX_LONGER * short


if __name__ == "__main__":
    sys.exit(main())
