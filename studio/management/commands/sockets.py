from __future__ import annotations

from typing import Any

import uvicorn
from django.core.management.base import BaseCommand

from avatarsite.web.succession import listening_socket
from studio.gateway.http import BODY_LIMIT

# What is a little above the limit is read and refused by name; what is far above ends its connection.
MAX_FRAME_BYTES = BODY_LIMIT + 10_000_000
CONNECTIONS = 1_000  # of one process
STOP_SECONDS = 10  # for answers that are under way


class Command(BaseCommand):
    help = "Serves Runware's WebSocket at ws://HOST:PORT/compat/runware/v1. SIGTERM or Ctrl-C stops it gracefully."
    # They would load every page of the site.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8001)

    def handle(self, *_args: Any, **options: Any) -> None:
        config = uvicorn.Config(
            "avatarsite.asgi:application",
            ws="websockets-sansio",
            ws_max_size=MAX_FRAME_BYTES,
            ws_per_message_deflate=False,  # a small frame could become a large one
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=STOP_SECONDS,
            lifespan="off",
            access_log=False,
            log_level="warning",
        )
        with listening_socket((options["host"], options["port"])) as listening:
            uvicorn.Server(config).run([listening])
