"""Web servers under a steady load that are renewed, or stopped and started (docs/upgrading.md): no request fails."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.deploy.machines import Machine, running, under_load
from tests.support.until import until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("deploying")]

MAX_BLANKS = 2_000
SLOWEST = 25.0  # a start takes some seconds of processor time, and those who connect meanwhile wait
Running = tuple[Machine, dict[str, str]]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("renewed")) as there:
        yield there


def slow_request(machine: Machine, alice: dict[str, str], enough: Callable[[], bool]) -> bytes:
    """The head of the answer to a request whose body comes byte by byte until there is ``enough``."""
    wish = json.dumps({"portrait": alice["portrait"], "voice": alice["voice"]}).encode()
    head = (
        f"POST /api/v1/renders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {alice['test_token']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {MAX_BLANKS + len(wish)}\r\n\r\n"
    )
    with socket.create_connection(machine.listening.getsockname(), timeout=60) as line:
        line.sendall(head.encode())
        blanks = 0
        while not enough():
            line.sendall(b" ")
            blanks += 1
            time.sleep(0.1)
        line.sendall(b" " * (MAX_BLANKS - blanks) + wish)
        return line.recv(65_536).partition(b"\r\n\r\n")[0]


def test_a_server_that_is_renewed_fails_nobody(there: Running) -> None:
    machine, alice = there
    assert machine.process is not None
    with under_load(machine, alice) as load:
        until(lambda: len(load.answered) == 3, 60)
        machine.renew()
        before = machine.children()
        machine.process.send_signal(signal.SIGUSR2)
        head = slow_request(machine, alice, lambda: bool(machine.children() - before))
        until(lambda: not machine.children() & before, 60)
    assert (load.wrong, machine.process.poll()) == ([], None)
    assert load.slowest < SLOWEST
    # What had begun is ended by the process that began it, and told that this was its last answer.
    assert (head.split()[1], b"Connection: close" in head) == (b"201", True)


def test_code_that_can_not_be_loaded_takes_nobodys_place(there: Running) -> None:
    machine, _ = there
    until(lambda: bool(machine.children()), 60)
    assert machine.process is not None
    before = machine.children()
    secret = machine.site.folder / "secret_key"
    kept = secret.rename(machine.site.folder / "kept")
    secret.mkdir()  # what can't be read as a key
    try:
        machine.process.send_signal(signal.SIGUSR2)
        log = machine.site.folder / "web.log"
        until(lambda: "can't be served" in log.read_text(), 60)
    finally:
        secret.rmdir()
        kept.rename(secret)
    assert (machine.children(), httpx.get(f"{machine.address}/healthz", trust_env=False).status_code) == (before, 200)


def test_a_server_that_is_stopped_and_started_fails_nobody(there: Running) -> None:
    machine, alice = there
    with under_load(machine, alice) as load:
        until(lambda: len(load.answered) == 3, 60)
        for _ in range(2):
            assert machine.stop() == 0
            machine.start()
            many = load.answered.total()
            until(lambda many=many: load.answered.total() > many + 10, 60)
    assert load.wrong == []  # whoever waits for longer than its client does is among them
