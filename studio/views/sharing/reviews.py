"""What guests wrote about a video: dealt with, opened again, deleted."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.models import ReviewComment
from studio.sharing.review import resolve
from studio.views.query_values import word


@workspace_view(Action.RENDER)
@require_POST
def video_comment(request: WorkspaceRequest, render: str, comment: str) -> HttpResponse:
    """``do`` is resolve, reopen or delete."""
    found = ReviewComment.objects.for_workspace(request.workspace).filter(render_id=render, render__purge_at=None)
    one = get_object_or_404(found, pk=comment)
    if word(request.POST, "do") == "delete":
        one.delete()
    else:
        resolve(one, user=request.user, done=word(request.POST, "do") == "resolve")
    page = reverse("video", kwargs={"workspace": request.workspace.slug, "render": render})
    return redirect(f"{page}#review")
