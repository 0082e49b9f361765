"""What the queue may ask of billing: each loads nothing, makes one call, and may run any number of times."""

from __future__ import annotations

import logging

from billing import ledger

logger = logging.getLogger(__name__)


def expire_lots() -> None:
    """Book credit whose date has passed. Meant to run every few minutes; ``place_hold`` never waits for it."""
    if expired := ledger.expire_lots():
        logger.info("Booked %d lots of credit that lapsed", expired)


def verify_ledger() -> None:
    """The nightly check; each finding is logged as an error."""
    for finding in ledger.verify():
        logger.error("Ledger: %s: %s", finding.code, finding.sentence)
