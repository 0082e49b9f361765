"""An ASGI application asked from within a request of ours, by httpx's transport for them."""

from __future__ import annotations

from typing import Any

import httpx
from django.http import HttpRequest, HttpResponse

OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


async def exchange(application: Any, request: HttpRequest) -> HttpResponse:
    """The whole answer to the whole request."""
    transport = httpx.ASGITransport(application)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in OURS}
    asked = httpx.Request(request.method or "GET", request.build_absolute_uri(), headers=headers, content=request.body)
    answer = await transport.handle_async_request(asked)
    content = await answer.aread()
    told = {name: value for name, value in answer.headers.items() if name.lower() not in OURS}
    return HttpResponse(content, status=answer.status_code, headers=told)
