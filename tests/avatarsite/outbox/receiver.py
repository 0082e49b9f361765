"""A customer's receiver on loopback, which notes what it gets and answers as it is told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes
    began: float
    ended: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def sequence(self) -> int:
        return int(self.said["sequence"])

    def verified(self, secret: str) -> Any:
        """What the library for receivers makes of it; raises if the signature does not fit."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Says:
    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0


@dataclass
class Receiver:
    url: str
    got: list[Got] = field(default_factory=list)
    answer: Callable[[str, dict[str, Any]], Says] = lambda _path, _said: Says()
    lock: Lock = field(default_factory=Lock)

    def at(self, path: str) -> list[Got]:
        return [one for one in self.got if one.path == path]


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    here = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            began = time.monotonic()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            says = here.answer(self.path, json.loads(body))
            if says.after:
                time.sleep(says.after)  # it is slow: that is what is tested
            headers = {name.lower(): value for name, value in self.headers.items()}
            with here.lock:
                here.got.append(Got(self.path, headers, body, began, time.monotonic()))
            self.send_response(says.status)
            for name, value in ({"Content-Length": str(len(says.body))} | says.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(says.body)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    here.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
