"""Refunds: money that goes back, asked for by staff here, or in Stripe's own dashboard.

The credit is taken when the refund is known, before Stripe is asked, so that it can't be spent meanwhile; and given
back if the refund fails. docs/billing.md has the rules.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.db import transaction
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import backoff
from avatarsite.workspaces.models import User
from billing.debts.clawback import free_of
from billing.debts.freezes import apply_freeze
from billing.ledger import accounts, posting
from billing.models import Dispute, Refund, RefundState, TopUp, TopUpState, Transfer, TransferKind
from billing.models.ledger import MEMO_LENGTH
from billing.money import usd
from billing.refunds.refundable import TAKEN_BACK, claw_back_top_up, credit_of, gone_micros, reverse_postings, top_up_of
from billing.stripe import client
from billing.stripe.client import StripeRefused, StripeUnreachable
from billing.stripe.objects import RefundFacts
from billing.topups.checkout import CENT_MICROS, MISMATCH

logger = logging.getLogger(__name__)

# Of seconds, after each try: the next one is due then, whether Stripe has not answered or we have died.
INITIAL_WAIT, MAX_WAIT = 120, 6 * 3_600
_STATES = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.CANCELLED,
}
# Forward only: an answer that was fetched earlier and comes later changes nothing.
_RANK = {
    RefundState.REQUESTED: 0,
    RefundState.PENDING: 1,
    RefundState.SUCCEEDED: 2,
    RefundState.FAILED: 3,
    RefundState.CANCELLED: 3,
}
ENDED_BADLY = (RefundState.FAILED, RefundState.CANCELLED)


def refundable_micros(top_up: TopUp, *, forgive_spent: bool = False) -> int:
    """The most that may be refunded of a top-up: what is neither spent nor held, or what was not yet given back."""
    if top_up.state != TopUpState.PAID or top_up.lot is None:
        return 0
    left = top_up.amount_micros - gone_micros(top_up)
    return max(left if forgive_spent else min(left, free_of(top_up.lot)), 0)


def request_refund(  # noqa: PLR0913 -- they are the fields of the form
    top_up: TopUp,
    credit_micros: int,
    *,
    reason: str,
    user: User,
    token: uuid.UUID,
    forgive_spent: bool = False,
) -> Refund:
    """Take the credit and queue the refund. The same token is the same refund. ValueError with a sentence."""
    with transaction.atomic():
        row = TopUp.objects.select_for_update().get(pk=top_up.pk)
        if before := Refund.objects.filter(token=token).first():
            return before
        _validate(row, credit_micros, reason, forgive_spent)
        refund = Refund.objects.create(
            top_up=row,
            amount_cents=_cents(row, credit_micros),
            credit_micros=credit_micros,
            forgive_spent=forgive_spent,
            reason=reason.strip(),
            user=user,
            token=token,
            next_try_at=timezone.now(),
        )
        _take(refund)
        jobs.enqueue("billing.send_refund", refund_id=refund.pk)
    return refund


def _validate(top_up: TopUp, credit_micros: int, reason: str, forgive_spent: bool) -> None:
    if not reason.strip():
        raise ValueError("The reason is empty; write why this is refunded.")
    if top_up.state != TopUpState.PAID:
        raise ValueError(
            f"This top-up is not paid ({top_up.get_state_display().lower()}), so there is nothing to refund."
        )
    if credit_micros <= 0 or credit_micros % CENT_MICROS:
        raise ValueError(f"{usd(credit_micros)} can't be refunded; write dollars and cents, such as 12.50.")
    if Dispute.objects.filter(top_up=top_up, state__in=TAKEN_BACK).exists():
        raise ValueError(
            "This payment is disputed: the bank has taken the money already. Answer the dispute in Stripe."
        )
    most = refundable_micros(top_up, forgive_spent=forgive_spent)
    if credit_micros > most:
        left = refundable_micros(top_up, forgive_spent=True)
        why = "was not refunded yet" if forgive_spent else "is unspent and not held"
        more = f" Up to {usd(left)} if what was spent is given up." if left > most else ""
        raise ValueError(f"{usd(credit_micros)} can't be refunded: {usd(most)} of it {why}.{more}")


def _cents(top_up: TopUp, credit_micros: int) -> int:
    """What Stripe gives back for the credit, with the tax that was paid on it."""
    if gone_micros(top_up) + credit_micros == top_up.amount_micros:
        given = sum(refund.amount_cents for refund in top_up.refunds.exclude(state__in=ENDED_BADLY))
        return (top_up.total_cents or top_up.amount_cents) - given
    total = top_up.total_cents or top_up.amount_cents
    return credit_micros * total // top_up.amount_micros


def send_refund(refund: Refund) -> str:
    """Ask Stripe for a refund that was requested here. Safe to repeat: Stripe's own list is looked through first."""
    if refund.state != RefundState.REQUESTED:
        return f"{refund} was sent before"
    if not refund.claim(backoff(refund.tries + 1, first=INITIAL_WAIT, most=MAX_WAIT)):
        return f"{refund} is being sent"
    try:
        facts = _sent_before(refund) if refund.tries > 1 else None
        facts = facts or client.create_refund(refund)
    except StripeUnreachable as error:
        return f"{refund}: {error}"
    except StripeRefused as error:
        with transaction.atomic():
            _end(Refund.objects.select_for_update().get(pk=refund.pk), RefundState.FAILED, str(error))
        return f"{refund} was refused: {error}"
    return book_refund(facts)


def _sent_before(refund: Refund) -> RefundFacts | None:
    """The refund at Stripe whose answer we never got: keys of idempotency last a day, its list lasts."""
    made = client.refunds_of(refund.top_up.payment_intent_id or "")
    return next((facts for facts in made if facts.metadata.get("refund") == refund.pk), None)


def book_refund(facts: RefundFacts) -> str:
    """Book a refund as Stripe says that it stands. Returns what was done, in words."""
    if facts.status not in _STATES:
        raise_alert("stripe_unknown", facts.id, f"Refund {facts.id} is {facts.status!r}, which we don't know.")
        return f"{facts.id} has a state that we don't know"
    top_up = top_up_of(facts.payment_id)
    if top_up is None:
        return f"{facts.id} is of no payment that was credited here"
    if facts.currency != top_up.currency:
        raise_alert(MISMATCH, facts.id, f"Refund {facts.id} of {top_up} is in {facts.currency}. Nothing was taken.")
        return f"{facts.id} is in another currency"
    with transaction.atomic():
        locked = TopUp.objects.select_for_update().get(pk=top_up.pk)
        refund = _row(locked, facts)
        return _advance(refund, facts)


def _row(top_up: TopUp, facts: RefundFacts) -> Refund:
    """Our row of Stripe's refund: known by its id, by what we wrote on it, or made now for one of the dashboard."""
    refund = Refund.objects.filter(stripe_id=facts.id).first()
    if refund is None:
        asked = Refund.objects.filter(pk=facts.metadata.get("refund", ""), top_up=top_up, stripe_id=None)
        refund = asked.first()
    if refund is None:
        refund = Refund(
            **_ours(facts),
            top_up=top_up,
            amount_cents=facts.amount,
            credit_micros=0 if _STATES[facts.status] in ENDED_BADLY else credit_of(top_up, facts.amount),
            reason="Refunded in Stripe",
            created_at=facts.created_at,
        )
    refund.stripe_id = facts.id
    refund.save()
    if refund.amount_cents != facts.amount:
        message = f"Refund {facts.id} is of {facts.amount} cents, and {refund} asked for {refund.amount_cents}."
        raise_alert(MISMATCH, facts.id, message, refund=refund.pk)
    return refund


def _ours(facts: RefundFacts) -> dict[str, Any]:
    """What makes a row of ours that is gone the same again: its keys, and so its transfers, must not be new ones."""
    asked = facts.metadata.get("refund", "")
    if not asked.startswith("rfd_") or Refund.objects.filter(pk=asked).exists():
        return {}
    return {"pk": asked, "token": uuid.uuid5(uuid.NAMESPACE_OID, asked)}


def _advance(refund: Refund, facts: RefundFacts) -> str:
    state = _STATES[facts.status]
    if _RANK[state] <= _RANK[RefundState(refund.state)]:
        return f"{refund} is {refund.get_state_display().lower()}"
    if state in ENDED_BADLY:
        _end(refund, state, facts.failure)
        return f"{refund} came to nothing"
    if not refund.booked_at:
        _take(refund)
    refund.state, refund.next_try_at = state, None
    refund.save()
    if state == RefundState.SUCCEEDED and refund.credit_micros and not _moved(f"{_key(refund)}:paid"):
        posting.post(
            kind=TransferKind.REFUND,
            debit=accounts.platform(accounts.REFUNDS),
            credit=accounts.platform(accounts.STRIPE_CLEARING),
            amount_micros=refund.credit_micros,
            key=f"{_key(refund)}:paid",
            memo=_memo(refund),
            subject=refund.subject,
        )
    return f"{refund} is {refund.get_state_display().lower()}"


def _key(refund: Refund) -> str:
    """Of the object at Stripe where it was there first, and of our row where that was."""
    return f"refund:{refund.pk}" if refund.token else f"stripe:{refund.stripe_id}"


def _moved(key: str) -> bool:
    """Whether it was booked before, though the row says nothing of it: rows can be lost, and transfers can't."""
    return Transfer.objects.filter(key__startswith=key).exists()


def _memo(refund: Refund) -> str:
    return f"Refund: {refund.reason}"[:MEMO_LENGTH]


def _take(refund: Refund) -> None:
    refund.booked_at = timezone.now()
    workspace = refund.top_up.workspace
    if refund.credit_micros and not _moved(f"{_key(refund)}:"):
        refund.forgiven_micros = claw_back_top_up(
            refund.top_up,
            refund.credit_micros,
            to=accounts.platform(accounts.REFUNDS),
            kind=TransferKind.REFUND,
            key=_key(refund),
            subject=refund.subject,
            memo=_memo(refund),
            write_off=refund.forgive_spent,
            actor=refund.user,
        )
    refund.save()
    apply_freeze(workspace)
    logger.info("%s of %s takes %s", refund, refund.top_up_id, usd(refund.credit_micros))


def _end(refund: Refund, state: str, problem: str) -> None:
    """It came to nothing: the credit goes back to where it came from."""
    if refund.state in ENDED_BADLY:
        return
    if refund.booked_at and not refund.returned_at:
        reverse_postings(refund.top_up, refund.subject, reason="The refund came to nothing")
        refund.returned_at = timezone.now()
    refund.state, refund.problem, refund.next_try_at = state, problem[:MEMO_LENGTH], None
    refund.save()
    apply_freeze(refund.top_up.workspace)
    text = f"Refund {refund.stripe_id or refund.pk} of top-up {refund.top_up_id} came to nothing: {problem or state}."
    raise_alert("stripe_refund", refund.pk, text, refund=refund.pk)
