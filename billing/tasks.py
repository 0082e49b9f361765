"""Tasks of billing: each loads nothing, makes one call, and may run any number of times."""

from __future__ import annotations

import logging

from billing.ledger import posting
from billing.prices import cost_drift
from billing.statements import monthly_mail
from billing.stripe_sync.tasks import (
    auto_top_up,
    check_low_balance,
    check_top_up,
    reconcile_stripe,
    send_refund,
)
from billing.verify import verification

__all__ = [
    "auto_top_up",
    "check_low_balance",
    "check_top_up",
    "expire_lots",
    "reconcile_stripe",
    "send_refund",
    "verify_ledger",
    "watch_cost_drift",
    "write_summaries",
]

logger = logging.getLogger(__name__)


def expire_lots() -> None:
    """Book credit whose date has passed. Meant to run every few minutes; ``place_hold`` never waits for it."""
    if expired := posting.expire_lots():
        logger.info("Booked %d lots of credit that lapsed", expired)


def verify_ledger() -> None:
    """The nightly check: one alert to the operator for each rule that is broken."""
    verification.verify_nightly()


def watch_cost_drift() -> None:
    """Tell the operator of offers whose provider reports another cost than we expect; meant to run every hour."""
    cost_drift.watch()


def write_summaries() -> None:
    """Last month's mails, in the first days of a month; meant to run every hour."""
    monthly_mail.write_due()
