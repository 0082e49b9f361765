"""Start the simulators for a test, talk to their back doors, catch their letters. Ends only what it started.

In a test module: ``pytest_plugins = ["tests.simulators.fixture"]``, then ask for ``simulators``, ``inbox`` or a door.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.simulators import loopback
from tests.support.paths import ROOT

SPEED = 200.0
# At that speed a job takes a tenth of a second.
BRISK = {"queue_seconds": 4.0, "run_seconds": 16.0}
START_SECONDS = 180


class Control:
    """The back door of one simulator."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._client = loopback.Client(base_url=f"{base}/_control/", timeout=60)

    def fault(
        self, name: str, *, times: int | None = None, match: str = "", each: int | None = None, **params: Any
    ) -> int:
        """Switch a fault on; ``times`` limits how often it strikes, ``each`` how often a job, ``match`` where."""
        wanted = {"name": name, "times": times, "match": match, "each": each, "params": params}
        return int(self._call("POST", "faults", wanted)["id"])

    def no_faults(self) -> None:
        self._call("DELETE", "faults")

    def known_faults(self) -> dict[str, str]:
        return dict(self._call("GET", "faults")["known"])

    def settings(self, **changes: Any) -> dict[str, Any]:
        return dict(self._call("PATCH", "settings", changes) if changes else self._call("GET", "settings"))

    def speed(self, speed: float) -> None:
        self._call("POST", "clock", {"speed": speed})

    def jump(self, seconds: float) -> None:
        """Move provider time on at once."""
        self._call("POST", "clock", {"jump": seconds})

    def jobs(self, reference: str = "", phase: str | None = None) -> list[dict[str, Any]]:
        """Newest first; ``reference`` is any text of the job."""
        asked = {"reference": reference} | ({"phase": phase} if phase else {})
        return list(self._call("GET", "jobs", params=asked)["jobs"])

    def job(self, job_id: str) -> dict[str, Any]:
        return self._call("GET", f"jobs/{job_id}")

    def finish(self, job_id: str, **failing: Any) -> dict[str, Any]:
        """End a job now; with ``code`` or ``message`` it fails with them."""
        return self._call("POST", f"jobs/{job_id}/finish", {"fail": failing} if failing else {})

    def advance(self, job_id: str) -> dict[str, Any]:
        """One phase on: from waiting to running, from running to the end."""
        return self._call("POST", f"jobs/{job_id}/advance")

    def accepted(self) -> dict[str, int]:
        """How often each of our references became a job."""
        return dict(self._call("GET", "accepted"))

    def books(self) -> list[dict[str, Any]]:
        """Every job: ``reference``, ``phase``, ``usd``, and the ``film``'s digest where each has a film of its own."""
        return list(self._call("GET", "books")["jobs"])

    def times_accepted(self, text: str) -> int:
        """How many jobs carry this text: a reference, a URL, a client request id."""
        return int(self._call("GET", "accepted", params={"reference": text})[text])

    def counts(self) -> dict[str, Any]:
        """``requests`` by route, ``jobs`` by phase, ``keys_leaked_to_files``, ``spent_usd``."""
        return self._call("GET", "requests")

    def webhooks(self, job: str | None = None, *, settled: bool = False) -> list[dict[str, Any]]:
        """Each webhook with its tries; ``settled`` first waits until none is under way."""
        if settled:
            self._call("POST", "webhooks/settle")
        return list(self._call("GET", "webhooks", params={"job": job} if job else {})["webhooks"])

    def reset(self) -> None:
        self._call("POST", "reset")

    def cpu_seconds(self) -> float:
        """Of the process, which all three share."""
        return float(self._call("GET", "health")["cpu_seconds"])

    def close(self) -> None:
        self._client.close()

    def _call(self, method: str, path: str, body: Any = None, params: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self._client.request(method, path, json=body, params=params)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return dict(answer.json())


@dataclass
class Simulators:
    """A running set. ``environment`` is what a site needs in order to use it."""

    pid: int
    environment: dict[str, str]
    hosts: dict[str, str]
    fal_admin_key: str
    runware: Control
    fal: Control
    aimlapi: Control

    @property
    def all(self) -> tuple[Control, Control, Control]:
        return (self.runware, self.fal, self.aimlapi)

    def sample(self, name: str) -> str:
        """The URL of a portrait (``portrait-768x1024.jpg``) or a voice (``voice-13900.mp3``)."""
        return f"{self.runware.base}/_samples/{name}"

    def reset(self, *, speed: float = SPEED, **settings: Any) -> None:
        for control in self.all:
            control.reset()
            control.speed(speed)
            control.settings(**(BRISK | settings))


@contextmanager
def running_simulators(
    *, speed: float = SPEED, port_base: int = 0, settings: dict[str, Any] | None = None
) -> Iterator[Simulators]:
    """Start the process, wait until all answer, and end it (also if this process dies)."""
    command = [sys.executable, "-m", "tests.simulators", "--until-stdin-ends"]
    command += ["--speed", str(speed), "--port-base", str(port_base)]
    for name, value in (settings or {}).items():
        command += ["--set", f"{name}={json.dumps(value)}"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        town = first_words(process)
        controls = {name: Control(base) for name, base in town["control"].items()}
        try:
            for control in controls.values():
                control.cpu_seconds()
            yield Simulators(
                town["pid"], town["environment"], town["hosts"], town["fal_admin_key"],
                controls["runware"], controls["fal"], controls["aimlapi"],
            )  # fmt: skip
        finally:
            for control in controls.values():
                control.close()
    finally:
        end_process(process)


def first_words(process: subprocess.Popen[str]) -> dict[str, Any]:
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.append(process.stdout.readline() if process.stdout else ""))
    reader.start()
    reader.join(START_SECONDS)
    if not lines or not lines[0]:
        raise RuntimeError(f"The simulators did not start within {START_SECONDS} s; see their messages above.")
    return dict(json.loads(lines[0]))


def end_process(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def eventually(check: Callable[[], Any], what: str, *, seconds: float = 120.0) -> Any:
    """The first true value of ``check``, asked often; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.02)


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Inbox:
    """A small HTTP server of ours that takes webhooks and uploads, and can answer badly."""

    url: str
    letters: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # taken one by one, then 200

    def wait(self, count: int = 1) -> list[Received]:
        eventually(lambda: len(self.letters) >= count, f"{count} letter(s)")
        return self.letters[:]


@contextmanager
def open_inbox(kind: type[Inbox] = Inbox) -> Iterator[Inbox]:
    inbox = kind("")

    class Slot(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = inbox.answers.pop(0) if inbox.answers else 200
            inbox.letters.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slot)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    inbox.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield inbox
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Door:
    """Where a protocol is spoken: the simulators here, our own gateway elsewhere. ``hosts`` by the real host's part."""

    key: str
    hosts: dict[str, str]
    portrait: str
    voice: Callable[[int], str]  # milliseconds to a URL
    other_keys: dict[str, str] = field(default_factory=dict)


def _door(simulators: Simulators, provider: str, key: str, **other_keys: str) -> Door:
    hosts = {
        name.partition(".")[2]: url for name, url in simulators.hosts.items() if name.partition(".")[0] == provider
    }
    return Door(
        key=simulators.environment[key],
        hosts=hosts,
        portrait=simulators.sample("portrait-768x1024.jpg"),
        voice=lambda ms: simulators.sample(f"voice-{ms}.mp3"),
        other_keys=other_keys,
    )


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[Simulators]:
    """One process for all tests of this worker."""
    with running_simulators() as simulators:
        yield simulators


@pytest.fixture
def simulators(simulator_process: Simulators) -> Simulators:
    """The simulators, as new: no jobs, no faults, brisk."""
    simulator_process.reset()
    return simulator_process


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with open_inbox() as opened:
        yield opened


@pytest.fixture
def runware_door(simulators: Simulators) -> Door:
    return _door(simulators, "runware", "RUNWARE_API_KEY")


@pytest.fixture
def fal_door(simulators: Simulators) -> Door:
    return _door(simulators, "fal", "FAL_KEY", admin=simulators.fal_admin_key)


@pytest.fixture
def aimlapi_door(simulators: Simulators) -> Door:
    return _door(simulators, "aimlapi", "AIMLAPI_KEY")


@pytest.fixture
def in_no_hurry(simulators: Simulators) -> None:
    """Jobs stay in the queue for as long as a test lasts, unless it ends them by hand."""
    for control in simulators.all:
        control.speed(0.001)
