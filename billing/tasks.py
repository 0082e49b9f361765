"""What the queue may ask of billing: each loads nothing, makes one call, and may run any number of times."""

from __future__ import annotations

import logging

from avatarsite import jobs
from billing import budget_mail, cost_drift, ledger, nightly, summaries
from billing.stripe_tasks import (
    auto_top_up,
    check_top_up,
    look_at_balance,
    mail_ceiling,
    mail_low_balance,
    mail_top_up,
    reconcile_stripe,
    send_refund,
    sweep_stripe,
)

__all__ = [
    "auto_top_up",
    "check_top_up",
    "expire_lots",
    "look_at_balance",
    "mail_budget_notice",
    "mail_ceiling",
    "mail_low_balance",
    "mail_summary",
    "mail_top_up",
    "mail_unsent",
    "reconcile_stripe",
    "send_refund",
    "sweep_stripe",
    "verify_ledger",
    "watch_cost_drift",
    "write_summaries",
]

logger = logging.getLogger(__name__)


def expire_lots() -> None:
    """Book credit whose date has passed. Meant to run every few minutes; ``place_hold`` never waits for it."""
    if expired := ledger.expire_lots():
        logger.info("Booked %d lots of credit that lapsed", expired)


def verify_ledger() -> None:
    """The nightly check: one alert to the operator for each rule that is broken."""
    nightly.verify_ledger()


def watch_cost_drift() -> None:
    """Tell the operator of offers whose provider reports another cost than we expect; meant to run every hour."""
    cost_drift.watch()


def mail_budget_notice(*, notice_id: int) -> None:
    budget_mail.mail_budget_notice(notice_id)


def mail_unsent() -> None:
    """Notices whose task was lost, or whose mail failed."""
    for notice_id in budget_mail.unsent_notices():
        jobs.enqueue("billing.mail_budget_notice", notice_id=notice_id)


def write_summaries() -> None:
    """Last month's letters, in the first days of a month; meant to run every hour."""
    summaries.write_due()


def mail_summary(*, summary_id: int) -> None:
    summaries.mail_summary(summary_id)
