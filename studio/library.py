"""Library of a workspace: its videos renamed and deleted for good, its uploads found."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from avatarsite.audit.record import record
from avatarsite.errors import DomainError
from avatarsite.workspaces.models import Workspace
from studio.models import Project, Render, Upload, UploadKind
from studio.models.renders import ALIVE
from studio.storage import ledger


class StillNeeded(DomainError):
    """Deleting is refused: something still needs it. The message says what, and what to do first."""

    def __init__(self, message: str) -> None:
        super().__init__("still_running", message)


def running_count(workspace: Workspace) -> int:
    return Render.objects.for_workspace(workspace).filter(state__in=ALIVE).count()


def rename_video(render: Render, title: str) -> None:
    render.title = title.strip()
    render.save(update_fields=["title"])


def delete_video(render: Render) -> None:
    """Delete an ended render and its files for good. The ledger keeps what was charged for it.

    Raises StillNeeded while it runs.
    """
    with transaction.atomic():
        render = Render.objects.select_for_update().get(pk=render.pk)
        if not render.ended:
            raise StillNeeded("This video is still being made. Cancel it first, or wait for its end.")
        stored = (render.video.name, render.poster.name)
        record("video.deleted", f"The video {render.title} was deleted", workspace=render.workspace, target=render.pk)
        render.delete()
        ledger.let_go(*stored)


def find_uploads(workspace: Workspace, kind: UploadKind) -> QuerySet[Upload]:
    """Newest first."""
    return Upload.objects.for_workspace(workspace).filter(kind=kind).order_by("-id")


def uploads_in_use(workspace: Workspace, uploads: list[Upload]) -> set[str]:
    """The ids of those that a video is made of or a project starts from; one query."""
    used = Exists(Render.objects.filter(portrait=OuterRef("pk"))) | Exists(Render.objects.filter(voice=OuterRef("pk")))
    found = Upload.objects.for_workspace(workspace).filter(pk__in=[upload.pk for upload in uploads])
    first = Exists(Project.objects.filter(portrait=OuterRef("pk")))
    return set(found.filter(used | first).values_list("pk", flat=True))
