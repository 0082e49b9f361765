"""Review of a top-up that does not look as it should: staff see it beside Stripe's object, decide, and say why.

It is credited, if the money is at Stripe and nobody else's, or closed without credit, if no money is or will be there.
Whatever can be booked without them is booked first. docs/billing.md has the rules.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db.models import Count, Min, Sum
from django.utils import timezone

from avatarsite.alerts import close_alert
from avatarsite.desk import Waiting, age_of
from billing.models import StripeCustomer, TopUp, TopUpState
from billing.models.ledger import MEMO_LENGTH
from billing.money import usd
from billing.refunds.disputes import book_dispute
from billing.refunds.refunds import book_refund
from billing.stripe import client
from billing.stripe.client import StripeRefused
from billing.stripe.objects import PaymentFacts, SessionFacts
from billing.topups.checkout import CENT_MICROS, MISMATCH, credit_top_up, payment_differences, session_differences
from billing.topups.sweep import resume

logger = logging.getLogger(__name__)

# Why one whose payment was not made stays open, by the payment's status; of any other status it is TRIED_AGAIN.
WHY_UNPAID = {"processing": "The payment is under way; wait for what comes of it.", "canceled": ""}
TRIED_AGAIN = "The payment can still be made by another try; cancel it in Stripe first."


@dataclass(frozen=True, slots=True)
class Review:
    """A top-up beside what Stripe says of it now. ``why_no_credit`` and ``why_open`` are "" where nothing forbids.

    ``returned_cents`` is what of the payment went back: refunds that succeeded and disputes that were lost.
    """

    top_up: TopUp
    session: SessionFacts | None
    payment: PaymentFacts | None
    returned_cents: int

    @property
    def paid_for(self) -> TopUp | None:
        """Another top-up that was credited for the same payment."""
        paid = TopUp.objects.filter(state=TopUpState.PAID, payment_intent_id=self.payment.id if self.payment else None)
        return paid.exclude(pk=self.top_up.pk).first()

    @property
    def sentences(self) -> list[str]:
        """What staff read before they decide."""
        if self.payment is None:
            return ["Stripe has no payment for it."]
        payment = self.payment
        received = f"{payment.amount_received / 100:,.2f} {payment.currency.upper()}"
        sentences = [f"{payment.id} at Stripe: {payment.status.replace('_', ' ')}, {received} received."]
        if self.returned_cents:
            sentences.append(f"{self.returned_cents / 100:,.2f} {payment.currency.upper()} of it went back.")
        wrong = _differences(self.top_up, self.session, payment)
        return [*sentences, *([f"What differs: {'; '.join(wrong)}."] if wrong else [])]

    @property
    def why_no_credit(self) -> str:
        payment, row = self.payment, self.top_up
        if payment is None or not payment.is_paid:
            return "Stripe has no money for it, so it can't be credited."
        if payment.currency != row.currency:
            return f"It was paid in {payment.currency.upper()}: give that back in Stripe and close it without credit."
        if not payment.livemode == row.livemode == client.livemode():
            return "It was paid in the other mode than that of our key, so the money is not where this credit would be."
        tax = self.session.amount_tax if self.session else 0
        if payment.amount_received - tax < row.amount_cents:
            received = usd((payment.amount_received - tax) * CENT_MICROS)
            return f"Only {received} of {usd(row.amount_micros)} was received: give it back in Stripe and close it."
        if payment.amount_received <= self.returned_cents:
            return "All of it went back already; close it without credit."
        return self._whose_else()

    def _whose_else(self) -> str:
        payment, row = self.payment, self.top_up
        if payment is None:
            return ""
        if other := self.paid_for:
            return f"{payment.id} has paid for top-up {other} already."
        named = payment.metadata.get("topup", "")
        if named != row.pk and TopUp.objects.filter(pk=named).exists():
            return f"{payment.id} was made for top-up {named}."
        payer = StripeCustomer.objects.filter(stripe_id=payment.customer_id).exclude(workspace=row.workspace_id).first()
        return f"{payment.id} was paid by {payer.workspace}." if payer else ""

    @property
    def why_open(self) -> str:
        """Why it can't be closed without credit: there is money at Stripe, or there may be."""
        if self.session and self.session.status == "open":
            return "Its page can still be paid; expire it in Stripe, or wait until it has."
        payment = self.payment
        if payment is None or self.paid_for:
            return ""
        if not payment.is_paid:
            return WHY_UNPAID.get(payment.status, TRIED_AGAIN)
        if self.returned_cents < payment.amount_received:
            left = f"{(payment.amount_received - self.returned_cents) / 100:,.2f} {payment.currency.upper()}"
            return f"It can't be closed while we have {left} of it: give that back in Stripe first."
        return ""


def _differences(top_up: TopUp, session: SessionFacts | None, payment: PaymentFacts) -> list[str]:
    if session:
        return session_differences(top_up, session)
    return payment_differences(top_up, payment, payment.amount_received)


def review(top_up: TopUp) -> Review:
    """Ask Stripe, and change nothing. Raises StripeProblem."""
    try:
        session = client.session(top_up.session_id) if top_up.session_id else None
        payment = session.payment if session else None
        if session is None and top_up.payment_intent_id:
            payment = client.payment(top_up.payment_intent_id)
    except StripeRefused as error:
        if not error.missing:
            raise
        return Review(top_up, None, None, 0)
    return Review(top_up, session, payment, _returned_cents(payment.id) if payment else 0)


def _returned_cents(payment_id: str) -> int:
    refunded = sum(facts.amount for facts in client.refunds_of(payment_id) if facts.status == "succeeded")
    lost = sum(facts.amount for facts in client.disputes_of(payment_id) if facts.status == "lost")
    return refunded + lost


def credit_reviewed(top_up: TopUp, *, reason: str) -> str:
    """Credit a payment in spite of what differs; what went back of it is taken from the credit at once.

    Returns what was done, in words. ValueError with a sentence when it can't be; raises StripeProblem.
    """
    found = _looked_at(top_up, reason)
    payment = found.payment
    if why := found.why_no_credit:
        raise ValueError(why)
    if payment is None or found.top_up.state != TopUpState.REVIEW:
        return _stands(found.top_up)
    invoice_id = found.session.invoice_id if found.session else ""
    credit_top_up(found.top_up, payment.id, total_cents=payment.amount_received, invoice_id=invoice_id)
    for refund in client.refunds_of(payment.id):
        book_refund(refund)
    for dispute in client.disputes_of(payment.id):
        book_dispute(dispute)
    return _settled(found, reason)


def close_reviewed(top_up: TopUp, *, reason: str) -> str:
    """Close it without credit; its customer reads the reason. Stripe's later words about the same payment leave it so.

    Returns what was done, in words. ValueError with a sentence when it can't be; raises StripeProblem.
    """
    found = _looked_at(top_up, reason)
    row, payment = found.top_up, found.payment
    if row.state != TopUpState.REVIEW:
        return _stands(row)
    if why := found.why_open:
        raise ValueError(why)
    now, words = timezone.now(), reason.strip()
    mine = payment.id if payment and not TopUp.objects.filter(payment_intent_id=payment.id).exists() else None
    TopUp.objects.filter(pk=row.pk, state=TopUpState.REVIEW).update(
        state=TopUpState.CANCELLED,
        closed_at=now,
        problem=(words if words.endswith((".", "?")) else f"{words}.")[:MEMO_LENGTH],
        next_check_at=None,
        payment_intent_id=row.payment_intent_id or mine,
    )
    return _settled(found, reason)


def _looked_at(top_up: TopUp, reason: str) -> Review:
    """How it stands once everything was booked that needs no decision."""
    if not reason.strip():
        raise ValueError("The reason is empty; write why it is decided so.")
    if top_up.state != TopUpState.REVIEW:
        raise ValueError(f"{top_up} is not being looked at: it is {top_up.get_state_display().lower()}.")
    resume(top_up)
    top_up.refresh_from_db()
    return review(top_up)


def _settled(found: Review, reason: str) -> str:
    row = found.top_up
    row.refresh_from_db()
    if row.state == TopUpState.REVIEW:
        raise ValueError("The ledger refused the credit; its alert says why.")
    for object_id in {row.pk, row.session_id, row.payment_intent_id, found.payment.id if found.payment else None}:
        close_alert(MISMATCH, object_id or row.pk)
    logger.warning("%s: %s: %s", row, row.get_state_display(), reason.strip())
    return _stands(row)


def _stands(top_up: TopUp) -> str:
    if top_up.state == TopUpState.PAID:
        return f"{usd(top_up.amount_micros)} was credited"
    return "closed without credit" if top_up.is_closed else f"it is {top_up.get_state_display().lower()} now"


def waiting_top_ups() -> Waiting:
    """For the first page of the admin site."""
    found = TopUp.objects.filter(state=TopUpState.REVIEW).aggregate(
        count=Count("pk"), oldest=Min("created_at"), cents=Sum("amount_cents")
    )
    if not found["count"]:
        return Waiting(0)
    return Waiting(found["count"], f"{usd(found['cents'] * CENT_MICROS)}, the oldest for {age_of(found['oldest'])}")
