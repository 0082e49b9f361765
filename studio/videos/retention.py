"""Retention of a workspace: how long it keeps videos and uploads, and so when each of them is deleted.

What is too old is deleted by ``studio/lifecycle/old.py``; here is what an owner sets and what pages say of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.workspaces.models import User, Workspace
from studio.errors import RequestRefused
from studio.models import Render, Retention, Upload

MAX_DAYS = 3650
# However old something is: from when the days were set, and from the mail that tells of the first deletion.
GRACE = timedelta(days=7)
NOTICE = timedelta(days=3)


def retention_of(workspace: Workspace) -> Retention | None:
    """Asked for once for each Workspace object, so that a page may ask for each of its rows."""
    found: Retention | None = getattr(workspace, "retention", None)
    return found


def set_retention(workspace: Workspace, days: int | None, *, user: User | None) -> bool:
    """Keep for so many days from now on; None is until somebody deletes. False if it was so. Raises RequestRefused."""
    if days is not None and not 1 <= days <= MAX_DAYS:
        told = f"{days} days can’t be kept to."
        raise RequestRefused("days", "invalid", told, f"Choose 1 to {MAX_DAYS} days, or leave it empty to keep all.")
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        before = Retention.objects.filter(workspace=workspace).first()
        if (before.days if before else None) == days:
            return False
        if days is None:
            Retention.objects.filter(workspace=workspace).delete()
            what = "Videos and uploads are kept until somebody deletes them"
        else:
            facts = {"days": days, "since": timezone.now(), "set_by": user, "told_at": None}
            facts |= {"next_try_at": timezone.now(), "tries": 0}
            Retention.objects.update_or_create(workspace=workspace, defaults=facts)
            what = f"Videos and uploads are deleted after {days} day{'' if days == 1 else 's'}"
        record("retention.set", what, workspace=workspace, target=workspace.pk, by=user)
    workspace.refresh_from_db()
    return True


def end_of_video(render: Render, retention: Retention | None) -> datetime | None:
    """When it goes, with all that is of it. None while it is made, and where nothing goes by itself."""
    return end_of(render.finished_at, retention) if retention and render.finished_at else None


def end_of_upload(upload: Upload, retention: Retention | None) -> datetime | None:
    """When it goes, if nothing uses it then."""
    return end_of(upload.created_at, retention) if retention else None


def end_of(moment: datetime, retention: Retention) -> datetime:
    """When something of this age is deleted, at the earliest."""
    return max(moment + timedelta(days=retention.days), retention.since + GRACE)
