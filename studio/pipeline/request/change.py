"""Change of what is the customer's own of a video, by the rules that it was asked for under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.errors import RequestRefused
from studio.models import Render
from studio.pipeline.request.render_request import TITLE_LIMIT, check_words
from studio.videos.tags import set_tags, tidy


def change_render(render: Render, changes: Mapping[str, Any]) -> None:
    """Set ``title``, ``tags``, ``reference`` and ``metadata``, those that are named. Raises RequestRefused."""
    words = {"title": render.title, "reference": render.reference, "metadata": render.metadata} | dict(changes)
    title = words["title"].strip()[:TITLE_LIMIT]
    if not title:
        raise RequestRefused("title", "title_missing", "A video has a title.", "Give it at least one letter.")
    check_words(words["reference"], words["metadata"])
    tidy(changes.get("tags", ()))
    render.title, render.reference, render.metadata = title, words["reference"], dict(words["metadata"])
    render.save(update_fields=["title", "reference", "metadata"])
    if "tags" in changes:
        set_tags(render, changes["tags"])
