"""Disputes: a cardholder's bank takes a payment back, or asks about it. docs/billing.md has the rules.

Opened: the wallet is frozen, and the credit moves to ``disputes`` until it is decided. Won: it comes back. Lost: it is
gone. An inquiry moves nothing.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.desk import Waiting
from avatarsite.workspaces.models import Workspace
from billing.debts.freezes import apply_freeze
from billing.ledger import accounts, posting
from billing.models import Dispute, DisputeState, TopUp, Transfer, TransferKind
from billing.money import usd
from billing.refunds.refundable import claw_back_top_up, credit_of, reverse_postings, top_up_of
from billing.refunds.refunds import book_refund
from billing.stripe import client
from billing.stripe.objects import DisputeFacts
from billing.topups.checkout import CENT_MICROS, MISMATCH

logger = logging.getLogger(__name__)

_STATES = {
    "warning_needs_response": DisputeState.INQUIRY,
    "warning_under_review": DisputeState.INQUIRY,
    "warning_closed": DisputeState.INQUIRY_CLOSED,
    "prevented": DisputeState.INQUIRY_CLOSED,
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.OPEN,
    "appeal_needs_response": DisputeState.OPEN,
    "appeal_under_review": DisputeState.OPEN,
    "lost": DisputeState.LOST,
    "won": DisputeState.WON,
}
# Forward only, as DisputeState lists them: a bank may still give back what was lost, and never takes back what was won
# under the same dispute.
_RANK = {state: rank for rank, state in enumerate(DisputeState)}


def book_dispute(facts: DisputeFacts) -> str:
    """Book a dispute as Stripe says that it stands. Returns what was done, in words."""
    if facts.status not in _STATES:
        raise_alert("stripe_unknown", facts.id, f"Dispute {facts.id} is {facts.status!r}, which we don't know.")
        return f"{facts.id} has a state that we don't know"
    top_up = top_up_of(facts.payment_id)
    if top_up is None:
        return f"{facts.id} is of no payment that was credited here"
    if (facts.currency, facts.livemode) != (top_up.currency, client.livemode()):
        text = f"Dispute {facts.id} of {top_up} is in {facts.currency}, livemode {facts.livemode}. Nothing was taken."
        raise_alert(MISMATCH, facts.id, text)
        return f"{facts.id} is not of ours"
    if not Dispute.objects.filter(stripe_id=facts.id, booked_at__isnull=False).exists():
        # What was refunded before is not disputed: told in the other order, the dispute would take it as well, and a
        # dispute that is won would give it back.
        for refund in client.refunds_of(facts.payment_id):
            book_refund(refund)
    with transaction.atomic():
        locked = TopUp.objects.select_for_update().get(pk=top_up.pk)
        dispute = Dispute.objects.filter(stripe_id=facts.id).first()
        dispute = dispute or Dispute(
            top_up=locked, stripe_id=facts.id, state=DisputeState.INQUIRY, amount_cents=facts.amount
        )
        outcome = _advance(dispute, facts)
        _book_fee(dispute, facts.fee)
        apply_freeze(locked.workspace)
    _tell_operator(dispute)
    return outcome


def _advance(dispute: Dispute, facts: DisputeFacts) -> str:
    state = _STATES[facts.status]
    if _RANK[state] < _RANK[DisputeState(dispute.state)]:
        if dispute.state == DisputeState.WON and state == DisputeState.LOST:
            text = f"Dispute {dispute} was won, and now Stripe says that it is lost. Nothing was taken; look at both."
            raise_alert(MISMATCH, dispute.stripe_id, text, dispute=dispute.pk)
        return f"{dispute} is {dispute.get_state_display().lower()}"
    if state in {DisputeState.OPEN, DisputeState.LOST} and not dispute.booked_at:
        _take(dispute)
    if state == DisputeState.LOST and dispute.state != DisputeState.LOST:
        _lose(dispute)
    if state == DisputeState.WON and dispute.booked_at and not dispute.returned_at:
        dispute.returned_at = timezone.now()
        reverse_postings(dispute.top_up, dispute.subject, reason="The dispute was decided for us")
    dispute.state, dispute.status, dispute.reason = state, facts.status[:40], facts.reason[:60]
    dispute.evidence_due_at = facts.evidence_due_at
    dispute.save()
    return f"{dispute} is {dispute.get_state_display().lower()}"


def _take(dispute: Dispute) -> None:
    top_up = dispute.top_up
    dispute.credit_micros = credit_of(top_up, dispute.amount_cents)
    dispute.booked_at = timezone.now()
    dispute.save()
    if dispute.credit_micros:
        claw_back_top_up(
            top_up,
            dispute.credit_micros,
            to=accounts.platform(accounts.DISPUTES),
            kind=TransferKind.CLAWBACK,
            key=f"stripe:{dispute.stripe_id}",
            subject=dispute.subject,
            memo="The payment is disputed at the bank",
        )
    logger.warning("%s of %s takes %s", dispute, dispute.top_up_id, usd(dispute.credit_micros))


def _lose(dispute: Dispute) -> None:
    if dispute.credit_micros:
        posting.post(
            kind=TransferKind.CLAWBACK,
            debit=accounts.platform(accounts.DISPUTES),
            credit=accounts.platform(accounts.STRIPE_CLEARING),
            amount_micros=dispute.credit_micros,
            key=f"stripe:{dispute.stripe_id}:lost",
            memo="The dispute was lost",
            subject=dispute.subject,
        )


def _book_fee(dispute: Dispute, fee_cents: int) -> None:
    """Book what Stripe keeps for the dispute, or gives back of it: the difference to what is booked."""
    fees, clearing = accounts.platform(accounts.STRIPE_FEES), accounts.platform(accounts.STRIPE_CLEARING)
    key = f"stripe:{dispute.stripe_id}:fee:"
    booked = Transfer.objects.filter(key__startswith=key)
    sums = booked.aggregate(
        paid=Sum("amount_micros", filter=Q(debit=fees), default=0),
        back=Sum("amount_micros", filter=Q(credit=fees), default=0),
    )
    missing = fee_cents * CENT_MICROS - int(sums["paid"]) + int(sums["back"])
    if missing:
        debit, credit = (fees, clearing) if missing > 0 else (clearing, fees)
        posting.post(
            kind=TransferKind.ADJUST,
            debit=debit,
            credit=credit,
            amount_micros=abs(missing),
            key=f"{key}{booked.count() + 1}",
            memo="Stripe's fee for a dispute",
            subject=dispute.subject,
        )
    Dispute.objects.filter(pk=dispute.pk).update(fee_cents=fee_cents)


def _tell_operator(dispute: Dispute) -> None:
    if dispute.state in {DisputeState.WON, DisputeState.INQUIRY_CLOSED}:
        close_alert("stripe_dispute", dispute.stripe_id)
        return
    due = f" Answer it in Stripe by {dispute.evidence_due_at:%Y-%m-%d %H:%M} UTC." if dispute.evidence_due_at else ""
    message = {
        DisputeState.OPEN: f"is disputed ({dispute.reason}), its wallet is frozen.{due}",
        DisputeState.LOST: "was lost to a dispute; its wallet stays frozen until you let it go on.",
    }.get(DisputeState(dispute.state), f"is asked about by the bank ({dispute.reason}); nothing has moved.{due}")
    raise_alert("stripe_dispute", dispute.stripe_id, f"Top-up {dispute.top_up_id} {message}", dispute=dispute.pk)


def lost_of(workspace: Workspace) -> QuerySet[Dispute]:
    """Lost disputes that still freeze the wallet."""
    return Dispute.objects.filter(top_up__workspace=workspace, state=DisputeState.LOST, cleared_at=None)


def let_go_on(workspace: Workspace) -> int:
    """The operator has looked at the disputes that were lost: they no longer freeze the wallet. Returns how many."""
    with transaction.atomic():
        cleared = lost_of(workspace).update(cleared_at=timezone.now())
        apply_freeze(workspace)
    return cleared


def undecided() -> Q:
    """Disputes and inquiries that evidence may still decide."""
    return Q(state__in=(DisputeState.INQUIRY, DisputeState.OPEN))


def waiting_disputes() -> Waiting:
    """For the first page of the admin site."""
    due = sorted(
        (row for row in Dispute.objects.filter(undecided()).values_list("evidence_due_at", flat=True)),
        key=lambda moment: (moment is None, moment),
    )
    first = f"evidence for the first is due on {due[0]:%-d %B, %H:%M} UTC" if due and due[0] else ""
    return Waiting(len(due), first)
