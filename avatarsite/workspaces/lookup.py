"""What the admin site's search knows of people, workspaces and tokens."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from avatarsite import desk
from avatarsite.workspaces.models import ApiToken, Invitation, User, Workspace
from avatarsite.workspaces.tokens import LIVE, TEST

EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"


def register_lookups() -> None:
    # A mail address is mostly typed to see what its owner has, which is on the page of the workspace.
    desk.register_search("workspaces.Workspace", _of_member, shape=EMAIL)
    desk.register_search("workspaces.User", _with_address, shape=EMAIL)
    desk.register_search("workspaces.Invitation", _to_address, shape=EMAIL)
    desk.register_search("workspaces.ApiToken", _with_prefix, shape=f"(?:{LIVE}|{TEST}).*")
    desk.register_search("workspaces.Workspace", _named)
    desk.register_search("workspaces.User", _called)
    desk.register_hint("workspaces.Workspace", lambda workspace: workspace.slug)


def _of_member(query: str) -> QuerySet[Workspace]:
    return Workspace.objects.filter(memberships__user__email=query.lower()).distinct()


def _with_address(query: str) -> QuerySet[User]:
    return User.objects.filter(email=query.lower())


def _to_address(query: str) -> QuerySet[Invitation]:
    return Invitation.objects.filter(email=query.lower())


def _with_prefix(query: str) -> QuerySet[ApiToken]:
    """By what every list shows of it, also when somebody has pasted more."""
    length = ApiToken._meta.get_field("prefix").max_length  # noqa: SLF001 -- Django's own API
    return ApiToken.objects.filter(prefix__startswith=query.rstrip("….")[:length]).select_related("workspace")


def _named(query: str) -> QuerySet[Workspace]:
    return Workspace.objects.filter(Q(pk=query) | Q(slug__icontains=query) | Q(name__icontains=query))


def _called(query: str) -> QuerySet[User]:
    return User.objects.filter(Q(email__icontains=query) | Q(name__icontains=query))
