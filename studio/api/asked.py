"""The queries that programs ask all day, compiled once: a render, and lists of them."""

from __future__ import annotations

from functools import lru_cache

from django.db.models import QuerySet

from avatarsite.db.compiled import Compiled, Given
from studio.models import Render

# What ``render_shape`` shows. A render has half as many columns again, which would be fetched for nothing.
SHOWN = (
    *("id", "state", "title", "project", "group", "portrait", "voice", "model", "offer", "routing", "fallback", "why"),
    *("prompt", "options", "reference", "metadata", "test", "token", "ceiling_micros", "charge_micros", "measured_ms"),
    *("returned_micros", "returned_at", "returned_reason"),
    *("width", "height", "seed", "nsfw_content", "tries"),
    *("video_bytes", "video_sha256", "video", "poster", "failure_code", "failure_message"),
    *("created_at", "finished_at", "cancel_requested_at", "delete_at", "files_deleted_at"),
)
FILTERS = {"state": "state", "project": "project_id", "group": "group_id", "reference": "reference", "cursor": "id__lt"}


@lru_cache(maxsize=200)
def listing(names: frozenset[str], most: int) -> Compiled[Render]:
    """The newest renders of a ``workspace`` by those of FILTERS that are ``names``, at ``most`` so many."""
    wanted = {FILTERS[name]: Given(name) for name in names}
    return Compiled(lambda: _of_workspace().filter(**wanted).order_by("-id")[:most])


def _of_workspace() -> QuerySet[Render]:
    return Render.objects.for_workspace(Given("workspace")).only(*SHOWN)


ONE = Compiled(lambda: _of_workspace().filter(pk=Given("render")))
