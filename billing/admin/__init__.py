"""The admin site's pages of billing."""

from billing.admin import ledger, promotions, reports, stripe

__all__ = ["ledger", "promotions", "reports", "stripe"]
