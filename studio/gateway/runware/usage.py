"""Usage of a workspace, as its client can ask for it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Sum

from avatarsite.workspaces.models import ApiToken, Workspace
from studio.models import Render


def account(token: ApiToken, available_micros: int) -> dict[str, Any]:
    workspace = token.workspace
    return {
        "organizationName": workspace.name,
        "organizationUUID": str(UUID(bytes=sha256(str(workspace.pk).encode()).digest()[:16], version=4)),
        "balance": {"amount": available_micros / 1_000_000},
        "team": [],
        "apiKeys": [],
        "usage": {"total": totals(workspace)},
    }


def totals(workspace: Workspace) -> dict[str, Any]:
    """Videos that were charged for, and dollars for all of them."""
    found = Render.objects.with_binned(workspace).filter(charge_micros__isnull=False)
    sums = found.aggregate(requests=Count("pk"), cost=Sum(F("charge_micros") - F("returned_micros")))
    return {"requests": sums["requests"], "cost": (sums["cost"] or 0) / 1_000_000}
