"""Projects: the list, one project, and its settings."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.forms import ProjectForm, ProjectNameForm
from studio.models import Project
from studio.projects import (
    ProjectRefused,
    archive_project,
    change_project,
    create_project,
    list_projects,
    restore_project,
)
from studio.videos.search import find_videos, for_cards
from studio.views.paging import page_of
from studio.views.query_values import word

PAGE = 24


@workspace_view(Action.VIEW)
@require_safe
def projects(request: WorkspaceRequest) -> HttpResponse:
    archived = request.GET.get("archived") == "1"
    page = page_of(list_projects(request.workspace, archived=archived), before=word(request.GET, "before"), size=PAGE)
    return render(request, "studio/projects.html", {"page": page, "archived": archived})


@workspace_view(Action.RENDER)
def project_new(request: WorkspaceRequest) -> HttpResponse:
    form = ProjectNameForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = create_project(request.workspace, form.cleaned_data["name"])
            return redirect("project", workspace=request.workspace.slug, project=made.pk)
        except ProjectRefused as refusal:
            form.add_error(refusal.field, str(refusal))
    return render(request, "studio/project_new.html", {"form": form}, status=422 if form.is_bound else 200)


@workspace_view(Action.VIEW)
@require_safe
def project(request: WorkspaceRequest, project: str) -> HttpResponse:
    one = _project(request, project)
    found = for_cards(find_videos(request.workspace, project=one))
    page = page_of(found, before=word(request.GET, "before"), size=PAGE)
    return render(request, "studio/project.html", {"project": one, "page": page})


@workspace_view(Action.RENDER)
def project_change(request: WorkspaceRequest, project: str) -> HttpResponse:
    one = _project(request, project)
    form = ProjectForm(one, request.POST if request.method == "POST" else None)
    if form.is_valid():
        cleaned = form.cleaned_data
        try:
            change_project(one, name=cleaned["name"], portrait=cleaned["portrait"], defaults=form.defaults())
        except ProjectRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        else:
            messages.success(request, "The project is saved.")
            return redirect("project", workspace=request.workspace.slug, project=one.pk)
    context = {"project": _project(request, project), "form": form}
    return render(request, "studio/project_change.html", context, status=422 if form.is_bound else 200)


@workspace_view(Action.VIEW, post=Action.RENDER)
@require_POST
def project_archive(request: WorkspaceRequest, project: str) -> HttpResponse:
    one = _project(request, project)
    archive_project(one)
    messages.success(request, f"“{one.name}” is archived. Its videos stay; it takes no new ones.")
    return redirect("projects", workspace=request.workspace.slug)


@workspace_view(Action.VIEW, post=Action.RENDER)
@require_POST
def project_restore(request: WorkspaceRequest, project: str) -> HttpResponse:
    one = _project(request, project)
    restore_project(one)
    messages.success(request, f"“{one.name}” is back.")
    return redirect("project", workspace=request.workspace.slug, project=one.pk)


def _project(request: WorkspaceRequest, project_id: str) -> Project:
    return get_object_or_404(Project.objects.for_workspace(request.workspace).select_related("portrait"), pk=project_id)
