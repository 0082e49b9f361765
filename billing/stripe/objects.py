"""Facts that we read off Stripe's objects: frozen, and without the SDK, so that the rules of money know neither.

Amounts are cents, moments are aware, an id that is not there is "".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Thing = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """A saved payment method; ``customer_id`` is "" once it is detached."""

    id: str
    customer_id: str
    brand: str
    last4: str
    expires: str


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """A PaymentIntent as it now stands."""

    id: str
    status: str
    amount: int
    amount_received: int
    currency: str
    customer_id: str
    livemode: bool
    metadata: Mapping[str, str]
    created_at: datetime
    error_code: str = ""
    error_message: str = ""
    card_id: str = ""
    redirect_url: str = ""
    receipt_url: str = ""

    @property
    def is_paid(self) -> bool:
        return self.status == "succeeded"


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A Checkout Session as it now stands; ``payment`` is its PaymentIntent once there is one."""

    id: str
    mode: str
    status: str
    payment_status: str
    url: str
    amount_subtotal: int
    amount_total: int
    amount_tax: int
    currency: str
    customer_id: str
    livemode: bool
    reference: str
    metadata: Mapping[str, str]
    created_at: datetime
    payment_id: str = ""
    payment: PaymentFacts | None = None
    card: CardFacts | None = None
    invoice_id: str = ""
    invoice_url: str = ""


@dataclass(frozen=True, slots=True)
class RefundFacts:
    id: str
    status: str
    amount: int
    currency: str
    payment_id: str
    failure: str
    metadata: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    id: str
    status: str
    reason: str
    amount: int
    currency: str
    payment_id: str
    livemode: bool
    fee: int
    created_at: datetime
    evidence_due_at: datetime | None = field(default=None)


@dataclass(frozen=True, slots=True)
class FeeFacts:
    """What Stripe kept of one movement of our balance; ``source_id`` is the charge, or "" for a fee of its own."""

    id: str
    fee: int
    currency: str
    source_id: str
    created_at: datetime


def id_of(value: Any) -> str:
    """Stripe gives an id, or in its place the object itself where it was asked to expand it."""
    if isinstance(value, Mapping):
        return str(value.get("id") or "")
    return str(value or "")


def read_fee(thing: Thing) -> FeeFacts:
    """Off a balance transaction: its fee, or all of it where it is a fee itself."""
    itself = thing["type"] == "stripe_fee"
    return FeeFacts(
        id=thing["id"],
        fee=-int(thing["amount"]) if itself else int(thing.get("fee") or 0),
        currency=str(thing.get("currency") or ""),
        source_id=id_of(thing.get("source")),
        created_at=moment(thing.get("created")),
    )


def read_payment(thing: Thing) -> PaymentFacts:
    error = thing.get("last_payment_error") or {}
    charge = thing.get("latest_charge")
    steps = thing.get("next_action") or {}
    return PaymentFacts(
        id=thing["id"],
        status=thing["status"],
        amount=int(thing["amount"]),
        amount_received=int(thing.get("amount_received") or 0),
        currency=str(thing.get("currency") or ""),
        customer_id=id_of(thing.get("customer")),
        livemode=bool(thing.get("livemode")),
        metadata=thing.get("metadata") or {},
        created_at=moment(thing.get("created")),
        error_code=str(error.get("code") or ""),
        error_message=str(error.get("message") or ""),
        card_id=id_of(thing.get("payment_method")) or id_of(error.get("payment_method")),
        redirect_url=str((steps.get("redirect_to_url") or {}).get("url") or ""),
        receipt_url=str(charge.get("receipt_url") or "") if isinstance(charge, Mapping) else "",
    )


def read_session(thing: Thing) -> SessionFacts:
    payment, setup, invoice = (thing.get(name) for name in ("payment_intent", "setup_intent", "invoice"))
    method = next(
        (
            holder["payment_method"]
            for holder in (payment, setup)
            if isinstance(holder, Mapping) and isinstance(holder.get("payment_method"), Mapping)
        ),
        None,
    )
    return SessionFacts(
        id=thing["id"],
        mode=str(thing.get("mode") or ""),
        status=str(thing.get("status") or ""),
        payment_status=str(thing.get("payment_status") or ""),
        url=str(thing.get("url") or ""),
        amount_subtotal=int(thing.get("amount_subtotal") or 0),
        amount_total=int(thing.get("amount_total") or 0),
        amount_tax=int((thing.get("total_details") or {}).get("amount_tax") or 0),
        currency=str(thing.get("currency") or ""),
        customer_id=id_of(thing.get("customer")),
        livemode=bool(thing.get("livemode")),
        reference=str(thing.get("client_reference_id") or ""),
        metadata=thing.get("metadata") or {},
        created_at=moment(thing.get("created")),
        payment_id=id_of(payment),
        payment=read_payment(payment) if isinstance(payment, Mapping) else None,
        card=read_card(method) if method else None,
        invoice_id=id_of(invoice),
        invoice_url=str(invoice.get("hosted_invoice_url") or "") if isinstance(invoice, Mapping) else "",
    )


def read_card(thing: Thing) -> CardFacts:
    kind = str(thing.get("type") or "")
    card = thing.get("card") or {}
    month, year = card.get("exp_month"), card.get("exp_year")
    return CardFacts(
        id=thing["id"],
        customer_id=id_of(thing.get("customer")),
        brand=str(card.get("display_brand") or card.get("brand") or kind),
        last4=str(card.get("last4") or ""),
        expires=f"{month:02d}/{year}" if month and year else "",
    )


def read_refund(thing: Thing) -> RefundFacts:
    return RefundFacts(
        id=thing["id"],
        status=str(thing.get("status") or ""),
        amount=int(thing["amount"]),
        currency=str(thing.get("currency") or ""),
        payment_id=id_of(thing.get("payment_intent")),
        failure=str(thing.get("failure_reason") or ""),
        metadata=thing.get("metadata") or {},
        created_at=moment(thing.get("created")),
    )


def read_dispute(thing: Thing) -> DisputeFacts:
    due = (thing.get("evidence_details") or {}).get("due_by")
    return DisputeFacts(
        id=thing["id"],
        status=str(thing.get("status") or ""),
        reason=str(thing.get("reason") or ""),
        amount=int(thing["amount"]),
        currency=str(thing.get("currency") or ""),
        payment_id=id_of(thing.get("payment_intent")),
        livemode=bool(thing.get("livemode")),
        # Fees are what Stripe's own lines say, added up: some are given back when a dispute is won.
        fee=sum(int(line.get("fee") or 0) for line in thing.get("balance_transactions") or ()),
        created_at=moment(thing.get("created")),
        evidence_due_at=moment(due) if due else None,
    )


def moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds or 0), UTC)
