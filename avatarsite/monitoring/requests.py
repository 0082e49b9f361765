"""Requests as they are seen from outside: an id for each, its lines in the log, and how many there were."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from avatarsite.ids import new_id
from avatarsite.monitoring import logs
from avatarsite.monitoring.metrics import counter, histogram

logger = logging.getLogger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What an address may name, and what it is called in the log.
NAMED = {"render": "render", "workspace": "workspace", "request_id": "gateway_request"}
HEADER = "X-Request-Id"
QUIET = frozenset({"healthz", "readyz", "metrics"})

REQUESTS = counter("http_requests", "Requests answered, by the route's name.", "route", "method", "status")
SECONDS = histogram("http_request_duration_seconds", "Time until the answer begins.", "route", "method")


class SeenFromOutside:
    """The outermost middleware: every answer is counted, told and named by an id, whoever gave it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = new_id("req")
        logs.begin(request=request_id)
        began = time.monotonic()
        response = self._get_response(request)
        seconds = time.monotonic() - began
        response[HEADER] = request_id
        route, method = route_of(request), request.method if request.method in METHODS else "other"
        REQUESTS.labels(route, method, str(response.status_code)).inc()
        SECONDS.labels(route, method).observe(seconds)
        if route not in QUIET:
            told = {"route": route, "method": method, "status": response.status_code, "ms": round(seconds * 1000)}
            logger.info("%s %s: %s", method, route, response.status_code, extra=told)
        return response

    def process_view(self, _request: HttpRequest, _view: object, _args: object, given: dict[str, Any]) -> None:
        logs.is_about(**{NAMED[name]: str(value) for name, value in given.items() if name in NAMED and value})


def route_of(request: HttpRequest) -> str:
    """The name of the address's route, never the address: that may hold a signature."""
    match = getattr(request, "resolver_match", None)
    return str(match.view_name or match.route or "unnamed") if match else "none"
