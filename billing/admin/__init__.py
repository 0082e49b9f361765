"""The admin site's pages of billing."""

from billing.admin import customer, ledger, promotions, reports, stripe

__all__ = ["customer", "ledger", "promotions", "reports", "stripe"]
