"""Reconciliation with Stripe's own lists: what a lost webhook left out is booked, and what then still differs is told.

It reads sessions, payments, refunds and disputes from a date on, and every row of ours that is not settled, however
old. Booking is what the webhooks do, so that running it at any time, also beside them, changes nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from django.utils import timezone

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.queue.sweeping import contained, tell_failure
from billing.models import Dispute, DisputeState, Refund, RefundState, TopUp, TopUpState
from billing.models.stripe import UNDER_WAY
from billing.money import usd
from billing.refunds.disputes import book_dispute
from billing.refunds.refunds import book_refund
from billing.stripe import client
from billing.stripe.client import StripeProblem, StripeRefused
from billing.stripe.objects import DisputeFacts, PaymentFacts, RefundFacts, SessionFacts
from billing.stripe_sync.fees import book_fees
from billing.stripe_sync.webhooks import book_any_payment, book_any_session
from billing.topups.checkout import CENT_MICROS
from billing.topups.sweep import resume

logger = logging.getLogger(__name__)

ALERT, KEY, UNREAD = "stripe_reconcile", "nightly", "unread"
NIGHTS = timedelta(days=3)
# Webhooks and the sweep have had their turn by then; what is younger may simply be under way.
SETTLING = timedelta(minutes=15)
T = TypeVar("T")


@dataclass(slots=True)
class Report:
    """``booked`` is what no webhook had told; ``differences`` what is still not right. Sentences, for an operator."""

    since: datetime
    looked_at: dict[str, int] = field(default_factory=dict)
    booked: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    paid_at_stripe_cents: int = 0
    credited_micros: int = 0

    @property
    def is_clean(self) -> bool:
        return not self.booked and not self.differences


def reconcile_stripe(since: datetime) -> Report:
    """Book what is missing since then, and compare. Raises StripeProblem when Stripe can't be asked."""
    report = Report(since)
    sessions = client.sessions_since(since)
    payments = client.payments_since(since)
    refunds = client.refunds_since(since)
    disputes = client.disputes_since(since)
    # Sessions in a list are not expanded, and only those that are paid or closed have something to say.
    settled = [facts for facts in sessions if facts.status != "open" and not _is_paid_here(facts.reference)]
    _book(report, "session", settled, _book_session, lambda facts: _paid(facts.reference))
    paid = [facts for facts in payments if facts.is_paid]
    _book(report, "payment", paid, book_any_payment, lambda facts: _paid(facts.metadata.get("topup", "")))
    _book(report, "refund", refunds, book_refund, lambda facts: _refunded(facts.id))
    _book(report, "dispute", disputes, book_dispute, lambda facts: _disputed(facts.id))
    _look_at_ours(report)
    report.looked_at["fee"], strange = book_fees(since)
    report.differences += strange
    report.looked_at |= {"session": len(sessions), "payment": len(payments)}
    _compare(report, payments, refunds, disputes)
    return report


def _book_session(facts: SessionFacts) -> str:
    return book_any_session(client.session(facts.id))


def _is_paid_here(reference: str) -> bool:
    """A session of a top-up that is paid has nothing more to say."""
    return TopUp.objects.filter(pk=reference, state=TopUpState.PAID).exists()


# How a thing stands here, as far as money goes: booking it late changes that.
def _paid(top_up_id: str) -> str:
    return "paid" if _is_paid_here(top_up_id) else ""


def _refunded(stripe_id: str) -> str:
    return Refund.objects.filter(stripe_id=stripe_id).values_list("state", flat=True).first() or ""


def _disputed(stripe_id: str) -> str:
    return Dispute.objects.filter(stripe_id=stripe_id).values_list("state", flat=True).first() or ""


def _book(report: Report, name: str, things: Iterable[T], book: Callable[[T], str], stands: Callable[[T], str]) -> None:
    def tell(what: str, thing: object, error: Exception) -> None:
        report.differences.append(f"A {name} could not be looked at: {error}")
        if not isinstance(error, StripeProblem):
            tell_failure(what, thing, error)

    count = 0
    for count, thing in enumerate(things, start=1):  # noqa: B007 -- how many there were
        with contained(f"Comparing a {name} with Stripe", getattr(thing, "id", thing), tell, savepoint=False):
            before = stands(thing)
            outcome = book(thing)
            if stands(thing) != before:
                report.booked.append(f"{name}: {outcome}")
    report.looked_at[name] = count


def _look_at_ours(report: Report) -> None:
    """Rows that are not settled, however old: a bank takes days, and a dispute takes months."""
    young = timezone.now() - SETTLING
    mode = client.livemode()  # of the other mode's objects this key knows nothing
    top_ups = TopUp.objects.filter(state__in=UNDER_WAY, created_at__lt=young, livemode=mode)
    top_ups = top_ups.select_related("customer", "workspace")
    _book(report, "top-up under way", top_ups, resume, lambda row: _paid(row.pk))
    pending = Refund.objects.filter(state=RefundState.PENDING, stripe_id__isnull=False, top_up__livemode=mode)
    _book(report, "pending refund", pending, _look_at_refund, lambda row: _refunded(row.stripe_id or ""))
    undecided = Dispute.objects.filter(state__in=[DisputeState.INQUIRY, DisputeState.OPEN], top_up__livemode=mode)
    _book(report, "open dispute", undecided, _look_at_dispute, lambda row: _disputed(row.stripe_id))


def _look_at_refund(row: Refund) -> str:
    return book_refund(client.refund(row.stripe_id or ""))


def _look_at_dispute(row: Dispute) -> str:
    return book_dispute(client.dispute(row.stripe_id))


def _compare(
    report: Report, payments: list[PaymentFacts], refunds: list[RefundFacts], disputes: list[DisputeFacts]
) -> None:
    named = {facts.id for facts in payments}
    named |= {facts.payment_id for facts in refunds} | {facts.payment_id for facts in disputes}
    ours = {
        row.payment_intent_id: row for row in TopUp.objects.filter(state=TopUpState.PAID, payment_intent_id__in=named)
    }
    closed = _closed(payments)
    for facts in payments:
        top_up = ours.get(facts.id)
        if facts.is_paid and facts.metadata.get("topup"):
            report.paid_at_stripe_cents += facts.amount_received
            if top_up is None and facts.id not in closed:
                paid = usd(facts.amount_received * CENT_MICROS)
                report.differences.append(f"{facts.id} is paid ({paid}) at Stripe and not credited here.")
            elif top_up and facts.amount_received != top_up.total_cents:
                both = f"{facts.amount_received} cents at Stripe and {top_up.total_cents} here"
                report.differences.append(f"{facts.id} of {top_up} is of {both}.")
    _compare_paid(report, {facts.id for facts in payments if facts.is_paid})
    for refund in refunds:
        row = Refund.objects.filter(stripe_id=refund.id).first()
        if refund.payment_id in ours and (row is None or row.amount_cents != refund.amount):
            report.differences.append(
                f"Refund {refund.id} of {ours[refund.payment_id]} is not here as it is at Stripe."
            )
    for dispute in disputes:
        if dispute.payment_id in ours and not Dispute.objects.filter(stripe_id=dispute.id).exists():
            report.differences.append(f"Dispute {dispute.id} of {ours[dispute.payment_id]} is not here.")


def _closed(payments: list[PaymentFacts]) -> set[str]:
    """Payments that staff have looked at and closed without credit."""
    named = {facts.metadata.get("topup", "") for facts in payments}
    rows = TopUp.objects.filter(pk__in=named, state=TopUpState.CANCELLED, closed_at__isnull=False)
    return {payment_id for payment_id in rows.values_list("payment_intent_id", flat=True) if payment_id}


def _compare_paid(report: Report, paid: set[str]) -> None:
    """The other way round: what we credited has to be paid at Stripe."""
    credited = TopUp.objects.filter(state=TopUpState.PAID, created_at__gte=report.since)
    for top_up in credited.filter(livemode=client.livemode()):
        report.credited_micros += top_up.amount_micros
        payment_id = top_up.payment_intent_id or ""
        if payment_id in paid:
            continue
        try:
            facts = client.payment(payment_id)
        except StripeRefused as error:
            report.differences.append(f"{top_up} was credited for {payment_id}, and Stripe says: {error}")
            continue
        if not facts.is_paid:
            report.differences.append(f"{top_up} was credited for {payment_id}, which is {facts.status} at Stripe.")


def reconcile_nightly() -> Report:
    """The last three nights; what was found is one alert, closed by a night that finds nothing.

    Raises StripeProblem, with an alert of its own: a night that could not be compared is no clean night.
    """
    try:
        report = reconcile_stripe(timezone.now() - NIGHTS)
    except StripeProblem as error:
        raise_alert(ALERT, UNREAD, f"Stripe's lists could not be read, so nothing was compared. {error}")
        raise
    close_alert(ALERT, UNREAD)
    if report.is_clean:
        close_alert(ALERT, KEY)
        return report
    sentences = [*(f"Booked late, so a webhook was lost: {line}" for line in report.booked), *report.differences]
    raise_alert(ALERT, KEY, "Stripe and the ledger differed. " + " ".join(sentences[:20]), count=len(sentences))
    return report
