"""Creation of workspaces: one for each new person, and more when they ask."""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.signals import post_save
from django.utils.text import slugify

from avatarsite.audit.record import record
from avatarsite.workspaces.access import demand_open
from avatarsite.workspaces.errors import NameMissing
from avatarsite.workspaces.models import Member, Role, User, Workspace

NAME_LENGTH = 80
SLUG_TRIES = 5
_SLUG_ROOM = 50
_SUFFIX_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that reads as something else


def tidy_name(text: str, *, limit: int) -> str:
    """A name on one line: control characters (a line break would break a mail's subject) and spare spaces dropped."""
    printable = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    return " ".join(printable.split())[:limit].strip()


def create_workspace(user: User, name: str) -> Workspace:
    """A workspace that ``user`` owns, with a slug from its name that nobody else has.

    Raises NameMissing when nothing printable is left of the name, Suspended for whoever owns a suspended one.
    """
    name = tidy_name(name, limit=NAME_LENGTH)
    if not name:
        raise NameMissing("Give the workspace a name.")
    owned = Workspace.objects.filter(memberships__user=user, memberships__role=Role.OWNER, closed_at=None)
    for one in owned.filter(closes_at=None):
        demand_open(one)
    with transaction.atomic():
        workspace = _create_with_free_slug(name)
        Member.objects.create(workspace=workspace, user=user, role=Role.OWNER)
    return workspace


def rename_workspace(workspace: Workspace, name: str) -> None:
    """Another name; the slug stays, because links and scripts hold it."""
    name = tidy_name(name, limit=NAME_LENGTH)
    if not name:
        raise NameMissing("Give the workspace a name.")
    if name == workspace.name:
        return
    record("workspace.renamed", f"{workspace.name} is called {name} now", workspace=workspace, target=workspace.pk)
    workspace.name = name
    workspace.save(update_fields=["name"])


def _create_with_free_slug(name: str) -> Workspace:
    slug = slugify(name.replace("'", ""))[:_SLUG_ROOM].strip("-")
    candidates = [slug] if slug else []
    candidates += [f"{slug or 'workspace'}-{_suffix()}" for _ in range(SLUG_TRIES)]
    for candidate in candidates:
        try:
            with transaction.atomic():
                return Workspace.objects.create(name=name, slug=candidate)
        except IntegrityError:
            continue
    raise IntegrityError(f"No free slug for {name!r} after {len(candidates)} tries.")


def _suffix() -> str:
    return "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))


def first_workspace_name(user: User) -> str:
    """``Ada's workspace`` for Ada Lovelace, and for ada.lovelace@example.org who gave no name."""
    first = user.name.split(" ")[0] or re.split(r"[.+_\-]", user.email.split("@")[0])[0].capitalize()
    return f"{first[:40]}'s workspace" if first else "My workspace"


def _create_first_workspace(instance: User, *, created: bool, raw: bool = False, **_: Any) -> None:
    if created and not raw:
        create_workspace(instance, first_workspace_name(instance))


def create_for_new_people() -> None:
    """One place for everybody: signed up, made in the admin site, by createsuperuser or by the demo's seed."""
    post_save.connect(_create_first_workspace, sender=User, dispatch_uid="workspaces.welcome")
