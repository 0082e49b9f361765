"""A customer's own server that takes a connection, and never answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread


@dataclass
class SlowHost:
    address: str
    visitors: list[socket.socket] = field(default_factory=list)


@contextmanager
def slow_host() -> Iterator[SlowHost]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = SlowHost(f"http://127.0.0.1:{listening.getsockname()[1]}")

        def take() -> None:
            with suppress(OSError):
                while True:
                    host.visitors.append(listening.accept()[0])

        thread = Thread(target=take, daemon=True)
        thread.start()
        try:
            yield host
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for visitor in host.visitors:
                visitor.close()
