"""Generations: what is sold by the piece, such as a script's voice, charged whole and booked as what it costs us."""

from __future__ import annotations

from django.db import transaction

from billing.holds.holds import settle_hold
from billing.ledger import accounts, posting
from billing.models import Hold, Price, TransferKind
from billing.money import usd


def record_generations(*, subject: str, price: Price, count: int, hold: Hold, paid: bool) -> None:
    """Settle the hold for ``count`` pieces and book what we owe for them; unless ``paid`` they are our loss alone.

    Safe to repeat: a hold is settled once, and the cost has the subject's key.
    """
    with transaction.atomic():
        if paid:
            each = usd(price.price_micros_per_second)
            memo = f"1 generation at {each}" if count == 1 else f"{count} generations at {each}"
            settle_hold(hold, min(count * price.price_micros_per_second, hold.amount_micros), memo=memo)
        if cost := count * price.cost_micros_per_second:
            posting.post(
                kind=TransferKind.PROVIDER_COST,
                debit=accounts.platform(accounts.PROVIDER_COST),
                credit=accounts.platform(f"provider_payable:{price.offer.split(':', 1)[0]}"),
                amount_micros=cost,
                key=f"usage:{subject}:cost",
                subject=subject,
                memo="by the price book",
            )
