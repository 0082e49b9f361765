"""Sweep of Stripe's things: top-ups, refunds, wallets that are low and debts."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F, QuerySet
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import Kind
from avatarsite.queue.sweeping import BATCH, each
from avatarsite.workspaces.models import Workspace
from billing.debts.freezes import apply_freeze
from billing.debts.receivables import in_debt, settle_receivable
from billing.models import AutoTopUp, Origin, Refund, TopUp, TopUpState
from billing.stripe import client
from billing.stripe.client import StripeRefused
from billing.topups import auto_topup
from billing.topups.checkout import MISMATCH, check_top_up

LEASE = timedelta(minutes=5)
UNKNOWN_PAUSE = timedelta(days=1)


def due_top_ups() -> QuerySet[TopUp]:
    return TopUp.objects.filter(livemode=client.livemode()) if client.is_on() else TopUp.objects.none()


def due_refunds() -> QuerySet[Refund]:
    return Refund.objects.filter(top_up__livemode=client.livemode()) if client.is_on() else Refund.objects.none()


def resume_due(top_up: TopUp) -> str:
    """Resume a top-up if nobody has since it fell due; should nothing come of it, it is due again after the lease."""
    now = timezone.now()
    due = TopUp.objects.filter(pk=top_up.pk, next_check_at__lte=now)
    return resume(top_up) if due.update(next_check_at=now + LEASE) else f"{top_up} is not due"


def resume(top_up: TopUp) -> str:
    """Resume a due top-up: a first try, an end to the waiting, or a look at how it stands."""
    try:
        return _resume(top_up)
    except StripeRefused as error:
        if not error.missing:
            raise
        return _unknown_to_stripe(top_up, error)


def _unknown_to_stripe(top_up: TopUp, error: StripeRefused) -> str:
    named = top_up.session_id or top_up.payment_intent_id
    message = f"Stripe does not know {named} of top-up {top_up}: {error} Is the key of the account that it was made in?"
    raise_alert(MISMATCH, str(named), message, top_up=top_up.pk)
    TopUp.objects.filter(pk=top_up.pk).update(next_check_at=timezone.now() + UNKNOWN_PAUSE)
    return message


def _resume(top_up: TopUp) -> str:
    if top_up.origin == Origin.AUTOMATIC and top_up.state == TopUpState.NEW and not top_up.payment_intent_id:
        return auto_topup.attempt(top_up)
    if auto_topup.is_stale(top_up):
        return auto_topup.give_up_waiting(top_up)
    if top_up.origin == Origin.AUTOMATIC and top_up.payment_intent_id and top_up.is_under_way:
        return auto_topup.take_note(top_up, client.payment(top_up.payment_intent_id))
    return check_top_up(top_up).get_state_display()


def nudge_automatic() -> int:
    """Wallets below their mark whose nudge was dropped, or that had to wait."""
    if not client.is_on():
        return 0
    low = AutoTopUp.objects.filter(
        enabled=True,
        paused_reason="",
        workspace__ledger_accounts__tracked=True,
        workspace__ledger_accounts__posted__lt=F("threshold_micros") + F("workspace__ledger_accounts__held"),
    ).exclude(next_attempt_at__gt=timezone.now())
    ids = list(low.values_list("workspace_id", flat=True)[:BATCH])
    for pk in ids:
        jobs.enqueue("billing.auto_top_up", workspace_id=pk)
    return len(ids)


def collect_debts() -> int:
    """What was held when it fell due may be free now."""
    return len(each(in_debt(), _collect_from, "Collecting what a workspace owes"))


def _collect_from(workspace: Workspace) -> None:
    settle_receivable(workspace)
    apply_freeze(workspace)


KINDS = (
    Kind("top_up", due_top_ups, at="next_check_at", task="billing.check_top_up", argument="top_up_id"),
    Kind("refund", due_refunds, task="billing.send_refund", argument="refund_id"),
)
