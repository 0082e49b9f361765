"""Middleware that routes fal's clients: they know two hosts, and with ``proxyUrl`` one address for everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path

from studio.gateway.fal import urls
from studio.gateway.fal.errors import error_response

Routes = tuple[URLPattern | URLResolver, ...]
Respond = Callable[[HttpRequest], HttpResponseBase]
ROOT = "/compat/fal"
PROXY = f"{ROOT}/proxy"
# fal's own hosts, and where what they answer is answered here.
HOSTS = {
    "queue.fal.run": ROOT,
    "fal.run": f"{ROOT}/run",
    "rest.fal.ai": f"{ROOT}/rest",
    "rest.alpha.fal.ai": f"{ROOT}/rest",
    "api.fal.ai": f"{ROOT}/platform",
}
NO_TARGET = "Say in x-fal-target-url which address of fal the request is for, such as https://queue.fal.run/…"


def route_by_host(get_response: Respond) -> Respond:
    """Let the hosts of ``GATEWAY_FAL_…_HOST`` have fal's routes at their root."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.GATEWAY_FAL_RUN_HOST or settings.GATEWAY_FAL_QUEUE_HOST:
            host = request.META.get("HTTP_HOST", "").lower()
            if _is(host, settings.GATEWAY_FAL_QUEUE_HOST):
                _route(request, _at_root("queue"))
            elif _is(host, settings.GATEWAY_FAL_RUN_HOST):
                _route(request, _at_root("run"))
        return get_response(request)

    return middleware


def _route(request: HttpRequest, routes: Routes) -> None:
    request.urlconf = routes  # type: ignore[assignment]  # Django takes patterns, too
    request.entry_point = "/compat/fal"  # type: ignore[attr-defined]


@cache
def _at_root(name: str) -> Routes:
    """Routes of fal under this name; the site's own follow, so that links to them can be made meanwhile."""
    return (*getattr(urls, name), path("", include(settings.ROOT_URLCONF)))


def route_by_target(get_response: Respond) -> Respond:
    """Let a client that was given our address as its ``proxyUrl`` have the route that its target names.

    Nothing is asked of the target: its host only says which of our routes is meant.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info.rstrip("/") == PROXY and request.method != "OPTIONS":
            target = _target(request.headers.get("X-Fal-Target-Url", ""))
            if target is None:
                return error_response(400, NO_TARGET)
            request.path = request.path_info = request.META["PATH_INFO"] = target[0]
            request.META["QUERY_STRING"] = target[1]
        return get_response(request)

    return middleware


def _target(url: str) -> tuple[str, str] | None:
    """Path and query here, for an address of fal's or one of ours below its root."""
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if not parts.path.strip("/"):
        return None
    if parts.scheme in ("http", "https") and host in HOSTS:
        return HOSTS[host] + unquote(parts.path), parts.query
    if f"{parts.scheme}://{parts.netloc}" == settings.SITE_URL and parts.path.startswith(f"{ROOT}/"):
        return unquote(parts.path), parts.query
    return None


def _is(host: str, named: str) -> bool:
    """A name without a port is meant at any port."""
    return bool(named) and named.lower() in (host, host.rpartition(":")[0])
