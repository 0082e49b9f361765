"""Last workspace of a person, kept in their session."""

from __future__ import annotations

from django.db.models import F
from django.http import HttpRequest

from avatarsite.workspaces.access import membership
from avatarsite.workspaces.models import Member, User, Workspace

_KEY = "workspace"


def remember(request: HttpRequest, workspace: Workspace) -> None:
    if request.session.get(_KEY) != workspace.slug:
        request.session[_KEY] = workspace.slug


def last_member(request: HttpRequest, user: User) -> Member | None:
    """The person's place in the workspace they were in last, if they still belong to it.

    Else the one they joined last: for most that's their team's, not the one that they were given at the start. A
    suspended one only where there is no other, and a closed one never.
    """
    slug = request.session.get(_KEY)
    found = membership(user, slug) if slug else None
    if found and found.workspace.suspended_at is None:
        return found
    rows = Member.objects.select_related("workspace", "user").filter(user=user, workspace__closed_at=None)
    return rows.order_by(F("workspace__suspended_at").asc(nulls_first=True), "-created_at", "-pk").first()
