"""Recipients of the mails about a workspace."""

from __future__ import annotations

from avatarsite.workspaces.access import ALLOWED, Action
from avatarsite.workspaces.models import Member, Workspace


def in_charge(workspace: Workspace, action: Action) -> list[Member]:
    """Members whose role may do it and who are not switched off, first come first."""
    roles = [role for role, actions in ALLOWED.items() if action in actions]
    rows = Member.objects.filter(workspace=workspace, role__in=roles, user__is_active=True)
    return list(rows.select_related("user").order_by("pk"))
