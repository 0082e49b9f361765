"""What can be turned about this Stripe."""

from __future__ import annotations

from dataclasses import dataclass, field

import stripe
from stripe._api_version import _ApiVersion

from tests.simulators.settings import Turnable

SDK = stripe.VERSION


@dataclass
class StripeSettings(Turnable):
    """Seconds are Stripe's seconds, which the clock may speed up."""

    keys: list[str] = field(default_factory=list)  # full keys: sk_test_…
    restricted_keys: list[str] = field(default_factory=list)  # rk_test_…: may do what `permissions` lists
    permissions: list[str] = field(default_factory=list)  # such as checkout_session_write, charge_read
    api_version: str = _ApiVersion.CURRENT  # the only one that is answered, and that events carry
    livemode: bool = False
    webhook_url: str = ""  # "" sends nothing
    webhook_secret: str = "whsec_simulated"
    old_webhook_secret: str = ""  # while a secret is being rolled Stripe signs with both
    enabled_events: list[str] = field(default_factory=lambda: ["*"])
    delivery: str = "at_once"  # or "held": nothing goes out by itself
    webhook_timeout_real_seconds: float = 20.0
    tax_percent: float = 20.0  # what automatic_tax adds
    async_seconds: float = 0.0  # how long a bank debit takes; 0 is until somebody settles it
    async_succeeds: bool = True
    fee_percent: float = 2.9
    fee_cents: int = 30
    dispute_fee_cents: int = 1500
    refunds: str = "succeeded"  # or "pending", until somebody settles them
    failed_refund: str = "subtracts"  # from the charge's amount_refunded, or "stays"
