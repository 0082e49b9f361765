"""Budget scopes of a render, in the words of ``billing/budgets/budgets.py``: the caps that bear on it."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from avatarsite.workspaces.models import ApiToken, User
from studio.models import Project


def scopes_of(project: Project | None, user: User | AnonymousUser | None, token: ApiToken | None = None) -> list[str]:
    """The project, whoever asks, and the token they ask with; each only where there is one.

    A token goes by its lineage, so that a cap outlives a rotation.
    """
    named = (
        ("project", project and project.pk),
        ("member", user and user.pk),
        ("token", token and token.lineage),
    )
    return [f"{kind}:{name}" for kind, name in named if name]
