"""Which workspace a person was in last, kept in their session."""

from __future__ import annotations

from django.http import HttpRequest

from avatarsite.workspaces.access import membership, workspaces_of
from avatarsite.workspaces.models import Member, User, Workspace

_KEY = "workspace"


def remember(request: HttpRequest, workspace: Workspace) -> None:
    if request.session.get(_KEY) != workspace.slug:
        request.session[_KEY] = workspace.slug


def last_member(request: HttpRequest, user: User) -> Member | None:
    """The person's place in the workspace they were in last, if they still belong to it; else in their first one."""
    slug = request.session.get(_KEY)
    found = membership(user, slug) if slug else None
    if found:
        return found
    workspaces = workspaces_of(user)
    return membership(user, workspaces[0].slug) if workspaces else None
