"""The invitation whose link somebody has opened in this browser: the session keeps its hash, never its token."""

from __future__ import annotations

from django.http import HttpRequest

from avatarsite.workspaces.errors import WorkspaceError
from avatarsite.workspaces.invitations.invitations import demand_open, find
from avatarsite.workspaces.last_seen import remember
from avatarsite.workspaces.models import Invitation, Workspace

_KEY = "invitation"


def keep(request: HttpRequest, token_hash: str) -> None:
    request.session[_KEY] = token_hash


def kept(request: HttpRequest) -> str:
    found: str = request.session.get(_KEY, "")
    return found


def forget(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)


def arrive(request: HttpRequest, workspace: Workspace) -> None:
    """The invitation has been accepted: the person's next page is of that workspace."""
    forget(request)
    remember(request, workspace)


def open_invitation(request: HttpRequest) -> Invitation | None:
    """The invitation if it can still be accepted."""
    if not kept(request):
        return None
    try:
        invitation = find(kept(request))
        demand_open(invitation)
    except WorkspaceError:
        return None
    return invitation
