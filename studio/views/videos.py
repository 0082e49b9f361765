"""The list of videos, and the two fragments that keep running ones up to date."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from avatarsite.errors import DomainError
from avatarsite.workspaces.access import Action, first_page
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.errors import RequestRefused
from studio.models import Project, Render
from studio.projects import open_projects, projects_to_choose
from studio.videos.archive import titled, zip_response
from studio.videos.bulk import bin_videos, chosen, move_videos
from studio.videos.search import STATE_FILTERS, cards, find_videos, for_cards, newest_cards
from studio.videos.tags import add_tags, remove_tags, tags_in
from studio.videos.trash import KEPT, binned, empty_bin, restore_videos
from studio.views.paging import Page, page_of
from studio.views.query_values import named, word

PAGE = 24
MAX_BACK = 1_000
LIVE_AT_MOST = 50


@workspace_view(Action.BELONG)
@require_safe
def workspace_home(request: WorkspaceRequest) -> HttpResponse:
    return redirect(first_page(request.member), workspace=request.workspace.slug)


@workspace_view(Action.VIEW)
@require_safe
def videos(request: WorkspaceRequest) -> HttpResponse:
    asked = request.GET
    state = word(asked, "state") if word(asked, "state") in STATE_FILTERS else ""
    project = named(Project.objects.for_workspace(request.workspace), word(asked, "project"))
    words, tag = word(asked, "q"), word(asked, "tag")
    before, narrowed = word(asked, "before"), bool(state or project or words or tag)
    if before or narrowed:
        found = find_videos(request.workspace, state=state, project=project, words=words, tag=tag)
        page = page_of(for_cards(found), before=before, size=PAGE)
    else:
        page = Page.of(newest_cards(request.workspace, PAGE + 1), PAGE)
    context = {
        "page": page,
        "state": state,
        "states": STATE_FILTERS,
        "project": project,
        "projects": projects_to_choose(request.workspace),
        "search": words,
        "tag": tag,
        "tags": tags_in(request.workspace),
        "binned": binned(request.workspace).count(),
        "narrowed": narrowed,
    }
    return render(request, "studio/videos.html", context)


@workspace_view(Action.VIEW)
@require_safe
def videos_live(request: WorkspaceRequest) -> HttpResponse:
    """Fresh cards of the renders that the page shows as running; asks no more when all have ended."""
    ids = [pk for pk in request.GET.getlist("id")[:LIVE_AT_MOST] if pk.isprintable()]
    return render(request, "studio/partials/poll_cards.html", {"renders": cards(request.workspace, ids)})


@workspace_view(Action.VIEW, post=Action.RENDER)
@require_POST
def videos_bulk(request: WorkspaceRequest) -> HttpResponseBase:
    """One act on all that are marked; back to where they were marked."""
    try:
        renders = chosen(request.workspace, request.POST.getlist("id"))
        if word(request.POST, "act") == "download":
            return zip_response(request.workspace, "videos.zip", titled(renders))
        undo = " ".join(each.pk for each in renders if each.ended) if word(request.POST, "act") == "delete" else ""
        messages.success(request, _done(request, word(request.POST, "act"), renders), extra_tags=undo)
    except DomainError as refusal:
        messages.error(request, str(refusal))
    here = reverse("videos", kwargs={"workspace": request.workspace.slug})
    back = request.POST.get("back", "")
    return redirect(f"{here}?{back}" if back.isprintable() and len(back) < MAX_BACK else here)


def _done(request: WorkspaceRequest, act: str, renders: list[Render]) -> str:
    """Do it, and say so. Raises DomainError."""
    if act == "delete":
        outcome = bin_videos(renders)
        told = f"{_videos(outcome.done)} in the bin, for {KEPT.days} days."
    elif act == "move":
        project = named(open_projects(request.workspace), word(request.POST, "project"))
        if project is None:
            raise RequestRefused("project", "no_such_project", "No project is chosen.", "Choose one beside the button.")
        outcome = move_videos(request.workspace, renders, project)
        told = f"{_videos(outcome.done)} in {project.name} now."
    else:
        words = [each for each in map(str.strip, request.POST.get("tags", "").split(",")) if each]
        if not words:
            raise RequestRefused("tags", "no_tag", "No tag is written.", "Write one beside the button.")
        (remove_tags if act == "untag" else add_tags)(request.workspace, renders, words)
        return f"{_videos(len(renders))} {'without' if act == 'untag' else 'tagged'} {', '.join(words)}."
    if outcome.left:
        told += f" {_videos(outcome.left)} still being made and stayed."
    return told


def _videos(count: int) -> str:
    return "1 video is" if count == 1 else f"{count} videos are"


@workspace_view(Action.VIEW, post=Action.RENDER)
def videos_bin(request: WorkspaceRequest) -> HttpResponse:
    """What is in the bin. Posted: some of it is had back, or all of it is deleted for good."""
    if request.method == "POST":
        act = word(request.POST, "act")
        if act == "empty":
            messages.success(request, f"{_videos(empty_bin(request.workspace))} deleted for good.")
        elif back := restore_videos(request.workspace, request.POST.getlist("id")):
            only = f"“{back[0].title}” is" if len(back) == 1 else _videos(len(back))
            messages.success(request, f"{only} back.")
        return redirect("videos" if act == "undo" else "videos_bin", workspace=request.workspace.slug)
    page = page_of(binned(request.workspace), before=word(request.GET, "before"), size=PAGE)
    return render(request, "studio/videos_bin.html", {"page": page, "days": KEPT.days})


@workspace_view(Action.BELONG)
@require_safe
def header_status(request: WorkspaceRequest) -> HttpResponse:
    """The header's running count and balance."""
    return render(request, "components/header_status.html")
