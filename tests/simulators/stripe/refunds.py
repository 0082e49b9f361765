"""Refunds: asked for by the API or made in the dashboard, and those that fail after they had looked well."""

from __future__ import annotations

from tests.simulators.stripe.balance import book
from tests.simulators.stripe.cards import card_of
from tests.simulators.stripe.customers import merged
from tests.simulators.stripe.errors import bad
from tests.simulators.stripe.payments import given_payment
from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import Call, World

GONE = ("failed", "canceled")
BANK_SECONDS = 60.0  # until the word of the bank of a card whose refunds take time, or fail


def create(world: World, call: Call) -> Body:
    charge = given_payment(world, call.params)
    amount = call.params.get("amount", charge["amount"] - charge["amount_refunded"])
    demand_refundable(charge, amount)
    return make_refund(
        world, charge, amount, reason=call.params.get("reason"), metadata=call.params.get("metadata") or {}
    )


def demand_refundable(charge: Body, amount: int) -> None:
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        raise bad(f"This charge ({charge['id']}) has not been paid; it cannot be refunded.", param="charge")
    if charge["disputed"]:
        said = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise bad(said, code="charge_disputed", param="charge")
    if left == 0:
        raise bad(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount < 1:
        raise bad("This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount")
    if amount > left:
        said = f"Refund amount (${amount / 100:,.2f}) is greater than unrefunded amount on charge (${left / 100:,.2f})"
        raise bad(said, param="amount")


def retrieve(world: World, call: Call) -> Body:
    return world.get("refund", call.id)


def update(world: World, call: Call) -> Body:
    refund = world.get("refund", call.id)
    if "metadata" in call.params:
        metadata = merged(refund["metadata"] or {}, call.params["metadata"])
        world.change(refund, "refund.updated", metadata=metadata)
    return refund


def make_refund(
    world: World, charge: Body, amount: int, *, reason: str | None = None, metadata: Body | None = None
) -> Body:
    """The money goes back now, unless the card or the settings say later."""
    method = world.tables["payment_method"].get(charge["payment_method"])
    behaviour = card_of(world, method).behaviour if method else "good"
    is_pending = behaviour == "refund_pending" or world.settings.refunds == "pending"
    refund = world.add(
        "refund",
        amount=amount, currency=charge["currency"], charge=charge["id"], payment_intent=charge["payment_intent"],
        reason=reason, metadata=metadata or {}, status="pending" if is_pending else "succeeded",
        destination_details={"type": "card", "card": {"type": "refund", "reference_status": "pending"}},
    )  # fmt: skip
    book(world, refund, kind="refund", amount=-amount, fee=0, category="refund")
    refunded = charge["amount_refunded"] + amount
    world.change(charge, amount_refunded=refunded, refunded=refunded == charge["amount"])
    world.announce("refund.created", refund)
    world.announce("charge.refunded", charge)
    if behaviour in ("refund_pending", "refund_fails"):
        word = "succeeded" if behaviour == "refund_pending" else "failed"
        world.clock.at(world.clock.now() + BANK_SECONDS, lambda: settle(world, refund, word))
    return refund


def settle(world: World, refund: Body, status: str, reason: str = "lost_or_stolen_card") -> None:
    """A bank's last word on a refund: ``succeeded``, ``failed`` or ``canceled``; it may fail after it succeeded."""
    if refund["status"] in GONE:
        raise ValueError(f"{refund['id']} is {refund['status']} already")
    if status not in ("succeeded", *GONE):
        raise ValueError("a refund becomes succeeded, failed or canceled")
    world.change(refund, status=status, failure_reason=reason if status == "failed" else None)
    if status in GONE:
        _give_back(world, refund)
    world.announce("refund.updated", refund)
    world.announce("charge.refund.updated", refund)
    if status == "failed":
        world.announce("refund.failed", refund)


def _give_back(world: World, refund: Body) -> None:
    transaction = refund["balance_transaction"]
    back = book(world, refund, kind="refund_failure", amount=refund["amount"], fee=0, category="refund_failure")
    world.change(refund, balance_transaction=transaction, failure_balance_transaction=back["id"])
    charge = world.tables["charge"].get(refund["charge"])
    if charge and world.settings.failed_refund == "subtracts":
        world.change(charge, amount_refunded=charge["amount_refunded"] - refund["amount"], refunded=False)
