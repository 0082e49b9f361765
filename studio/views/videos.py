"""The list of videos, and the two fragments that keep running ones up to date."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.models import Project
from studio.projects import open_projects
from studio.videos.search import STATE_FILTERS, find_videos
from studio.views.paging import page_of
from studio.views.query_values import named, word

PAGE = 24
LIVE_AT_MOST = 50


@workspace_view(Action.VIEW)
@require_safe
def workspace_home(request: WorkspaceRequest) -> HttpResponse:
    return redirect("videos", workspace=request.workspace.slug)


@workspace_view(Action.VIEW)
@require_safe
def videos(request: WorkspaceRequest) -> HttpResponse:
    asked = request.GET
    state = word(asked, "state") if word(asked, "state") in STATE_FILTERS else ""
    project = named(Project.objects.for_workspace(request.workspace), word(asked, "project"))
    words = word(asked, "q")
    found = find_videos(request.workspace, state=state, project=project, words=words)
    page = page_of(found, before=word(asked, "before"), size=PAGE)
    context = {
        "page": page,
        "state": state,
        "states": STATE_FILTERS,
        "project": project,
        "projects": open_projects(request.workspace)[:100],
        "search": words,
        "narrowed": bool(state or project or words),
    }
    return render(request, "studio/videos.html", context)


@workspace_view(Action.VIEW)
@require_safe
def videos_live(request: WorkspaceRequest) -> HttpResponse:
    """Fresh cards of the renders that the page shows as running; asks no more when all have ended."""
    ids = [pk for pk in request.GET.getlist("id")[:LIVE_AT_MOST] if pk.isprintable()]
    found = find_videos(request.workspace).filter(pk__in=ids)
    return render(request, "studio/partials/poll_cards.html", {"renders": list(found)})


@workspace_view(Action.VIEW)
@require_safe
def header_status(request: WorkspaceRequest) -> HttpResponse:
    """The header's running count and balance."""
    return render(request, "components/header_status.html")
