"""The renders that programs ask for all day: one, and lists of them, with the columns that are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from avatarsite.workspaces.models import Workspace
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


def listing(workspace: Workspace, asked: Mapping[str, Any], *, most: int) -> QuerySet[Render]:
    """The workspace's newest renders, by those of FILTERS that are ``asked`` for."""
    wanted = {FILTERS[name]: value for name, value in asked.items()}
    return shown(workspace).filter(**wanted).order_by("-id")[:most]


def shown(workspace: Workspace) -> QuerySet[Render]:
    return Render.objects.for_workspace(workspace).only(*SHOWN)
