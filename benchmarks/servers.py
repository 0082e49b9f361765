"""The site behind each server that may serve it, all on one PostgreSQL and asked in turns, two processes each.

`manage.py web` is waitress; gunicorn (gthread) and granian serve the same WSGI application, uvicorn and granian the
same site by ASGI. Those that are not installed are left out: ``.venv/bin/uv pip install gunicorn granian``. Besides
requests a second from 16 clients, and processor time and memory, each is asked while 200 connections have sent a part
of a body. Usage: ``python -m benchmarks.servers [--seconds 4] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from statistics import median, quantiles

import psutil

from benchmarks.api import CLIENTS, ROOT, Bench, Found, asked, bench_site, first_render, until
from benchmarks.processes import Meter

PROCESSES, THREADS, SLOW = 2, 16, 200
ASKED = ("static", "get", "list", "create")
WSGI, ASGI = "avatarsite.wsgi:application", "benchmarks.api_asgi:application"


def commands(port: int) -> dict[str, list[str]]:
    """By the name of the server, which is the module that has to be installed first."""
    place = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(PROCESSES)]
    gunicorn = ["-m", "gunicorn", WSGI, "--preload", "-k", "gthread", "-b", f"127.0.0.1:{port}", "--workers"]
    granian = ["-m", "granian", *place, "--no-ws", "--log-level", "error", "--interface"]
    web = ["manage.py", "web", "--bind", f"127.0.0.1:{port}", "--processes", str(PROCESSES), "--threads", str(THREADS)]
    return {
        "waitress": web,
        "gunicorn": [*gunicorn, str(PROCESSES), "--threads", str(THREADS)],
        "granian": [*granian, "wsgi", "--blocking-threads", str(THREADS), WSGI],
        "granian (ASGI)": [*granian, "asginl", ASGI],
        "uvicorn": ["-m", "uvicorn", *place, "--log-level", "error", "--lifespan", "off", ASGI],
    }


@dataclass
class Running:
    name: str
    there: Bench
    meter: Meter
    found: Found
    processor: float = 0.0
    beside_slow: tuple[int, list[float]] = field(default_factory=lambda: (0, []))

    def ask(self, names: tuple[str, ...], seconds: float) -> None:
        before = self.meter.processor()
        for name in names:
            self.found.add(name, asked(self.there, name, seconds), seconds)
        self.processor += self.meter.processor() - before

    @property
    def row(self) -> str:
        answered = sum(len(times) for times in self.found.times.values())
        rates = " ".join(f"{median(self.found.rates[name]):9.0f}" for name in ASKED)
        p95 = quantiles(self.found.times["get"], n=20)[-1] * 1000
        memory = sum(process.memory_full_info().pss for process in self.family()) / 1e6
        held, times = self.beside_slow
        slow = f"{median(times) * 1000:8.0f}" if times else "    none"
        each = self.processor / answered * 1000
        return f"{self.name:>14} {rates} {p95:8.1f} {each:8.2f} {memory:8.0f} {held:6} {len(times):9} {slow}"

    def family(self) -> list[psutil.Process]:
        root = psutil.Process(self.meter.pid)
        return [root, *root.children(recursive=True)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with bench_site("avatarsite.settings") as (there, env), ExitStack() as stack:
        wanted = [name for name in commands(0) if find_spec(name.split()[0])]
        servers = [stack.enter_context(served(name, there, env)) for name in wanted]
        for server in servers:
            server.ask(ASKED, 0.5)
            server.found, server.processor = Found(), 0.0
        for number in range(options.rounds):
            for server in servers[number % len(servers) :] + servers[: number % len(servers)]:
                server.ask(ASKED, options.seconds)
        for server in servers:
            with slow_ones(server.there.port) as held:
                server.beside_slow = (held, one_by_one(server.there, options.seconds))
        show(servers)
    return 0


def show(servers: list[Running]) -> None:
    print(f"{CLIENTS} clients, {PROCESSES} processes, {THREADS} threads each; requests a second, then what they cost:")
    names = " ".join(f"{name:>9}" for name in ASKED)
    print(f"{'':>14} {names} {'get p95':>8} {'cpu ms':>8} {'PSS MB':>8} {'slow':>6} {'answered':>9} {'median ms':>9}")
    for server in servers:
        print(server.row, flush=True)


@contextmanager
def served(name: str, there: Bench, env: dict[str, str]) -> Iterator[Running]:
    from tests.support.servers import free_ports  # noqa: PLC0415 -- a benchmark's own servers

    (port,) = free_ports(1)
    command = [sys.executable, *commands(port)[name]]
    process = subprocess.Popen(command, env=env, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    here = replace(there, port=port)
    meter = Meter(process.pid)
    try:
        until(lambda: first_render(here))
        yield Running(name, replace(here, render=first_render(here)), meter, Found())
    finally:
        meter.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def slow_ones(port: int) -> Iterator[int]:
    """Connections that have sent a head and a byte of their body, and go on sending one now and then."""
    lines = []
    head = b"POST /api/v1/renders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000\r\n\r\n{"
    try:
        for _ in range(SLOW):
            with suppress(OSError):
                lines.append(socket.create_connection(("127.0.0.1", port), timeout=2))
                lines[-1].sendall(head)
        time.sleep(1)
        yield len(lines)
    finally:
        for line in lines:
            line.close()


def one_by_one(there: Bench, seconds: float) -> list[float]:
    """What one client waits for an answer that takes no time; nothing counts that takes longer than all of it."""
    times: list[float] = []
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        with suppress(OSError):
            method, path, _, _ = there.request("static")
            line = socket.create_connection(("127.0.0.1", there.port), timeout=seconds)
            with line:
                line.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                if line.recv(12).startswith(b"HTTP/1.1 200"):
                    times.append(time.monotonic() - began)
    return times


if __name__ == "__main__":
    sys.exit(main())
