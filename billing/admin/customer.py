"""Billing's panels and acts of a customer's page: the wallet, top-ups with their refunds, budgets."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from avatarsite.staff.customer import CustomerAct, Panel, add_act, add_panel
from avatarsite.workspaces.models import Workspace
from billing.budgets.budgets import standings
from billing.debts import receivables
from billing.ledger import accounts
from billing.models import CreditLot, Dispute, Hold, HoldState, LedgerAccount, Refund, TopUp
from billing.models.stripe import TopUpState

ROWS = 10


def _wallet(workspace: Workspace) -> dict[str, Any]:
    wallet = _wallet_of(workspace)
    lots = CreditLot.objects.filter(account=wallet, remaining__gt=0)
    holds = Hold.objects.filter(account=wallet, state=HoldState.OPEN)
    return {
        "wallet": wallet,
        "balance": accounts.balance(workspace),
        "owed_micros": receivables.owed_micros(workspace),
        "lots": list(lots.order_by("priority", "expires_at", "pk")[:ROWS]),
        "holds": list(holds.order_by("-pk")[:ROWS]),
        "hold_count": holds.count(),
    }


def _top_ups(workspace: Workspace) -> dict[str, Any]:
    top_ups = TopUp.objects.filter(workspace=workspace)
    return {
        "top_ups": list(top_ups.select_related("user").order_by("-created_at")[:ROWS]),
        "refunds": list(Refund.objects.filter(top_up__in=top_ups).order_by("-created_at")[:ROWS]),
        "disputes": list(Dispute.objects.filter(top_up__in=top_ups).order_by("-created_at")[:ROWS]),
        "paid": TopUpState.PAID,
        "back": _back(workspace),
    }


def _budgets(workspace: Workspace) -> dict[str, Any]:
    return {"budgets": standings(workspace)}


def _back(workspace: Workspace) -> str:
    """For the end of an act's address, so that it leads back to the customer."""
    return f"?back={reverse('admin:workspaces_workspace_change', args=[workspace.pk])}"


def _wallet_of(workspace: Workspace) -> LedgerAccount | None:
    """Without making one: to look at a page writes nothing."""
    return LedgerAccount.objects.filter(code=accounts.wallet_code(workspace)).first()


def _of_the_wallet(act: str, workspace: Workspace) -> str:
    """By the workspace where there is no wallet yet; the page of the act makes it."""
    wallet = _wallet_of(workspace)
    if wallet:
        return reverse(f"admin:billing_ledgeraccount_{act}", args=[wallet.pk]) + _back(workspace)
    return reverse("admin:billing_ledgeraccount_first", args=[workspace.pk, act])


def _refund(workspace: Workspace) -> str:
    """The newest payment's page; others are in the panel."""
    paid = TopUp.objects.filter(workspace=workspace, state=TopUpState.PAID).order_by("-paid_at").first()
    return reverse("admin:billing_topup_refund", args=[paid.pk]) + _back(workspace) if paid else ""


add_panel(Panel(30, "Wallet", "billing.view_ledgeraccount", "admin/customer/wallet.html", _wallet))
add_panel(Panel(50, "Top-ups and refunds", "billing.view_topup", "admin/customer/top_ups.html", _top_ups))
add_panel(Panel(60, "Budgets", "billing.view_budget", "admin/customer/budgets.html", _budgets))
add_act(CustomerAct(30, "Grant", "billing.grant_credit", lambda row: _of_the_wallet("grant", row)))
add_act(CustomerAct(40, "Freeze", "billing.change_ledgeraccount", lambda row: _of_the_wallet("freeze", row)))
add_act(CustomerAct(50, "Refund", "billing.refund_topup", _refund))
