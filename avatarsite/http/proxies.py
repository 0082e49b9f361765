"""Trusted proxies: whose word counts about where a request comes from. Nobody's, unless TRUSTED_PROXIES says so."""

from __future__ import annotations

import logging
from functools import cache
from ipaddress import ip_address

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest

from avatarsite.alerts import raise_alert
from avatarsite.http.entry_points import Respond

logger = logging.getLogger(__name__)

FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
# X-Forwarded-Proto stays: it only says whether the way to the proxy was https, which is redirected if it was not.
CLAIMS = (FORWARDED_FOR, "HTTP_FORWARDED", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_REAL_IP")
UNSET = (
    "A proxy at {} sends X-Forwarded-For, and TRUSTED_PROXIES is not set: limits of sign-in and of webhooks see every "
    "visitor as one, the proxy. Set TRUSTED_PROXIES to the number of proxies of yours that add to that header."
)


def forget_untrusted_claims(get_response: Respond) -> Respond:
    """Drop what a visitor may have written, and tell the operator once when it looks as if a proxy had."""

    def middleware(request: HttpRequest) -> object:
        if not settings.ALLAUTH_TRUSTED_PROXY_COUNT:
            claims = {name for name in CLAIMS if request.META.pop(name, None)}
            if FORWARDED_FOR in claims and _is_near(request.META.get("REMOTE_ADDR", "")):
                _tell_once(request.META["REMOTE_ADDR"])
        return get_response(request)

    return middleware  # type: ignore[return-value]


def _is_near(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return found.is_loopback or found.is_private


@cache
def _tell_once(address: str) -> None:
    """Once for each proxy and process; the alert counts the processes."""
    try:
        raise_alert("proxies", "TRUSTED_PROXIES", UNSET.format(address))
    except DatabaseError:
        logger.warning(UNSET.format(address))
