"""Stripe's fees for payments, as its balance transactions say: ``stripe_fees`` grows, what is with Stripe shrinks.

They are booked at night, from its own lists, because a webhook of a payment comes before its fee is known.
"""

from __future__ import annotations

from datetime import datetime

from billing.ledger import accounts, posting
from billing.models import TransferKind
from billing.stripe import client
from billing.stripe.objects import FeeFacts
from billing.topups.checkout import CENT_MICROS


def book_fees(since: datetime) -> tuple[int, list[str]]:
    """Book each fee since then once; how many there are, and a sentence for each that can't be booked."""
    fees = [fee for fee in client.fees_since(since) if fee.fee]
    strange = []
    for fee in fees:
        if fee.currency == "usd":
            _book(fee)
        else:
            strange.append(f"The fee {fee.id} is {fee.fee / 100:.2f} {fee.currency.upper()}, not dollars.")
    return len(fees), strange


def _book(fee: FeeFacts) -> None:
    fees, clearing = accounts.platform(accounts.STRIPE_FEES), accounts.platform(accounts.STRIPE_CLEARING)
    debit, credit = (fees, clearing) if fee.fee > 0 else (clearing, fees)
    posting.post(
        kind=TransferKind.ADJUST,
        debit=debit,
        credit=credit,
        amount_micros=abs(fee.fee) * CENT_MICROS,
        key=f"stripe:{fee.id}:fee:1",
        memo=f"Stripe's fee for {fee.source_id}" if fee.source_id else "Stripe's fee",
    )
