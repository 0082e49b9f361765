"""Captions of a video: set, edited cue by cue, downloaded, shown by the player, deleted."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.shortcuts import render as show
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from avatarsite.errors import DomainError
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.views.confirm import confirm
from studio.captions.change import remove_captions, set_captions
from studio.captions.wish import edited, wish_of
from studio.forms import CaptionsForm
from studio.media.captions.files import spelt
from studio.models import CaptionSource, Render
from studio.pipeline.expire import delete_if_due, seconds_left
from studio.pipeline.request.spoken import heard_in
from studio.representation import captions_row
from studio.storage.filenames import download_name
from studio.storage.local import signed_link
from studio.storage.serve import serve_track
from studio.views.query_values import word

PAGE = 100  # cues
UNPROCESSABLE = 422
FIELDS = {"from": "source", "text": "text", "file": "file", "burn": "burn"}


@workspace_view(Action.VIEW, post=Action.RENDER)
def video_captions(request: WorkspaceRequest, render: str) -> HttpResponse:
    one = _render(request, render)
    captions = captions_row(one)
    source = captions.source if captions and captions.source != CaptionSource.CUES else ""
    has_script = bool(heard_in(one).script.strip() or heard_in(one).sentences)
    form = CaptionsForm(
        request.POST if request.method == "POST" else None,
        request.FILES if request.method == "POST" else None,
        has_script=has_script,
        initial={
            "source": source or ("script" if has_script else "text"),
            "text": captions.text if captions else "",
            "burn": captions.burn if captions else "",
        },
    )
    if form.is_valid() and _was_set(one, form):
        return redirect("video_captions", workspace=request.workspace.slug, render=one.pk)
    status = UNPROCESSABLE if form.is_bound else 200
    return show(request, "studio/captions.html", _context(request, one) | {"form": form}, status=status)


@workspace_view(Action.VIEW, post=Action.RENDER)
@require_POST
def video_cues(request: WorkspaceRequest, render: str) -> HttpResponse:
    """The texts of one page of cues, as they were changed."""
    one = _render(request, render)
    captions = captions_row(one)
    if captions is None:
        raise Http404
    first, version = (_number(request, name) for name in ("first", "version"))
    texts = dict(enumerate(request.POST.getlist("text"), first))
    try:
        set_captions(one, edited(captions, texts, length_ms=_length(one)), version=version)
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "The captions are changed.")
    return redirect("video_captions", workspace=request.workspace.slug, render=one.pk)


@workspace_view(Action.VIEW)
@require_safe
def video_captions_status(request: WorkspaceRequest, render: str) -> HttpResponse:
    """What is being made; the whole page anew once it is there."""
    one = _render(request, render)
    context = _context(request, one)
    answer = show(request, "studio/partials/captions_state.html", context)
    if not context["making"]:
        answer["HX-Refresh"] = "true"
    return answer


@workspace_view(Action.RENDER)
@require_http_methods(["GET", "HEAD", "POST"])
def video_captions_delete(request: WorkspaceRequest, render: str) -> HttpResponse:
    """What it ends, first; then the deed."""
    one = _render(request, render)
    if request.method != "POST":
        return confirm(
            request,
            "Delete the captions?",
            "Their texts and files go for good, and the copy of the video that has them in it. The video itself stays.",
            deed="Delete",
            keep=reverse("video_captions", kwargs={"workspace": request.workspace.slug, "render": one.pk}),
        )
    if remove_captions(one):
        messages.success(request, "The captions and their files are deleted.")
    return redirect("video_captions", workspace=request.workspace.slug, render=one.pk)


@workspace_view(Action.VIEW)
@require_safe
def video_captions_file(request: WorkspaceRequest, render: str, kind: str) -> HttpResponse:
    """``srt``, ``vtt``, or ``video`` for the copy that has them in it. A player gets the WebVTT itself."""
    one = _render(request, render)
    captions = captions_row(one)
    name = getattr(captions, kind).name if captions and kind in {"srt", "vtt", "video"} else ""
    if not name or (kind == "video" and one.withheld_at) or delete_if_due(one):
        raise Http404
    if kind == "vtt" and not request.GET.get("download"):
        return serve_track(name)
    title = f"{one.title}, captions" if kind == "video" else one.title
    left = seconds_left(one)
    seconds = None if left is None else max(1, min(left, settings.FILE_LINK_SECONDS))
    saved = download_name(f"{title}.{name.rsplit('.', 1)[-1]}")
    return redirect(signed_link(name, download_as=saved, seconds=seconds))


def _was_set(one: Render, form: CaptionsForm) -> bool:
    """False with the refusal beside the field that is at fault."""
    try:
        set_captions(one, wish_of(form.asked(), heard_in(one), length_ms=_length(one)))
    except DomainError as refusal:
        form.add_error(FIELDS.get(refusal.field), str(refusal))
        return False
    return True


def _render(request: WorkspaceRequest, render_id: str) -> Render:
    found = Render.objects.for_workspace(request.workspace).select_related("voice", "project", "captions")
    return get_object_or_404(found, pk=render_id)


def _context(request: WorkspaceRequest, one: Render) -> dict[str, Any]:
    captions = captions_row(one)
    cues = list(enumerate(captions.cues)) if captions and captions.vtt else []
    first = min(_number(request, "from"), max(len(cues) - 1, 0)) // PAGE * PAGE
    return {
        "render": one,
        "captions": captions,
        "making": bool(captions and captions.next_try_at),
        "cues": [(number, spelt(start), text) for number, (start, _, text) in cues[first : first + PAGE]],
        "first": first,
        "before": first - PAGE if first else None,
        "after": first + PAGE if first + PAGE < len(cues) else None,
        "count": len(cues),
    }


def _length(one: Render) -> int:
    return one.measured_ms or heard_in(one).duration_ms or 0


def _number(request: WorkspaceRequest, name: str) -> int:
    found = word(request.POST if request.method == "POST" else request.GET, name)
    return int(found) if found.isdecimal() and len(found) < 18 else 0
