"""What guests wrote about a video: dealt with, opened again, deleted."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.views.confirm import confirm
from studio.models import ReviewComment
from studio.sharing.review import resolve
from studio.views.query_values import word


@workspace_view(Action.RENDER)
@require_http_methods(["GET", "HEAD", "POST"])
def video_comment(request: WorkspaceRequest, render: str, comment: str) -> HttpResponse:
    """``do`` is resolve, reopen or delete, which is asked about first."""
    found = ReviewComment.objects.for_workspace(request.workspace).filter(render_id=render, render__purge_at=None)
    one = get_object_or_404(found, pk=comment)
    page = f"{reverse('video', kwargs={'workspace': request.workspace.slug, 'render': render})}#review"
    if request.method != "POST":
        question, ends = f"Delete what {one.author} wrote?", "It goes for good, for them and for you."
        return confirm(request, question, ends, deed="Delete", keep=page, do="delete")
    if word(request.POST, "do") == "delete":
        one.delete()
    else:
        resolve(one, user=request.user, done=word(request.POST, "do") == "resolve")
    return redirect(page)
