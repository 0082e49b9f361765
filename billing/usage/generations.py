"""Generations: what is sold by the piece, such as a script's voice, charged whole and booked as what it costs us."""

from __future__ import annotations

from billing.ledger import accounts, posting
from billing.models import Hold, Price, TransferKind
from billing.usage.metering import record_usage

PIECE_MS = 1_000  # as a price is of a second


def record_generations(*, subject: str, price: Price, count: int, hold: Hold, paid: bool) -> None:
    """Settle the hold for ``count`` pieces and book what we owe for them; unless ``paid`` they are our loss alone.

    Safe to repeat: a usage has its subject once, and the cost the subject's key.
    """
    if paid:
        assert hold.account.workspace is not None  # noqa: S101 -- a hold is on a wallet
        record_usage(
            workspace=hold.account.workspace,
            subject=subject,
            offer=price.offer,
            price=price,
            measured_ms=count * PIECE_MS,
            hold=hold,
            videos=0,
            generations=count,
        )
    elif cost := count * price.cost_micros_per_second:
        posting.post(
            kind=TransferKind.PROVIDER_COST,
            debit=accounts.platform(accounts.PROVIDER_COST),
            credit=accounts.platform(f"provider_payable:{price.offer.split(':', 1)[0]}"),
            amount_micros=cost,
            key=f"usage:{subject}:cost",
            subject=subject,
            memo="by the price book",
        )
