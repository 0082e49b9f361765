"""The form's draft as code."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.forms import VideoForm
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.quote import CHEAPEST
from studio.snippets import Draft, snippets


@workspace_view(Action.RENDER)
@require_POST
def video_code(request: WorkspaceRequest) -> HttpResponse:
    """What of the form is in order, as code; the rest is left out until it is mended."""
    form = VideoForm(request.workspace, request.POST)
    form.is_valid()
    said = form.cleaned_data
    draft = Draft(
        portrait=said.get("portrait"),
        voice=said.get("voice"),
        project=said.get("project"),
        model=said.get("model") or form.initial["model"],
        routing=said.get("routing") or CHEAPEST,
        fallback=said.get("fallback", True),
        prompt=said.get("prompt", ""),
        title=said.get("title", ""),
        options={name: said.get(name) or default for name, default in DEFAULTS.items()},
    )
    found = snippets(draft, wait=settings.API_WAIT_SECONDS)
    return render(request, "studio/partials/snippets.html", {"snippets": found})
