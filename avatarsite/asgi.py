"""ASGI application: the WebSocket alone. Pages, the API and the other protocols are served by WSGI."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatarsite.settings")

import django

django.setup()

from studio.gateway.runware import socket  # noqa: E402 -- models need Django

PATH = "/compat/runware/v1"
HERE = b"WebSockets alone are served here, at " + PATH.encode()


async def application(scope: socket.Message, receive: socket.Receive, send: socket.Send) -> None:
    if scope["type"] == "websocket" and scope["path"].rstrip("/") == PATH:
        await socket.serve(receive, send)
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 426, "headers": [(b"upgrade", b"websocket")]})
        await send({"type": "http.response.body", "body": HERE})
