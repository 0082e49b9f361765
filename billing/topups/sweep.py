"""Sweep of top-ups, refunds and debts that are due: each clause is one indexed query with a limit, and only nudges."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.queue import jobs
from avatarsite.queue.sweeping import each, run_clauses
from avatarsite.workspaces.models import Workspace
from billing.debts.freezes import apply_freeze
from billing.debts.receivables import in_debt, settle_receivable
from billing.models import AutoTopUp, Origin, Refund, TopUp, TopUpState
from billing.stripe import client
from billing.stripe.client import StripeRefused
from billing.topups import auto_topup
from billing.topups.checkout import MISMATCH, check_top_up

BATCH = 100
LEASE = timedelta(minutes=5)
UNKNOWN_PAUSE = timedelta(days=1)


def sweep() -> dict[str, int]:
    """Nudge everything of Stripe's that is due; returns how many of each."""
    clauses: dict[str, Callable[[], int]] = {"debts": _collect}
    if client.is_on():
        clauses |= {"top-ups": _check, "refunds": _send, "automatic": _consider}
    return run_clauses(clauses, "The sweep of Stripe’s things")


def _check() -> int:
    due = TopUp.objects.filter(next_check_at__lt=timezone.now(), livemode=client.livemode())
    due = due.order_by("next_check_at")
    ids = list(due.values_list("pk", flat=True)[:BATCH])
    for pk in ids:
        jobs.enqueue("billing.check_top_up", top_up_id=pk)
    # Out of the next sweep's sight, unless nothing comes of it.
    TopUp.objects.filter(pk__in=ids, next_check_at__lt=timezone.now()).update(next_check_at=timezone.now() + LEASE)
    return len(ids)


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


def _send() -> int:
    due = Refund.objects.filter(next_try_at__lt=timezone.now(), top_up__livemode=client.livemode())
    due = due.order_by("next_try_at")
    ids = list(due.values_list("pk", flat=True)[:BATCH])
    for pk in ids:
        jobs.enqueue("billing.send_refund", refund_id=pk)
    return len(ids)


def _consider() -> int:
    """Wallets below their mark whose nudge was dropped, or that had to wait."""
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


def _collect() -> int:
    """What was held when it fell due may be free now."""
    return len(each(in_debt(), _collect_from, "Collecting what a workspace owes"))


def _collect_from(workspace: Workspace) -> None:
    settle_receivable(workspace)
    apply_freeze(workspace)
