"""Usual routing of a workspace: what its requests get where they name none."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.cache import cache
from django.db import transaction

from avatarsite.workspaces.models import Workspace
from studio.models import UsualRouting
from studio.pipeline.request.quote import CHEAPEST

CACHE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Usual:
    routing: str = CHEAPEST
    fallback: bool = True


def usual_of(workspace: Workspace) -> Usual:
    """Kept for half a minute, because every price asks."""
    key = _key(workspace.pk)
    found: Usual | None = cache.get(key)
    if found is None:
        row = UsualRouting.objects.filter(workspace=workspace).first()
        found = Usual(row.routing, row.fallback) if row else Usual()
        cache.set(key, found, CACHE_SECONDS)
    return found


def forget(workspace_id: str) -> None:
    """For who has just changed it: once that is committed, or others would keep what they still read."""
    transaction.on_commit(lambda: cache.delete(_key(workspace_id)))


def _key(workspace_id: str) -> str:
    return f"usual-routing:{workspace_id}"
