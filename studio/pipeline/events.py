"""Events of a render for customers' webhooks, recorded in the transaction in which they happen."""

from __future__ import annotations

from django.db.models import prefetch_related_objects

from avatarsite.outbox import events
from studio.models import Render, RenderState
from studio.representation import serialize_render

KINDS: dict[str, str] = {
    RenderState.QUEUED: "render.queued",
    RenderState.RENDERING: "render.rendering",
    RenderState.READY: "render.ready",
    RenderState.FAILED: "render.failed",
    RenderState.CANCELLED: "render.cancelled",
}
# Steps back: another provider is tried, or the copy is fetched anew. The customer was told before.
SILENT_TRANSITIONS = frozenset(
    {
        (RenderState.SUBMITTING, RenderState.QUEUED),
        (RenderState.RENDERING, RenderState.QUEUED),
        (RenderState.INGESTING, RenderState.RENDERING),
    }
)


def record_event(render: Render, *, was: str = "") -> None:
    """Record the render as the API would give it now; what is only between two states is no event, nor is a part's."""
    kind = None if render.whole_id else KINDS.get(render.state)
    if kind and (was, render.state) not in SILENT_TRANSITIONS:
        tell(render, kind)


def tell(render: Render, kind: str) -> None:
    """Record an event of this kind, with the render as the API would give it now."""
    if render.state == RenderState.READY:
        prefetch_related_objects([render], "renditions")  # which are read twice
    events.record_event(
        render.workspace_id,
        kind,
        subject=f"render:{render.pk}",
        data=serialize_render(render),
        also_to=render.webhook_url,
    )
