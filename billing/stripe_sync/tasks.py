"""Tasks about Stripe: ids in, one call, nothing out. Every one may run twice, late or never."""

from __future__ import annotations

import logging
from collections.abc import Callable

from avatarsite.workspaces.models import Workspace
from billing.models import Refund, TopUp
from billing.refunds import refunds
from billing.stripe import client
from billing.stripe.client import StripeProblem
from billing.stripe_sync import reconcile
from billing.topups import auto_topup, low_balance, sweep

logger = logging.getLogger(__name__)


def check_low_balance(*, workspace_id: str) -> None:
    """A wallet has fallen below its mark: tell, and buy if it says so."""
    workspace = Workspace.objects.get(pk=workspace_id)
    low_balance.check_low_balance(workspace)
    _quietly(lambda: auto_topup.consider(workspace))


def auto_top_up(*, workspace_id: str) -> None:
    workspace = Workspace.objects.get(pk=workspace_id)
    _quietly(lambda: auto_topup.consider(workspace))


def check_top_up(*, top_up_id: str) -> None:
    top_up = TopUp.objects.select_related("customer", "workspace").get(pk=top_up_id)
    _quietly(lambda: sweep.resume_due(top_up))


def send_refund(*, refund_id: str) -> None:
    refund = Refund.objects.select_related("top_up__workspace").get(pk=refund_id)
    _quietly(lambda: refunds.send_refund(refund))


def reconcile_stripe() -> None:
    """The nightly walk along Stripe's own lists."""
    if client.is_on():
        _quietly(reconcile.reconcile_nightly)


def _quietly(ask: Callable[[], object]) -> None:
    """That Stripe doesn't answer is no error of ours: the row is due again by itself."""
    try:
        ask()
    except StripeProblem as error:
        logger.warning("Stripe: %s", error)
