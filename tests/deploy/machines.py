"""Web servers on sockets that stay open, and a steady load on them of which each answer is looked at."""

from __future__ import annotations

import shlex
import signal
import socket
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

import httpx
import psutil

from tests.simulators import loopback
from tests.studio.api.live import SEED, web_command
from tests.support.processes import lives, told
from tests.support.sites import Site, fresh_site
from tests.support.until import until

EACH_PER_SECOND = 8
# As systemd hands a socket over: descriptor 3, and the process's own number.
HANDED = "exec 3<&{fd}; LISTEN_PID=$$ LISTEN_FDS=1 exec {command}"


@dataclass
class Machine:
    """A web server on a socket that stays open while it is away, as systemd keeps one."""

    site: Site
    listening: socket.socket
    process: Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def start(self) -> None:
        command = shlex.join([sys.executable, *web_command(1, 1)])  # what it is handed goes before its --bind
        with (self.site.folder / "web.log").open("ab") as log:
            shell = HANDED.format(fd=self.listening.fileno(), command=command)
            self.process = Popen(
                ["bash", "-c", shell],
                pass_fds=[self.listening.fileno()],
                env=self.site.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def children(self) -> set[int]:
        assert self.process is not None
        found = psutil.Process(self.process.pid).children()
        return {child.pid for child in found if lives(child) and "web" in told(child.cmdline, [])}

    def renew(self) -> None:
        """Returns once the old processes are gone and new ones there, by the same process number."""
        assert self.process is not None
        before = self.children()
        self.process.send_signal(signal.SIGUSR2)
        until(lambda: bool(self.children()) and not self.children() & before, 90)


@dataclass
class Load:
    """Requests at a steady rate from several clients at once; ``wrong`` is what was not answered as it should be."""

    answered: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self, name: str, send: Callable[[], httpx.Response], wanted: int) -> None:
        while not self.over.wait(1 / EACH_PER_SECOND):
            began = time.monotonic()
            try:
                answer = send()
            except httpx.HTTPError as error:
                self.wrong.append(f"{name}: {error!r}")
                continue
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.answered[name] += 1
            if answer.status_code != wanted:
                self.wrong.append(f"{name}: {answer.status_code} {answer.text[:200]}")


@contextmanager
def under_load(machine: Machine, alice: dict[str, str]) -> Iterator[Load]:
    load = Load()
    headers = {"Authorization": f"Bearer {alice['test_token']}"}
    wish = {"portrait": alice["portrait"], "voice": alice["voice"]}
    with loopback.Client(base_url=f"{machine.address}/api/v1", headers=headers, trust_env=False) as kept:

        def create() -> httpx.Response:
            return kept.post("/renders", json=wish, headers={"Idempotency-Key": uuid.uuid4().hex})

        clients = [
            ("a connection each", lambda: loopback.get(f"{machine.address}/healthz", trust_env=False), 200),
            ("kept connections", lambda: kept.get("/renders?limit=3"), 200),
            ("writes", create, 201),
        ]
        threads = [threading.Thread(target=load.ask, args=client) for client in clients]
        for thread in threads:
            thread.start()
        try:
            yield load
        finally:
            load.over.set()
            for thread in threads:
                thread.join()


@contextmanager
def running(folder: Path, server: str | None = None) -> Iterator[tuple[Machine, dict[str, str]]]:
    """A web server of a site, and what Alice's programs know."""
    limits = {"API_READS_PER_MINUTE": "0", "API_WRITES_PER_MINUTE": "0", "DRAFTS_WAITING": "0"}
    more = {"DRAFTS_WAITING_PER_TOKEN": "0", "FREE_SECONDS_A_DAY": "0", "FREE_SECONDS_A_DAY_PER_TOKEN": "0"}
    with (
        fresh_site(folder, server=server, PUBLIC_URL="", **limits, **more) as site,
        closing(socket.create_server(("127.0.0.1", 0), backlog=1024)) as listening,
    ):
        machine = Machine(site, listening)
        machine.start()
        try:
            yield machine, site.ask(SEED.format(name="Alice", credit=5_000_000))
        finally:
            assert machine.stop() == 0
