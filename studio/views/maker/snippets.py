"""The form's draft as code."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.captions.wish import BESIDE
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
        captions=said.get("captions") or BESIDE,
        script=_script(said),
    )
    found = snippets(draft, wait=settings.API_WAIT_SECONDS)
    return render(request, "studio/partials/snippets.html", {"snippets": found})


def _script(said: dict[str, Any]) -> dict[str, Any]:
    """What is typed for the voice, without what is usual anyway."""
    if not (script := said.get("script", "").strip()):
        return {}
    named = {"voice": said.get("speaker"), "pace": said.get("pace") or 1.0}
    return {"script": script} | {name: value for name, value in named.items() if value and value != 1.0}
