"""The actor: on whose behalf this thread works. A request's person or token, else the service itself."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from avatarsite.audit.models import ActorKind

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is an e-mail address or a token's name; ``address`` where the request came from."""

    kind: ActorKind
    name: str
    user_id: int | None = None
    address: str | None = None


SERVICE = Actor(ActorKind.SYSTEM, "Avatar Studio")


def know_the_actor(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], Any]:
    """The middleware by which an act knows of which request it is."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        known = _request.set(request)
        try:
            return get_response(request)
        finally:
            _request.reset(known)

    return middleware


def current() -> Actor:
    """Read anew each time: a request is known before its person is."""
    request = _request.get()
    if request is None:
        return SERVICE
    token = getattr(request, "auth", None)
    if token is not None:  # as the API's authentication leaves it
        return Actor(ActorKind.TOKEN, str(token), token.made_by_id, _address(request))
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Actor(ActorKind.MEMBER, "somebody who is not signed in", address=_address(request))
    kind = ActorKind.STAFF if _is_admin_site(request) else ActorKind.MEMBER
    return Actor(kind, user.email, user.pk, _address(request))


def _is_admin_site(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.app_names[:1] == ["admin"]


def _address(request: HttpRequest) -> str | None:
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:  # no address that could be trusted
        return None
