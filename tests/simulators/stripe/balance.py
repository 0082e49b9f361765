"""Our balance at Stripe: one transaction for each movement, with the fee that Stripe keeps."""

from __future__ import annotations

from stripe import BalanceTransaction

from tests.simulators.stripe.shapes import Body, shaped
from tests.simulators.stripe.world import World

DAYS = 86_400


def half_up(cents: float) -> int:
    return int(cents + 0.5)


def book(world: World, source: Body, *, kind: str, amount: int, fee: int, category: str) -> Body:
    """A balance transaction; ``source`` is the object that moved our balance at Stripe, and points to it."""
    details = [
        {"amount": fee, "currency": source["currency"], "description": "Stripe processing fees", "type": "stripe_fee"}
    ]
    transaction = world.add(
        "balance_transaction",
        amount=amount, fee=fee, net=amount - fee, currency=source["currency"], source=source["id"], type=kind,
        reporting_category=category, status="pending", available_on=world.now() + 2 * DAYS, balance_type="payments",
        fee_details=[shaped(BalanceTransaction.FeeDetail, detail) for detail in details] if fee else [],
    )  # fmt: skip
    if "balance_transaction" in source:
        source["balance_transaction"] = transaction["id"]
    return transaction
