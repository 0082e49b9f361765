"""Usual content check and label of a workspace: what its requests get where they name none."""

from __future__ import annotations

from django.core.cache import cache
from django.db import transaction

from avatarsite.audit.record import record
from avatarsite.workspaces.models import User, Workspace
from studio.models import ContentChoice
from studio.models.content import ContentCheck, IfFlagged, Label

CACHE_SECONDS = 30
NAMES = ("content_check", "if_flagged", "visible_label")


def checks_of(workspace: Workspace) -> dict[str, str]:
    """By the names of the options. Kept for half a minute, because every request asks."""
    key = _key(workspace.pk)
    found: dict[str, str] | None = cache.get(key)
    if found is None:
        row = ContentChoice.objects.filter(workspace=workspace).first() or ContentChoice()
        found = {name: str(getattr(row, name)) for name in NAMES}
        cache.set(key, found, CACHE_SECONDS)
    return found


def choose_checks(
    workspace: Workspace, check: ContentCheck, if_flagged: IfFlagged, label: Label = Label.NONE, *, user: User
) -> None:
    """From now on, for requests that name none."""
    with transaction.atomic():
        chosen = {"content_check": check, "if_flagged": if_flagged, "visible_label": label}
        ContentChoice.objects.update_or_create(workspace=workspace, defaults=chosen)
        what = f"The usual content check is {check.label.lower()} now, and a marked video is {PAST[if_flagged]}"
        what += "; each video gets a visible label" if label == Label.VISIBLE else "; videos get no visible label"
        record("content.usual_changed", what, workspace=workspace, by=user)
        transaction.on_commit(lambda: cache.delete(_key(workspace.pk)))


PAST = {IfFlagged.DELIVER: "delivered", IfFlagged.WITHHOLD: "withheld"}


def _key(workspace_id: str) -> str:
    return f"usual-checks:{workspace_id}"
