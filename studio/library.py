"""Library of a workspace: its videos renamed and deleted for good, its uploads found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from avatarsite.audit.record import record
from avatarsite.db.compiled import Compiled
from avatarsite.errors import DomainError
from avatarsite.workspaces.models import Workspace
from studio.models import Captions, Project, Render, Upload, UploadKind, rendition_files
from studio.models.renders import ALIVE
from studio.papers import give as papers
from studio.storage import ledger


class StillNeeded(DomainError):
    """Deleting is refused: something still needs it. The message says what, and what to do first."""

    def __init__(self, message: str) -> None:
        super().__init__("still_running", message)


_alive = Render.objects.filter(workspace=OuterRef("pk"), whole=None, purge_at=None, state__in=ALIVE)
_running = Compiled(
    Workspace,
    lambda pk: Workspace.objects.filter(pk=pk),
    columns=("id",),
    more={"running": Coalesce(Subquery(_alive.values("workspace").annotate(each=Count("pk")).values("each")), 0)},
)


def running_count(workspace: Workspace) -> int:
    return sum(vars(found)["running"] for found in _running(pk=workspace.pk))


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
        captions = Captions.objects.filter(render=render).first()
        stored = [render.video.name, render.poster.name, *(captions.files if captions else ())]
        stored += rendition_files(render)
        record("video.deleted", f"The video {render.title} was deleted", workspace=render.workspace, target=render.pk)
        if render.is_whole:
            stored += _delete_parts(render)
        stored += papers.let_go(stored)
        render.delete()
        ledger.let_go(*stored)


def _delete_parts(whole: Render) -> list[str | None]:
    """Of a long video, without those that another one uses: that one has them from now on. The names of their files."""
    mine = Q(uses__whole=whole) | Q(whole=whole)  # what was lost and made again is used by nobody
    used = list(Render.objects.filter(mine).select_related("voice").distinct())
    whole.parts.all().delete()
    names: list[str | None] = []
    for part in used:
        other = Render.objects.filter(parts__render=part).order_by("pk").first()
        if other is None:
            names += [part.video.name, part.poster.name]
            part.delete()
        elif part.whole_id == whole.pk:
            Render.objects.filter(pk=part.pk).update(whole=other, voice=other.voice)
        if part.sound.cut_from_id and not Render.objects.filter(voice=part.sound).exists():
            names += [part.sound.file.name, part.sound.details.get("sent", {}).get("name")]
            part.sound.delete()
    end_with_their_wholes(part.pk for part in used)
    return names


def end_with_their_wholes(parts: Iterable[str]) -> None:
    """Let the files of parts end with the last of the videos that use them; never while one of these lives."""
    for part in Render.objects.filter(pk__in=list(parts)).select_for_update().order_by("pk"):
        Render.objects.filter(pk=part.pk).update(delete_at=_last_end(part))


def _last_end(part: Render) -> datetime | None:
    ends = list(Render.objects.filter(parts__render=part).values_list("delete_at", "files_deleted_at"))
    needed = [end for end, gone in ends if gone is None]
    return None if None in needed or not needed else max(end for end in needed if end)


def find_uploads(workspace: Workspace, kind: UploadKind) -> QuerySet[Upload]:
    """Newest first."""
    return Upload.objects.for_workspace(workspace).filter(kind=kind).order_by("-id")


def uploads_in_use(workspace: Workspace, uploads: list[Upload]) -> set[str]:
    """The ids of those that a video is made of or a project starts from; one query."""
    used = Exists(Render.objects.filter(portrait=OuterRef("pk"))) | Exists(Render.objects.filter(voice=OuterRef("pk")))
    found = Upload.objects.for_workspace(workspace).filter(pk__in=[upload.pk for upload in uploads])
    first = Exists(Project.objects.filter(portrait=OuterRef("pk")))
    return set(found.filter(used | first).values_list("pk", flat=True))
