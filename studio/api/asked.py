"""The renders that programs ask for all day: one, and lists of them, with the columns that are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from avatarsite.workspaces.models import Workspace
from studio.models import Render
from studio.representation import COLUMNS

FILTERS = {"state": "state", "project": "project_id", "group": "group_id", "reference": "reference", "cursor": "id__lt"}


def listing(workspace: Workspace, asked: Mapping[str, Any], *, most: int) -> QuerySet[Render]:
    """The workspace's newest renders, by those of FILTERS that are ``asked`` for."""
    wanted = {FILTERS[name]: value for name, value in asked.items()}
    return shown(workspace).filter(**wanted).order_by("-id")[:most]


def shown(workspace: Workspace) -> QuerySet[Render]:
    return Render.objects.for_workspace(workspace).only(*COLUMNS)
