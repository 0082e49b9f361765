"""Disputes: a bank takes the money back and a fee with it; won, it returns, though the fee doesn't."""

from __future__ import annotations

from typing import Any

from tests.simulators.stripe.balance import DAYS, book
from tests.simulators.stripe.customers import merged
from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import Call, World

INQUIRY = "warning_needs_response"
OVER = ("won", "lost", "warning_closed", "prevented")


def open_dispute(
    world: World, charge: Body, *, amount: int | None = None, reason: str = "fraudulent", inquiry: bool = False
) -> Body:
    """An inquiry moves no money; a dispute takes it at once."""
    evidence: dict[str, Any] = {
        "due_by": world.now() + 7 * DAYS, "has_evidence": False, "past_due": False, "submission_count": 0,
        "submission_method": "not_submitted",
    }  # fmt: skip
    case = {"brand": "visa", "network": "visa", "case_type": "inquiry" if inquiry else "chargeback"}
    dispute = world.add(
        "dispute",
        amount=amount or charge["amount"], charge=charge["id"], currency=charge["currency"],
        evidence_details=evidence, is_charge_refundable=inquiry, payment_intent=charge["payment_intent"], reason=reason,
        status=INQUIRY if inquiry else "needs_response", metadata={},
        payment_method_details={"type": "card", "card": case},
    )  # fmt: skip
    if not inquiry:
        world.change(charge, disputed=True)
        _move(world, dispute, -dispute["amount"], world.settings.dispute_fee_cents, "dispute")
    world.announce("charge.dispute.created", dispute)
    if not inquiry:
        world.announce("charge.dispute.funds_withdrawn", dispute)
    return dispute


def escalate(world: World, dispute: Body) -> None:
    """An inquiry that becomes a dispute: the money goes now."""
    if not dispute["status"].startswith("warning_") or dispute["status"] in OVER:
        raise ValueError(f"{dispute['id']} is {dispute['status']}: only an open inquiry escalates")
    world.change(world.get("charge", dispute["charge"]), disputed=True)
    world.change(dispute, status="needs_response", is_charge_refundable=False)
    _move(world, dispute, -dispute["amount"], world.settings.dispute_fee_cents, "dispute")
    world.announce("charge.dispute.updated", dispute)
    world.announce("charge.dispute.funds_withdrawn", dispute)


def close(world: World, dispute: Body, status: str) -> None:
    """The bank's last word: ``won``, ``lost`` or, of an inquiry, ``warning_closed``."""
    if dispute["status"] in OVER:
        raise ValueError(f"{dispute['id']} is {dispute['status']} already")
    is_inquiry = dispute["status"].startswith("warning_")
    if status not in OVER or is_inquiry is not (status == "warning_closed"):
        raise ValueError("a dispute is closed as won or lost, an inquiry as warning_closed")
    world.change(dispute, status=status)
    if status == "won":
        _move(world, dispute, dispute["amount"], 0, "dispute_reversal")
        world.announce("charge.dispute.funds_reinstated", dispute)
    world.announce("charge.dispute.closed", dispute)


def _move(world: World, dispute: Body, amount: int, fee: int, category: str) -> None:
    moved = book(world, dispute, kind="adjustment", amount=amount, fee=fee, category=category)
    dispute["balance_transactions"].append(moved)


# --- The endpoints


def retrieve(world: World, call: Call) -> Body:
    return world.get("dispute", call.id)


def update(world: World, call: Call) -> Body:
    """Evidence; with ``submit`` the bank looks at it."""
    dispute = world.get("dispute", call.id)
    changes: Body = {}
    if "metadata" in call.params:
        changes["metadata"] = merged(dispute["metadata"], call.params["metadata"])
    if call.params.get("evidence") and call.params.get("submit", True):
        word = "warning_under_review" if dispute["status"].startswith("warning_") else "under_review"
        details = dispute["evidence_details"] | {"has_evidence": True, "submission_count": 1}
        changes |= {"status": word, "evidence_details": details}
    world.change(dispute, "charge.dispute.updated", **changes)
    return dispute


def accept(world: World, call: Call) -> Body:
    """The merchant gives in: lost."""
    dispute = world.get("dispute", call.id)
    close(world, dispute, "lost")
    return dispute
