"""Redeeming a promotion code, from the balance page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.door import WorkspaceRequest, workspace_view
from billing import promotions
from billing.money import usd
from billing.promotions import CodeRefused


@workspace_view(Action.MANAGE_BILLING)
@require_POST
def redeem(request: WorkspaceRequest) -> HttpResponse:
    try:
        lot = promotions.redeem(request.workspace, request.POST.get("code", ""), user=request.user)
    except CodeRefused as refused:
        messages.error(request, str(refused))
    else:
        until = f", to be used until {lot.expires_at:%-d %B %Y}" if lot.expires_at else ""
        messages.success(request, f"{usd(lot.granted)} of bonus credit is yours{until}.")
    return redirect("balance", workspace=request.workspace.slug)
