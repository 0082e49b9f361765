"""fal's clients know two hosts; when ours have names of their own, the host alone says which form is meant."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

Respond = Callable[[HttpRequest], HttpResponseBase]


def route_by_host(get_response: Respond) -> Respond:
    """Let the hosts of ``GATEWAY_FAL_…_HOST`` have fal's routes at their root."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.GATEWAY_FAL_RUN_HOST or settings.GATEWAY_FAL_QUEUE_HOST:
            host = request.META.get("HTTP_HOST", "").lower()
            if _is(host, settings.GATEWAY_FAL_QUEUE_HOST):
                request.urlconf = "studio.gateway.fal.queue_host"
            elif _is(host, settings.GATEWAY_FAL_RUN_HOST):
                request.urlconf = "studio.gateway.fal.run_host"
        return get_response(request)

    return middleware


def _is(host: str, named: str) -> bool:
    """A name without a port is meant at any port."""
    return bool(named) and named.lower() in (host, host.rpartition(":")[0])
