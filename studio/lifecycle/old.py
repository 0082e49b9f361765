"""Deletion of what is older than its workspace keeps: told of before, done hour by hour, never of what is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import Exists, ForeignObjectRel, Min, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.mail.messages import write_mail
from avatarsite.mail.recipients import in_charge
from avatarsite.queue.due_rows import DueRow, Kind
from avatarsite.queue.sweeping import each
from avatarsite.workspaces.access import Action
from studio.gateway.models import GatewayRequest
from studio.library import StillNeeded, delete_video
from studio.models import (
    Approval,
    ApprovalState,
    BatchRow,
    BatchTable,
    Project,
    Render,
    Retention,
    Speech,
    TableState,
    Upload,
)
from studio.models.renders import ALIVE, ENDED
from studio.uploads.add import UploadRefused, delete_upload
from studio.videos.retention import GRACE, NOTICE, end_of

LEASE = timedelta(minutes=10)
EVERY = timedelta(hours=1)
SOON = timedelta(minutes=1)
BATCH = 100  # of each kind at once
BUSY = (TableState.CHECKING, TableState.MAKING)


def keep_retention(workspace_id: str) -> None:
    """Tell of the first deletion, or delete what is too old; then look again when it is time."""
    row = Retention.objects.select_related("workspace").filter(pk=workspace_id).first()
    if row is None or not row.claim(LEASE):
        return
    if row.workspace.suspended_at is not None:
        row.put_off(EVERY)  # nobody could save anything, and an owner may have it back
    elif row.told_at is None:
        _look_ahead(row)
    elif row.told_at + NOTICE > timezone.now():
        row.put_off(row.told_at + NOTICE - timezone.now(), tries=0)
    else:
        row.put_off(SOON if _delete(row) else EVERY, tries=0)


def _look_ahead(row: Retention) -> None:
    """Tell the owners and admins, some days before the first deletion."""
    first, now = _first_end(row), timezone.now()
    if first is None or first - NOTICE > now:
        row.put_off(min(first - NOTICE - now, EVERY * 24) if first else EVERY * 24, tries=0)
        return
    first = max(first, now + NOTICE)
    if row.put_off(NOTICE, told_at=now, tries=0):
        _tell(row, first)


def _first_end(row: Retention) -> datetime | None:
    """When the first of what there is now is deleted, if it is not in use then."""
    videos = _videos(row).aggregate(first=Min("finished_at"))["first"]
    uploads = Upload.objects.filter(workspace=row.workspace).aggregate(first=Min("created_at"))["first"]
    found = [end_of(moment, row) for moment in (videos, uploads) if moment]
    return min(found, default=None)


def _tell(row: Retention, first: datetime) -> None:
    by = first - timedelta(days=row.days)
    workspace, page = row.workspace, reverse("workspace_data", kwargs={"workspace": row.workspace.slug})
    context = {
        "workspace": workspace,
        "days": row.days,
        "first": first,
        "videos": _videos(row).filter(finished_at__lte=by).count(),
        "uploads": Upload.objects.for_workspace(workspace).filter(created_at__lte=by).count(),
        "link": settings.SITE_URL + page,
    }
    for member in in_charge(workspace, Action.MANAGE_WORKSPACE):
        about = f"{workspace.pk}:{row.since:%Y-%m-%dT%H:%M:%S}"
        write_mail("retention", about, member.user.email, "studio/mail/retention", context, workspace=workspace)


def _delete(row: Retention) -> int:
    """How many things were deleted, at most some hundred at once."""
    now = timezone.now()
    if row.since + GRACE > now:
        return 0
    by = now - timedelta(days=row.days)
    videos = _count(_videos(row).filter(finished_at__lte=by).order_by("finished_at"), delete_video, "a video")
    texts = [_count(rows, _drop, "what was asked for") for rows in _texts(row, by)]
    uploads = _count(unused_uploads(row, by).order_by("created_at"), delete_upload, "an upload")
    if videos or uploads:
        kept = f"older than {row.days} day{'' if row.days == 1 else 's'}"
        what = f"Deleted because they were {kept}: {_plural(videos, 'video')} and {_plural(uploads, 'upload')}"
        record("retention.deleted", what, workspace=row.workspace, target=row.workspace_id)
    return videos + uploads + sum(texts)


def _videos(row: Retention) -> QuerySet[Render]:
    """All that have ended, in the bin or not; the parts of long ones go with them."""
    return Render.objects.with_binned(row.workspace).filter(state__in=ENDED, finished_at__isnull=False)


def unused_uploads(row: Retention, by: datetime) -> QuerySet[Upload]:
    """Older than that, and in use neither by a video, nor by a project, nor by anything that waits or is at work."""
    needed = Q(Exists(Render.objects.filter(Q(portrait=OuterRef("pk")) | Q(voice=OuterRef("pk")), whole=None)))
    needed |= Q(Exists(Project.objects.filter(portrait=OuterRef("pk"))))
    table = BatchRow.objects.filter(Q(portrait=OuterRef("pk")) | Q(voice=OuterRef("pk")), table__state__in=BUSY)
    asked = Approval.objects.filter(Q(portrait=OuterRef("pk")) | Q(voice=OuterRef("pk")), state=ApprovalState.WAITING)
    spoken = Speech.objects.filter(upload=OuterRef("pk"), renders__state__in=ALIVE)
    needed |= Q(Exists(table)) | Q(Exists(asked.filter(expires_at__gt=timezone.now()))) | Q(Exists(spoken))
    for relation in Upload._meta.get_fields(include_hidden=True):  # noqa: SLF001 -- documented by Django
        if isinstance(relation, ForeignObjectRel) and issubclass(relation.related_model, DueRow):
            at_work = relation.related_model._base_manager.filter(next_try_at__isnull=False)  # noqa: SLF001
            needed |= Q(Exists(at_work.filter(**{relation.field.name: OuterRef("pk")})))
    return Upload.objects.for_workspace(row.workspace).filter(~needed, created_at__lte=by)


def _texts(row: Retention, by: datetime) -> Iterable[QuerySet[Speech | BatchTable | Approval | GatewayRequest]]:
    """What was typed, pasted and asked for, where nothing is made of it any more."""
    mine = {"workspace": row.workspace}
    alive = Exists(Render.objects.filter(speech=OuterRef("pk"), state__in=ALIVE))
    yield Speech.objects.filter(~alive, **mine, next_try_at=None, finished_at__lte=by)
    making = Exists(BatchRow.objects.filter(table=OuterRef("pk"), render__state__in=ALIVE))
    yield BatchTable.objects.filter(~making, **mine, created_at__lte=by).exclude(state__in=BUSY)
    waiting = Q(state=ApprovalState.WAITING, expires_at__gt=timezone.now())
    yield Approval.objects.filter(~waiting, **mine, created_at__lte=by)
    living = Q(render__state__in=ALIVE) | Q(next_try_at__isnull=False) | Q(webhook_pending=True)
    yield GatewayRequest.objects.filter(~living, **mine, created_at__lte=by)


def _count(rows: QuerySet[Any], delete: Callable[[Any], object], what: str) -> int:
    """How many were deleted; what has come into use meanwhile is left, and what fails is an alert of its own."""
    done = each(
        rows[:BATCH], partial(_unless_needed, delete), f"Deleting {what} that is older than its workspace keeps"
    )
    return sum(done)


def _unless_needed(delete: Callable[[Any], object], row: Any) -> bool:
    try:
        delete(row)
    except (StillNeeded, UploadRefused):
        return False
    return True


def _drop(row: Any) -> None:
    row.delete()


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


KIND = Kind(
    "retention", Retention.objects.all, task="studio.keep_retention", argument="workspace_id", key="workspace_id"
)
