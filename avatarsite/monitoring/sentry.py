"""Errors told to Sentry, by SENTRY_DSN; scrubbed as the logs are, without bodies, cookies, variables or people."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from structlog.contextvars import get_contextvars

from avatarsite.monitoring.scrub import scrub_all

MISSING = "SENTRY_DSN is set, and sentry-sdk is not installed: pip install 'sentry-sdk>=2.75'."
# Of a request only these: which page, and how.
ALLOWED = ("method", "url")


def tell_sentry(dsn: str, environment: str) -> None:
    """Send what is logged as an error, and what nobody caught. Called once, by the settings."""
    try:
        import sentry_sdk  # noqa: PLC0415 -- installed only where it is wanted
        from sentry_sdk.integrations.django import DjangoIntegration  # noqa: PLC0415
    except ImportError as error:
        raise ImproperlyConfigured(MISSING) from error
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        # Others would send what providers are asked.
        auto_enabling_integrations=False,
        integrations=[DjangoIntegration(signals_spans=False)],
        send_default_pii=False,
        auto_session_tracking=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_scrubbed,
        before_breadcrumb=_crumb,
    )


def _scrubbed(event: Any, _hint: object) -> Any:
    asked = event.get("request")
    if isinstance(asked, dict):
        event["request"] = {name: asked[name] for name in ALLOWED if name in asked}
    event.pop("user", None)
    event["tags"] = {**(event.get("tags") or {}), **get_contextvars()}
    return scrub_all(event)


def _crumb(crumb: Any, _hint: object) -> Any:
    return scrub_all(crumb)
