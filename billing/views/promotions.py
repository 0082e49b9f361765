"""View that redeems a promotion code, from the balance page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from billing.models.promotions import CODE_LENGTH
from billing.money import usd
from billing.promotions import promotions
from billing.promotions.promotions import CodeRefused
from billing.views.balance import balance_page
from billing.views.context import UNPROCESSABLE


@workspace_view(Action.MANAGE_BILLING)
@require_POST
def redeem(request: WorkspaceRequest) -> HttpResponse:
    typed = request.POST.get("code", "")
    try:
        lot = promotions.redeem(request.workspace, typed, user=request.user)
    except CodeRefused as refused:
        outcome = {"code_typed": typed[:CODE_LENGTH], "code_refused": str(refused)}
        return balance_page(request, **outcome, status=UNPROCESSABLE)
    until = f", to be used until {lot.expires_at:%-d %B %Y}" if lot.expires_at else ""
    messages.success(request, f"{usd(lot.granted)} of bonus credit is yours{until}.")
    return redirect("balance", workspace=request.workspace.slug)
