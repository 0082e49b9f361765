"""Template context: what every page knows about the person and the workspace."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from avatarsite.workspaces.access import Action, may, workspaces_of
from avatarsite.workspaces.last_seen import last_member


def workspace(request: HttpRequest) -> dict[str, Any]:
    """``workspace``, ``member``, ``workspaces`` and the ``may_…`` answers.

    On a person's own pages (password, two-factor, …) they're of the workspace that the person was in last, so that
    the frame around the page stays. Nothing is read from the database before a template asks.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    member: Any = getattr(request, "member", None) or SimpleLazyObject(lambda: last_member(request, user))
    return {
        "member": member,
        "workspace": SimpleLazyObject(lambda: member.workspace if member else None),
        "workspaces": SimpleLazyObject(lambda: workspaces_of(user)),
        "may_view": _answer(member, Action.VIEW),
        "may_render": _answer(member, Action.RENDER),
        "may_manage_billing": _answer(member, Action.MANAGE_BILLING),
        "may_manage_members": _answer(member, Action.MANAGE_MEMBERS),
        "may_develop": _answer(member, Action.DEVELOP),
        "may_manage_workspace": _answer(member, Action.MANAGE_WORKSPACE),
        "may_manage_owners": _answer(member, Action.MANAGE_OWNERS),
    }


def _answer(member: Any, action: Action) -> Any:
    return SimpleLazyObject(lambda: bool(member) and may(member, action))
