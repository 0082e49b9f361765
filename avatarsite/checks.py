"""System checks of a real installation: ``manage.py check --deploy`` names what a demo may leave out."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 -- Django's own name


@register(Tags.security, deploy=True)
def debug_is_off(**_: Any) -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    return [Warning("DEBUG is on: errors show source code to anybody.", hint="Leave DEBUG out.", id="site.W001")]


@register(Tags.security, deploy=True)
def public_url_is_https(**_: Any) -> list[CheckMessage]:
    if settings.PUBLIC_URL.startswith("https://"):
        return []
    state = f"is {settings.PUBLIC_URL}, which is not https" if settings.PUBLIC_URL else "is not set"
    return [
        Warning(
            f"PUBLIC_URL {state}: cookies travel unprotected, and links in mail take the Host header's word.",
            hint="Set PUBLIC_URL to the address that people type, such as https://studio.example.org.",
            id="site.W002",
        )
    ]


@register(Tags.security, deploy=True)
def secret_key_is_given(**_: Any) -> list[CheckMessage]:
    if os.environ.get("SECRET_KEY", "").strip() or os.environ.get("SECRET_KEY_FILE", "").strip():
        return []
    return [
        Warning(
            f"SECRET_KEY is kept in {settings.VAR_DIR / 'secret_key'}: a second web process elsewhere makes another.",
            hint="Set SECRET_KEY, or SECRET_KEY_FILE to the path of a file with it.",
            id="site.W003",
        )
    ]


@register(Tags.security, deploy=True)
def mail_server_is_set(**_: Any) -> list[CheckMessage]:
    if settings.EMAIL_URL:
        return []
    return [
        Warning(
            f"EMAIL_URL is not set: mail goes to files in {settings.EMAIL_FILE_PATH} and reaches nobody.",
            hint="Set EMAIL_URL, such as smtps://user:password@mail.example.org, and EMAIL_FROM.",
            id="site.W004",
        )
    ]


@register(Tags.security, deploy=True)
def sender_is_ours(**_: Any) -> list[CheckMessage]:
    if not settings.EMAIL_URL or "@localhost" not in settings.DEFAULT_FROM_EMAIL:
        return []
    return [
        Warning(
            f"Mail is sent from {settings.DEFAULT_FROM_EMAIL}, which other mail servers refuse.",
            hint="Set EMAIL_FROM, such as 'Avatar Studio <studio@example.org>'.",
            id="site.W005",
        )
    ]


@register(Tags.security, deploy=True)
def proxies_are_counted(**_: Any) -> list[CheckMessage]:
    if not settings.PUBLIC_URL.startswith("https://") or settings.ALLAUTH_TRUSTED_PROXY_COUNT:
        return []
    return [
        Warning(
            "TRUSTED_PROXIES is 0 behind https: rate limits of sign-in see every visitor as one, the proxy.",
            hint="Set TRUSTED_PROXIES to the number of proxies of yours that add to X-Forwarded-For.",
            id="site.W006",
        )
    ]


@register(Tags.database, deploy=True)
def database_is_postgres(**_: Any) -> list[CheckMessage]:
    if settings.DATABASE_URL:
        return []
    return [
        Warning(
            "DATABASE_URL is not set: everything, money included, is in one SQLite file on this machine.",
            hint="Set DATABASE_URL to a PostgreSQL, such as postgresql://studio@db.example.org/studio.",
            id="site.W007",
        )
    ]
