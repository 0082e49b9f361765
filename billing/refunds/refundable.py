"""Refundable amounts of a payment, for refunds and disputes: its top-up, its credit, and what is still left."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum

from avatarsite.workspaces.models import User
from billing.debts.clawback import claw_back
from billing.debts.receivables import receivable, settle_receivable
from billing.ledger import accounts, posting
from billing.models import DisputeState, LedgerAccount, RefundState, TopUp, TopUpState, Transfer
from billing.stripe import client
from billing.topups.checkout import book_payment

# A refund that failed and a dispute that took nothing leave the payment whole.
GIVEN_BACK = (RefundState.REQUESTED, RefundState.PENDING, RefundState.SUCCEEDED)
TAKEN_BACK = (DisputeState.OPEN, DisputeState.LOST)


def top_up_of(payment_id: str) -> TopUp | None:
    """The top-up that a payment paid, credited first if it isn't yet: news may come in any order."""
    if not payment_id:
        return None
    top_up = TopUp.objects.filter(payment_intent_id=payment_id, state=TopUpState.PAID).first()
    if top_up is None:
        book_payment(client.payment(payment_id))
        top_up = TopUp.objects.filter(payment_intent_id=payment_id, state=TopUpState.PAID).first()
    return top_up


def gone_micros(top_up: TopUp) -> int:
    """Credit of the top-up that was refunded or is disputed or lost, in micro-dollars."""
    refunded = top_up.refunds.filter(state__in=GIVEN_BACK).aggregate(sum=Sum("credit_micros", default=0))["sum"]
    disputed = top_up.disputes.filter(state__in=TAKEN_BACK).aggregate(sum=Sum("credit_micros", default=0))["sum"]
    return int(refunded) + int(disputed)


def gone_cents(top_up: TopUp) -> int:
    """The same in cents as Stripe counts them, tax included."""
    refunded = top_up.refunds.filter(state__in=GIVEN_BACK).aggregate(sum=Sum("amount_cents", default=0))["sum"]
    disputed = top_up.disputes.filter(state__in=TAKEN_BACK).aggregate(sum=Sum("amount_cents", default=0))["sum"]
    return int(refunded) + int(disputed)


def credit_of(top_up: TopUp, cents: int) -> int:
    """The credit in micro-dollars that ``cents`` more of the payment stand for, tax taken out; at most what is left.

    Worked out on the running sum, so that parts that make the whole payment make its whole credit.
    """
    total = top_up.total_cents or top_up.amount_cents
    before = gone_micros(top_up)
    after = min(gone_cents(top_up) + cents, total)
    return max(min(after * top_up.amount_micros // total, top_up.amount_micros) - before, 0)


def claw_back_top_up(  # noqa: PLR0913 -- they are the columns of the rows
    top_up: TopUp,
    credit_micros: int,
    *,
    to: LedgerAccount,
    kind: str,
    key: str,
    subject: str,
    memo: str,
    write_off: bool = False,
    actor: User | None = None,
) -> int:
    """Claw back the credit of a payment that goes back; what was spent is owed, or written off. Returns what was.

    Within the caller's transaction, which knows that it happens once.
    """
    facts: Any = {"kind": kind, "subject": subject, "memo": memo, "actor": actor}
    taken = claw_back(top_up.workspace, credit_micros, to=to, key=key, first=top_up.lot, **facts)
    spent = credit_micros - taken
    if spent:
        source = accounts.platform(accounts.WRITE_OFF) if write_off else receivable(top_up.workspace)
        posting.post(debit=source, credit=to, amount_micros=spent, key=f"{key}:spent", **facts)
    return spent if write_off else 0


def reverse_postings(top_up: TopUp, subject: str, *, reason: str) -> None:
    """Reverse everything that was posted for a refund or a dispute, and what was collected for it."""
    moved = Transfer.objects.filter(subject=subject, reversals=None, reverses=None).exclude(key__contains=":fee:")
    for transfer in moved.select_related("debit", "credit", "lot", "hold").order_by("-pk"):
        posting.reverse(transfer, reason=reason)
    settle_receivable(top_up.workspace)
