"""What waits for a person's yes, and what was decided lately."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from avatarsite.errors import DomainError
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.approvals import approvals as domain
from studio.models import Approval, ApprovalState

MAX_SHOWN = 50
SHOWN_FOR = timedelta(days=30)


@workspace_view(Action.VIEW)
@require_safe
def approvals(request: WorkspaceRequest) -> HttpResponse:
    rows = Approval.objects.for_workspace(request.workspace).select_related(
        "portrait", "voice", "token", "decided_by", "render"
    )
    waiting = domain.in_state(ApprovalState.WAITING)
    ended = rows.exclude(waiting).filter(created_at__gt=timezone.now() - SHOWN_FOR).order_by("-id")[:MAX_SHOWN]
    context = {"waiting": rows.filter(waiting).order_by("id"), "ended": ended}
    return render(request, "studio/approvals.html", context)


@workspace_view(Action.VIEW, post=Action.RENDER)
@require_POST
def approval_decide(request: WorkspaceRequest, approval: str) -> HttpResponse:
    row = get_object_or_404(Approval.objects.for_workspace(request.workspace), pk=approval)
    try:
        answer = request.POST.get("say")
        if answer == "yes":
            domain.approve(row, by=request.user)
            messages.success(request, f"“{row.title}” is being made.")
        elif answer == "no":
            domain.decline(row, by=request.user)
            messages.success(request, f"“{row.title}” is declined. Nothing is made.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("approvals", workspace=request.workspace.slug)
