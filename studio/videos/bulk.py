"""Acts on many videos at once. What one of them does not allow is left out, and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from avatarsite.audit.record import record
from avatarsite.workspaces.models import Workspace
from studio.errors import RequestRefused
from studio.library import StillNeeded
from studio.models import Project, Render
from studio.videos.trash import bin_video

MAX_VIDEOS = 200  # at once


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many it was done to, and how many were left as they are because they are still being made."""

    done: int
    left: int


def chosen(workspace: Workspace, ids: Sequence[str]) -> list[Render]:
    """Those of the workspace, newest first. Raises RequestRefused without one, or for too many."""
    if len(ids) > MAX_VIDEOS:
        told = f"{len(ids)} videos are chosen; at most {MAX_VIDEOS} go at once."
        raise RequestRefused("id", "too_many_videos", told, "Choose fewer.")
    wanted = [pk for pk in ids if pk.isprintable()]
    found = list(Render.objects.for_workspace(workspace).filter(pk__in=wanted).order_by("-id")) if wanted else []
    if not found:
        raise RequestRefused("id", "no_video", "No video is chosen.", "Mark some first.")
    return found


def bin_videos(renders: Sequence[Render]) -> Outcome:
    done = 0
    for render in renders:
        try:
            bin_video(render)
            done += 1
        except StillNeeded:
            continue
    return Outcome(done, len(renders) - done)


def move_videos(workspace: Workspace, renders: Sequence[Render], project: Project) -> Outcome:
    """To another project; what is being made stays where its money is held. Raises RequestRefused."""
    if project.workspace_id != workspace.pk or project.archived_at:
        raise RequestRefused("project", "no_such_project", "This project can't take videos.", "Choose another.")
    ended = [render for render in renders if render.ended]
    with transaction.atomic():
        ids = [render.pk for render in ended]
        Render.objects.with_parts(workspace).filter(pk__in=ids).update(project=project)
        Render.objects.with_parts(workspace).filter(whole__in=ids).update(project=project)
        if ended:
            count = "A video was" if len(ended) == 1 else f"{len(ended)} videos were"
            record("video.moved", f"{count} moved to {project.name}", workspace=workspace, target=project.pk)
    return Outcome(len(ended), len(renders) - len(ended))


def keep_take(render: Render) -> Outcome:
    """Put all other takes of what was asked for into the bin."""
    return bin_videos([take for take in takes_of(render) if take.pk != render.pk])


def takes_of(render: Render) -> list[Render]:
    """All takes of what was asked for, in order, without those in the bin; none of a video that has no others."""
    if render.group is None or render.group.is_batch:
        return []
    return list(render.group.renders.filter(purge_at=None).order_by("pk"))
