"""A server that misbehaves on the wire in ways that no HTTP library would: for the edges of studio/providers/http."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Act = Callable[[socket.socket, bytes], None]


@dataclass
class Wire:
    """``act`` is called with the connection and each request's head; ``heads`` and ``connections`` are what came."""

    port: int
    act: Act
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> Act:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    whole = "\r\n".join(lines).encode() + body
    return lambda connection, _: connection.sendall(whole)


def in_turn(*acts: Act) -> Act:
    """Each request gets the next one."""
    left = list(acts)

    def act(connection: socket.socket, head: bytes) -> None:
        left.pop(0)(connection, head)

    return act


def hang_up(connection: socket.socket, _: bytes) -> None:
    connection.close()


def reset(connection: socket.socket, _: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def say_half(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
    connection.close()


def say_nothing(_: socket.socket, __: bytes) -> None:
    """Keep the connection and be silent."""


@contextmanager
def wire(act: Act, *, tls: ssl.SSLContext | None = None) -> Iterator[Wire]:
    listener = socket.create_server(("127.0.0.1", 0))
    opened = Wire(listener.getsockname()[1], act)
    open_now: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while head := _head(connection):
                opened.heads.append(head)
                opened.act(connection, head)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                opened.connections += 1
                if tls:
                    try:
                        connection = tls.wrap_socket(connection, server_side=True)
                    except OSError:
                        connection.close()
                        continue
                open_now.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield opened
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_now:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        thread.join(5)


def _head(connection: socket.socket) -> bytes:
    """One request's head; its body, which is small here, is read and dropped."""
    head = b""
    while b"\r\n\r\n" not in head:
        got = connection.recv(65_536)
        if not got:
            return b""
        head += got
    head, _, body = head.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            left = int(line.split(b":")[1]) - len(body)
            while left > 0:
                left -= len(connection.recv(min(left, 65_536)) or b"x" * left)
    return head


def closed_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])
