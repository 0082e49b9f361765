from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.create import rename_workspace
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.errors import NameMissing
from avatarsite.workspaces.forms import WorkspaceForm


@workspace_view(Action.BELONG, post=Action.MANAGE_WORKSPACE)
@require_http_methods(["GET", "HEAD", "POST"])
def workspace_settings(request: WorkspaceRequest) -> HttpResponseBase:
    form = WorkspaceForm(request.POST or None, initial={"name": request.workspace.name})
    if request.method == "POST" and form.is_valid():
        try:
            rename_workspace(request.workspace, form.cleaned_data["name"])
        except NameMissing as refused:
            form.add_error("name", refused.sentence)
        else:
            messages.success(request, "Saved.")
            return redirect("workspace_settings", workspace=request.workspace.slug)
    return render(request, "workspaces/settings.html", {"form": form}, status=422 if form.errors else 200)
