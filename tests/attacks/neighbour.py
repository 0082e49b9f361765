"""What another customer sees of a site while somebody attacks it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from threading import Event, Thread
from urllib.parse import urlsplit

from tests.simulators import loopback

LOOKS = ("/healthz", "/account/login/")
QUICK, NEVER_HELD = 1.0, 10.0  # seconds; the machine of the tests has other work
LEAST = 6


@dataclass
class Neighbour:
    """Somebody who looks at the site again and again, with a new connection each time."""

    address: str
    seconds: list[float] = field(default_factory=list)

    def look(self, until: Event) -> None:
        while not until.is_set() or len(self.seconds) < LEAST:
            for path in LOOKS:
                began = time.monotonic()
                answer = loopback.get(self.address + path, trust_env=False)
                assert answer.status_code == 200, answer.text
                self.seconds.append(time.monotonic() - began)
            until.wait(0.1)

    def is_served(self) -> bool:
        return median(self.seconds) < QUICK and max(self.seconds) < NEVER_HELD


@contextmanager
def neighbour(address: str) -> Iterator[Neighbour]:
    """Looks at the site from here until the end of the block, for two seconds at least."""
    found, stop, ends = Neighbour(address), Event(), time.monotonic() + 2
    thread = Thread(target=found.look, args=[stop])
    thread.start()
    try:
        yield found
    finally:
        stop.wait(max(0.0, ends - time.monotonic()))
        stop.set()
        thread.join()
    assert found.is_served(), [round(one, 3) for one in sorted(found.seconds)[-5:]]


@contextmanager
def held(address: str, count: int, beginning: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that have sent this much and neither go on nor read."""
    at = urlsplit(address)
    with ExitStack() as stack:
        begun = [socket.create_connection((at.hostname, at.port), timeout=30) for _ in range(count)]
        lines = [stack.enter_context(line) for line in begun]
        for line in lines:
            line.sendall(beginning)
        yield lines


def spoken(address: str, said: bytes, *, hang_up: bool = False) -> bytes:
    """What a connection answers to bytes, to its end; empty if it is hung up on first."""
    at = urlsplit(address)
    with socket.create_connection((at.hostname, at.port), timeout=15) as line:
        line.sendall(said)
        if hang_up:
            return b""
        answer = b""
        while chunk := line.recv(65_536):
            answer += chunk
        return answer
