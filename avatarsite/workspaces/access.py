"""Who may do what, for every door: dashboard, API, admin site and commands all ask here."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from avatarsite.workspaces.models import Member, Role, Workspace

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from avatarsite.workspaces.models import User


class Action(StrEnum):
    VIEW = "view"  # see everything of the workspace, play and download
    RENDER = "render"  # upload, make, retry, cancel and delete videos; make and change projects
    MANAGE_BILLING = "manage_billing"  # top up, caps, payment details
    MANAGE_MEMBERS = "manage_members"  # invite, change roles, remove
    MANAGE_WORKSPACE = "manage_workspace"  # name, tokens, webhooks, closing


_VIEWER = frozenset({Action.VIEW})
_MEMBER = _VIEWER | {Action.RENDER}
_ADMIN = _MEMBER | {Action.MANAGE_BILLING, Action.MANAGE_MEMBERS, Action.MANAGE_WORKSPACE}

ALLOWED: dict[str, frozenset[Action]] = {
    Role.VIEWER: _VIEWER,
    Role.MEMBER: _MEMBER,
    Role.ADMIN: _ADMIN,
    Role.OWNER: _ADMIN,
}


def may(member: Member, action: Action) -> bool:
    return action in ALLOWED[member.role]


def membership(user: User | AnonymousUser, slug: str) -> Member | None:
    """The user's place in the workspace, or None: to a stranger the workspace does not exist."""
    if not user.is_authenticated:
        return None
    return Member.objects.select_related("workspace", "user").filter(workspace__slug=slug, user=user).first()


def workspaces_of(user: User) -> list[Workspace]:
    return list(Workspace.objects.filter(memberships__user=user).order_by("name", "id"))
