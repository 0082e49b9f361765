"""A video's files: what there is, made in other formats, downloaded, deleted."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.shortcuts import render as show
from django.urls import reverse
from django.views.decorators.http import require_safe

from avatarsite.errors import DomainError
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.models import Render, RenditionFormat, RenditionState
from studio.pipeline.expire import delete_if_due, seconds_left
from studio.renditions.ask import ask_for, own_format, remove
from studio.representation import captions_row
from studio.storage.filenames import download_name
from studio.storage.local import signed_link
from studio.views.query_values import word


@workspace_view(Action.VIEW, post=Action.RENDER)
def video_formats(request: WorkspaceRequest, render: str) -> HttpResponse:
    """The list of its files, asked for again while one is made. Posted, ``format`` is made, or ``no`` deleted."""
    one = _render(request, render)
    if request.method != "POST":
        return show(request, "studio/partials/formats.html", {"render": one, **format_facts(one)})
    try:
        if gone := word(request.POST, "no"):
            remove(get_object_or_404(one.renditions, format=gone))
        else:
            ask_for(one, _format(word(request.POST, "format")))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    page = reverse("video", kwargs={"workspace": request.workspace.slug, "render": one.pk})
    return redirect(f"{page}#formats")


@workspace_view(Action.VIEW)
@require_safe
def video_format_file(request: WorkspaceRequest, render: str, form: str) -> HttpResponse:
    """Named after its title, by a link that ends."""
    one = _render(request, render)
    found = get_object_or_404(one.renditions.exclude(file=""), format=form)
    if one.withheld_at or delete_if_due(one):
        raise Http404
    left = seconds_left(one)
    seconds = None if left is None else max(1, min(left, settings.FILE_LINK_SECONDS))
    stored = found.file.name or ""
    return redirect(signed_link(stored, download_as=download_name(f"{one.title}.{form}"), seconds=seconds))


def format_facts(one: Render) -> dict[str, Any]:
    """What the list shows: a row for each format that the video is not in itself."""
    own, made = own_format(one), {each.format: each for each in one.renditions.all()} if one.video else {}
    captions = captions_row(one)
    burning = bool(
        captions and captions.burn and not captions.video and not captions.failure and not captions.burn_failure
    )
    return {
        "own_format": RenditionFormat(own).label,
        "formats": [(form, made.get(form)) for form in RenditionFormat if form != own],
        "making": burning or any(each.state == RenditionState.MAKING for each in made.values()),
        "captions": captions,
        "burning": burning,
    }


def _format(name: str) -> RenditionFormat:
    if name not in RenditionFormat:
        raise Http404
    return RenditionFormat(name)


def _render(request: WorkspaceRequest, render_id: str) -> Render:
    found = Render.objects.for_workspace(request.workspace).select_related("captions").prefetch_related("renditions")
    return get_object_or_404(found, pk=render_id)
