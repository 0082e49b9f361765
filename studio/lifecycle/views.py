"""Pages about what a workspace has: how long it is kept, all of it to take along, and its end; a person's, too."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import PersonRequest, WorkspaceRequest, person_view, workspace_view
from avatarsite.workspaces.errors import CannotClose
from avatarsite.workspaces.views.confirm import confirm
from studio.lifecycle import account, closing
from studio.lifecycle.export import KEPT, ExportRefused, ask_for_export, cancel_export, link_to
from studio.lifecycle.forms import ConfirmForm, RetentionForm
from studio.lifecycle.models import Export, ExportState
from studio.videos.retention import GRACE, retention_of, set_retention

UNPROCESSABLE = 422
SHOWN = 10


@workspace_view(Action.MANAGE_OWNERS)
def workspace_data(request: WorkspaceRequest) -> HttpResponse:
    """How long things are kept, and the exports; a POST sets the days."""
    kept = retention_of(request.workspace)
    form = RetentionForm(
        request.POST if request.method == "POST" else None, initial={"days": kept.days if kept else None}
    )
    if form.is_valid():
        days = form.cleaned_data["days"]
        set_retention(request.workspace, days, user=request.user)
        messages.success(request, f"Kept for {retention_of(request.workspace)}." if days else "All is kept.")
        return redirect("workspace_data", workspace=request.workspace.slug)
    context = {"form": form, "kept": kept, "grace": GRACE.days, **_exports(request)}
    status = UNPROCESSABLE if form.errors else 200
    return render(request, "studio/data.html", context, status=status)


@workspace_view(Action.MANAGE_OWNERS, while_closing=True)
def workspace_close(request: WorkspaceRequest) -> HttpResponse:
    """What closing it does, and the form; of one that is being closed, how far that is and how to have it back."""
    under_way = closing.open_closing(request.workspace)
    form = ConfirmForm(
        request.POST if request.method == "POST" else None,
        user=request.user,
        expected=request.workspace.name,
        label="The workspace’s name",
    )
    if under_way is None and form.is_valid():
        try:
            closing.begin(request.member)
        except CannotClose as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(request, f"{request.workspace} is being closed.")
            return redirect("workspace_close", workspace=request.workspace.slug)
    context = {
        "form": form,
        "closing": under_way,
        "may_return": under_way is not None and closing.may_return(under_way),
        "grace": closing.GRACE.days,
        "standing": closing.standing_of(request.workspace),
        **_exports(request),
    }
    status = UNPROCESSABLE if form.errors and not under_way else 200
    return render(request, "studio/workspace_close.html", context, status=status)


@workspace_view(Action.MANAGE_OWNERS, while_closing=True)
@require_POST
def workspace_have_back(request: WorkspaceRequest) -> HttpResponse:
    under_way = closing.open_closing(request.workspace)
    if under_way and closing.have_back(under_way, by=request.user):
        messages.success(request, f"{request.workspace} is open again.")
        return redirect("workspace_settings", workspace=request.workspace.slug)
    messages.error(request, "It is too late to have it back.")
    return redirect("workspace_close", workspace=request.workspace.slug)


@person_view
def account_close(request: PersonRequest) -> HttpResponse:
    """What closing their account does, and the form; or until when it can be undone."""
    form = ConfirmForm(
        request.POST if request.method == "POST" else None,
        user=request.user,
        expected=request.user.email,
        label="Your e-mail address",
    )
    departure = account.open_departure(request.user)
    if departure is None and form.is_valid():
        try:
            account.begin(request.user)
        except CannotClose as refusal:
            form.add_error(None, refusal.sentence)
        else:
            return redirect("account_close")
    context = {
        "form": form,
        "departure": departure,
        "ties": account.ties_of(request.user),
        "grace": closing.GRACE.days,
    }
    status = UNPROCESSABLE if form.errors and not departure else 200
    return render(request, "studio/account_close.html", context, status=status)


@person_view
@require_POST
def account_stay(request: PersonRequest) -> HttpResponse:
    departure = account.open_departure(request.user)
    if departure and account.undo(departure):
        messages.success(request, "Your account stays.")
        return redirect("profile")
    messages.error(request, "There is nothing to undo.")
    return redirect("account_close")


@workspace_view(Action.MANAGE_OWNERS, while_closing=True)
@require_POST
def export_make(request: WorkspaceRequest) -> HttpResponse:
    try:
        ask_for_export(request.workspace, user=request.user)
        messages.success(request, "It is being made. You get a mail when it is ready.")
    except ExportRefused as refusal:
        messages.error(request, str(refusal))
    return _back(request)


@workspace_view(Action.MANAGE_OWNERS, while_closing=True)
@require_http_methods(["GET", "HEAD", "POST"])
def export_cancel(request: WorkspaceRequest, export: str) -> HttpResponse:
    """What it ends, first; then the deed."""
    one = _export(request, export)
    if request.method != "POST":
        making = one.state == ExportState.MAKING
        return confirm(
            request,
            f"{'Cancel' if making else 'Delete'} the export of {one.created_at:%-d %b %Y, %H:%M} UTC?",
            "Its file goes for good. What is in the workspace stays, and can be exported again.",
            deed="Cancel it" if making else "Delete",
            keep=reverse(_page(request), kwargs={"workspace": request.workspace.slug}),
        )
    if cancel_export(one):
        messages.success(request, "The export and its file are gone.")
    return _back(request)


@workspace_view(Action.MANAGE_OWNERS, while_closing=True)
@require_safe
def export_file(request: WorkspaceRequest, export: str) -> HttpResponse:
    one = get_object_or_404(Export.objects.for_workspace(request.workspace), pk=export, state=ExportState.READY)
    return HttpResponseRedirect(link_to(one), headers={"Cache-Control": "no-store"})


def _exports(request: WorkspaceRequest) -> dict[str, Any]:
    exports = Export.objects.for_workspace(request.workspace).select_related("asked_by").order_by("-id")[:SHOWN]
    return {
        "exports": exports,
        "making": any(export.state == ExportState.MAKING for export in exports),
        "export_days": KEPT.days,
    }


def _export(request: WorkspaceRequest, export: str) -> Export:
    return get_object_or_404(Export.objects.for_workspace(request.workspace).select_related("workspace"), pk=export)


def _back(request: WorkspaceRequest) -> HttpResponse:
    return redirect(_page(request), workspace=request.workspace.slug)


def _page(request: WorkspaceRequest) -> str:
    return "workspace_close" if request.workspace.closes_at else "workspace_data"
