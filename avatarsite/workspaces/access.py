"""Permissions: who may do what. Dashboard, API, admin site and commands all ask here."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from avatarsite.db.compiled import Compiled
from avatarsite.workspaces.errors import NotAllowed, Suspended
from avatarsite.workspaces.models import ApiToken, Member, Role, Scope, Workspace

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from avatarsite.workspaces.models import User


class Action(StrEnum):
    BELONG = "belong"  # see who is in the workspace, its name and its money: balance, statements, usage, caps
    VIEW = "view"  # see everything else of it, play and download
    RENDER = "render"  # upload, make, retry, cancel and delete videos; make and change projects
    MANAGE_BILLING = "manage_billing"  # top up, caps, payment details
    MANAGE_MEMBERS = "manage_members"  # invite, change roles, remove
    DEVELOP = "develop"  # tokens and webhooks
    MANAGE_WORKSPACE = "manage_workspace"  # name, content check, closing
    MANAGE_OWNERS = "manage_owners"  # make and unmake owners, hand the workspace over


_BILLING = frozenset({Action.BELONG, Action.MANAGE_BILLING})
_VIEWER = frozenset({Action.BELONG, Action.VIEW})
_MEMBER = _VIEWER | {Action.RENDER}
_DEVELOPER = _MEMBER | {Action.DEVELOP}
_ADMIN = _DEVELOPER | _BILLING | {Action.MANAGE_MEMBERS, Action.MANAGE_WORKSPACE}
_OWNER = _ADMIN | {Action.MANAGE_OWNERS}

ALLOWED: dict[str, frozenset[Action]] = {
    Role.VIEWER: _VIEWER,
    Role.BILLING: _BILLING,
    Role.MEMBER: _MEMBER,
    Role.DEVELOPER: _DEVELOPER,
    Role.ADMIN: _ADMIN,
    Role.OWNER: _OWNER,
}

# What a token's scopes may do. None of them invites people or makes owners: that stays with persons.
GRANTED: dict[str, frozenset[Action]] = {
    Scope.READ: frozenset({Action.VIEW}),
    Scope.RENDER: frozenset({Action.VIEW, Action.RENDER}),
    Scope.BILLING: frozenset({Action.MANAGE_BILLING}),
    Scope.WEBHOOKS: frozenset({Action.VIEW, Action.DEVELOP}),
    Scope.ADMIN: _DEVELOPER | _BILLING | {Action.MANAGE_WORKSPACE},
}

IN_WORDS = {
    Action.BELONG: "see who is in this workspace, its balance, statements and usage",
    Action.VIEW: "see videos, uploads and projects",
    Action.RENDER: "make or change videos, uploads and projects",
    Action.MANAGE_BILLING: "manage the balance and payments",
    Action.MANAGE_MEMBERS: "invite people or change what they may do",
    Action.DEVELOP: "manage API tokens and webhooks",
    Action.MANAGE_WORKSPACE: "change the settings of the workspace",
    Action.MANAGE_OWNERS: "decide who owns the workspace",
}


_member = Compiled(
    Member,
    lambda slug, user: Member.objects.filter(workspace__slug=slug, user=user),
    joined={"workspace": ()},
)
_workspaces = Compiled(
    Workspace,
    lambda user: Workspace.objects.filter(memberships__user=user, suspended_at=None).order_by("name", "id"),
    columns=("id", "name", "slug"),
)


def may(member: Member, action: Action) -> bool:
    return action in ALLOWED[member.role]


def first_page(member: Member) -> str:
    """The name of the page to which somebody is led who comes into the workspace."""
    return "videos" if may(member, Action.VIEW) else "balance"


def demand_open(workspace: Workspace) -> None:
    """Nothing, or Suspended with the sentence that its people read."""
    if workspace.suspended_at is None:
        return
    word = "closed" if workspace.closed_at else "being closed" if workspace.closes_at else "suspended"
    raise Suspended(f"{workspace} is {word}. {workspace.suspended_reason} Write to the people who run this site.")


def demand(member: Member, action: Action) -> None:
    """Nothing, or NotAllowed with a sentence that says whom to ask."""
    if may(member, action):
        return
    whom = "an owner" if action == Action.MANAGE_OWNERS else "an owner or an admin"
    raise NotAllowed(f"As {member.as_role()} here you may not {IN_WORDS[action]}. Ask {whom} of {member.workspace}.")


def demand_of_token(token: ApiToken, *any_of: Action) -> None:
    """Nothing when one of the token's scopes grants one of ``any_of``; else NotAllowed with the scopes that would.

    Suspended where the whole workspace is.
    """
    demand_open(token.workspace)
    granted = {action for scope in token.scopes for action in GRANTED.get(scope, ())}
    if granted.intersection(any_of):
        return
    able = [f"“{scope.value}”" for scope in Scope if GRANTED[scope].intersection(any_of)]
    raise NotAllowed(
        f"The token “{token.name}” may not {IN_WORDS[any_of[0]]}. Use a token with the scope {' or '.join(able)}."
    )


def scopes_within(scopes: list[str], role: str) -> list[str]:
    """Those of a token's scopes that reach no further than the role of whoever made it."""
    return [scope for scope in scopes if scope in GRANTED and GRANTED[scope] <= ALLOWED[role]]


def power_over(target: Member) -> Action:
    """What it takes to change somebody's role or to remove them."""
    return Action.MANAGE_OWNERS if target.role == Role.OWNER else Action.MANAGE_MEMBERS


def roles_given_by(member: Member) -> list[Role]:
    """The roles that this member may give to others and take away from them, highest first."""
    if not may(member, Action.MANAGE_MEMBERS):
        return []
    return [role for role in Role if role != Role.OWNER or may(member, Action.MANAGE_OWNERS)]


def membership(user: User | AnonymousUser, slug: str) -> Member | None:
    """The user's place in the workspace, or None: to a stranger the workspace does not exist."""
    if not user.is_authenticated:
        return None
    member = next(_member(slug=slug, user=user.pk), None)
    if member:
        member.user = user  # who is known already is not read again
    return member


def workspaces_of(user: User) -> list[Workspace]:
    """Those that are open, by the names that they are chosen by."""
    return list(_workspaces(user=user.pk))
