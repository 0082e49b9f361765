from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from avatarsite.audit.export import audit_csv
from avatarsite.audit.models import AuditEntry
from avatarsite.csv_files import csv_response
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.models import Workspace

PAGE_SIZE = 50


def entries_of(workspace: Workspace) -> QuerySet[AuditEntry]:
    """What the workspace may read of the audit log, newest first."""
    return AuditEntry.objects.filter(workspace=workspace, shown=True).order_by("-id")


@workspace_view(Action.MANAGE_MEMBERS)
@require_safe
def audit(request: WorkspaceRequest) -> HttpResponse:
    page = Paginator(entries_of(request.workspace), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "workspaces/audit.html", {"page": page})


@workspace_view(Action.MANAGE_MEMBERS)
@require_safe
def audit_file(request: WorkspaceRequest) -> HttpResponseBase:
    return csv_response(f"audit-{request.workspace.slug}.csv", audit_csv(entries_of(request.workspace)))
