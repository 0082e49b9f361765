"""Views of the files that our links lead to: videos, and what clients have put here."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from studio.gateway import stored_files
from studio.gateway.links import signed_render
from studio.storage.serve import serve_stored


@require_safe
def video(request: HttpRequest, signature: str, render_id: str, ending: str) -> HttpResponseBase:
    render = signed_render(signature, render_id)
    name = render.video.name if render and render.video else ""
    if not name or not name.endswith(f".{ending}"):
        raise Http404
    return serve_stored(request, name)


@require_safe
def file(request: HttpRequest, file_id: UUID, name: str) -> HttpResponseBase:  # noqa: ARG001
    found = stored_files.open_file(file_id)
    if found is None or not found.file:
        raise Http404
    return serve_stored(request, found.file.name or "", content_type=stored_files.shown_type(found))
