"""For whom a render is, in the words of ``billing/budgets.py``: the caps that bear on it."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from avatarsite.workspaces.models import ApiToken, User
from studio.models import Project


def scopes_of(project: Project | None, user: User | AnonymousUser | None, token: ApiToken | None = None) -> list[str]:
    """The project, whoever asks, and the token they ask with; each only where there is one."""
    named = (("project", project), ("member", user), ("token", token))
    return [f"{kind}:{thing.pk}" for kind, thing in named if thing is not None and thing.pk is not None]
