"""One process of the web server: waitress on a socket that it has from its parent, until it is told to stop.

waitress reads headers and bodies and writes answers on its own loop, and takes a thread only while the application is
at work. So nobody who is slow holds a thread.
"""

from __future__ import annotations

import resource
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from avatarsite.web import places
from avatarsite.web.parser import Channel, is_at_work
from avatarsite.web.succession import BACKLOG
from avatarsite.web.waiting import Limits, Waiting

Application = Callable[..., Iterable[bytes]]

CONNECTIONS = 2_000  # of one process; above it new ones wait in the kernel's queue
FILES_EACH = 3  # a connection, what it sends and what it is sent
IDLE_SECONDS = 30
LOOP_SECONDS = 1.0
DRAIN_SECONDS = 25.0
LINGER_SECONDS = 3.0  # for the next request of who keeps a connection: it is answered, and told that it was the last
NO_LIMIT = 1 << 40


def serve(application: Application, listening: list[socket.socket], limits: Limits) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those that are at work."""
    stops: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: stops.append(got))
    places.of_threads(limits.threads)
    watched: dict[int, Any] = {}
    server = create_server(
        without_bodies_for_head(application),
        map=watched,
        sockets=listening,
        threads=limits.threads,
        connection_limit=_connections(),
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=5,
        # So that it goes on reading while a request is at work, and notices who has hung up.
        channel_request_lookahead=1,
        # An answer waits on the disk, and never in a thread, for whoever reads slowly.
        outbuf_high_watermark=NO_LIMIT,
        # How much a body may have is each entry point's own to say.
        max_request_body_size=NO_LIMIT,
        asyncore_use_poll=True,
        # Whose word counts is for TRUSTED_PROXIES to say (avatarsite/http/proxies.py).
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
        ident=None,
    )
    servers = [each for each in watched.values() if hasattr(each, "active_channels")]
    waiting = Waiting(server.task_dispatcher, limits)
    for each in servers:
        each.channel_class, each.task_dispatcher = Channel, waiting
    while not stops:
        wasyncore.loop(timeout=LOOP_SECONDS, use_poll=True, map=watched, count=1)
        waiting.look()
    places.close()
    for each, accepting in zip(servers, listening, strict=True):
        for _ in range(BACKLOG):  # who has come already is not sent away
            if select.select([accepting], [], [], 0)[0]:
                each.handle_accept()
        watched.pop(accepting.fileno(), None)
        accepting.close()
        each.accepting = False
    _drain(servers, watched, waiting)
    waiting.shutdown(timeout=1)


def without_bodies_for_head(application: Application) -> Application:
    """Django gives HEAD the whole answer and leaves it to the server to send no more than its headers."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = application(environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            return body
        if hasattr(body, "close"):
            body.close()
        return []

    return answer


def _drain(servers: list[Any], watched: dict[int, Any], waiting: Waiting) -> None:
    """Let what is at work finish, and be sent."""
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < DRAIN_SECONDS and any(
        passed < LINGER_SECONDS or is_at_work(channel)
        for server in servers
        for channel in server.active_channels.values()
    ):
        wasyncore.loop(timeout=0.1, use_poll=True, map=watched, count=1)
        waiting.look()


def _connections() -> int:
    """As many connections as there may be files for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS * FILES_EACH + 100
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return max(10, (allowed - 100) // FILES_EACH)
