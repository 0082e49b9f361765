from __future__ import annotations

import sqlite3
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 -- Django's own name
from django.db import connection

from billing.prices import price_book
from billing.stripe import client

MIN_SQLITE = (3, 35)  # RETURNING


@register(Tags.compatibility)
def sqlite_can_return(**_: Any) -> list[CheckMessage]:
    if connection.vendor != "sqlite" or sqlite3.sqlite_version_info >= MIN_SQLITE:
        return []
    return [
        Error(
            f"The ledger needs SQLite 3.35 or later, and this Python has {sqlite3.sqlite_version}.",
            hint="Use a Python with a newer SQLite, or set DATABASE_URL to a PostgreSQL.",
            id="billing.E001",
        )
    ]


STRIPE_HOST = "https://api.stripe.com"


@register(Tags.security)
def live_keys_move_real_money_only_where_they_should(**_: Any) -> list[CheckMessage]:
    """What would take real money by mistake stops every command."""
    if not client.livemode():
        return []
    mistakes = (
        (settings.DEBUG, "DEBUG is on", "Use a test key, or leave DEBUG out.", "E002"),
        (settings.STAND_INS, "STAND_INS says that Stripe is a stand-in", "Use a test key.", "E003"),
        (
            settings.STRIPE_API_BASE != STRIPE_HOST,
            f"STRIPE_API_BASE sends it to {settings.STRIPE_API_BASE}",
            "Leave STRIPE_API_BASE out.",
            "E004",
        ),
    )
    return [
        Error(f"STRIPE_SECRET_KEY is a live key, and {what}.", hint=hint, id=f"billing.{number}")
        for is_so, what, hint, number in mistakes
        if is_so
    ]


@register(Tags.compatibility)
def something_is_earned(**_: Any) -> list[CheckMessage]:
    """Said at each start, and on the desk's first page."""
    if not price_book.sells_at_cost():
        return []
    return [
        Warning(
            "PRICE_MARKUP_PERCENT is 0 with a live key of Stripe: everything sells at what providers take, "
            "and Stripe's fees are a loss.",
            hint="Set PRICE_MARKUP_PERCENT, such as 30, and set new prices.",
            id="billing.W006",
        )
    ]


@register(Tags.security)
def webhook_secrets_are_webhook_secrets(**_: Any) -> list[CheckMessage]:
    if all(secret.startswith("whsec_") for secret in settings.STRIPE_WEBHOOK_SECRET):
        return []
    return [
        Error(
            "STRIPE_WEBHOOK_SECRET must start with whsec_; every letter of Stripe's would be refused as forged.",
            hint="Copy the endpoint's signing secret from Stripe's dashboard; two go with a comma between them.",
            id="billing.E005",
        )
    ]


@register(Tags.security, deploy=True)
def stripe_is_set_up_whole(**_: Any) -> list[CheckMessage]:
    key, secrets = settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET
    gaps = (
        (
            bool(key) and not secrets,
            "STRIPE_SECRET_KEY is set without STRIPE_WEBHOOK_SECRET: refunds and disputes are seen at night only.",
            "Make a webhook endpoint in Stripe, and set its signing secret; docs/billing.md has its events.",
            "W001",
        ),
        (
            bool(secrets) and not key,
            "STRIPE_WEBHOOK_SECRET is set without STRIPE_SECRET_KEY: top-ups are off.",
            "Set STRIPE_SECRET_KEY, or leave both out.",
            "W002",
        ),
        (
            key.startswith("sk_live_"),
            "STRIPE_SECRET_KEY may do everything in the Stripe account.",
            "Use a restricted key, rk_live_…; docs/billing.md lists what it needs.",
            "W003",
        ),
        (
            bool(settings.STRIPE_TAX_CODE) and not settings.STRIPE_TAX,
            "STRIPE_TAX_CODE is set, and STRIPE_TAX is off: no tax is added.",
            "Set STRIPE_TAX=1, or leave STRIPE_TAX_CODE out.",
            "W004",
        ),
        (
            client.livemode() and not settings.PUBLIC_URL.startswith("https://"),
            "STRIPE_SECRET_KEY is a live key, and PUBLIC_URL is not https: Stripe's webhooks can't reach this site.",
            "Set PUBLIC_URL to the https address of this site.",
            "W005",
        ),
    )
    return [Warning(message, hint=hint, id=f"billing.{number}") for is_so, message, hint, number in gaps if is_so]
