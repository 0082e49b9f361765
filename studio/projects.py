"""Projects: videos that belong together, with the portrait and the options that new ones start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from avatarsite.db.compiled import Compiled
from avatarsite.errors import DomainError
from avatarsite.workspaces.models import Workspace
from studio.models import Project, Render, Upload

FIRST_PROJECT = "First project"
MAX_TO_CHOOSE = 100


class ProjectRefused(DomainError):
    """``field`` says which part of the project can't be as asked; the message says why and what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"project_{field}", message, field=field)


def open_projects(workspace: Workspace) -> QuerySet[Project]:
    """The projects that take videos, newest first."""
    return Project.objects.for_workspace(workspace).filter(archived_at=None).order_by("-id")


_to_choose = Compiled(
    Project,
    lambda workspace: open_projects(Workspace(pk=workspace))[:MAX_TO_CHOOSE],
    columns=("id", "workspace_id", "name"),
)


def projects_to_choose(workspace: Workspace) -> list[Project]:
    """The newest that take videos, by their names alone."""
    return list(_to_choose(workspace=workspace.pk))


def list_projects(workspace: Workspace, *, archived: bool = False) -> QuerySet[Project]:
    """Newest first, each with ``videos``, the number of its renders, and ``cover``, the newest poster's file name."""
    videos = Render.objects.filter(project=OuterRef("pk"), whole=None, purge_at=None)
    posters = videos.exclude(poster=None).exclude(poster="").order_by("-id")
    return (
        Project.objects.for_workspace(workspace)
        .filter(archived_at__isnull=not archived)
        .select_related("portrait")
        .annotate(
            videos=Count("renders", filter=Q(renders__whole=None, renders__purge_at=None)),
            cover=Subquery(posters.values("poster")[:1]),
        )
        .order_by("-id")
    )


def create_project(workspace: Workspace, name: str) -> Project:
    """Raises ProjectRefused when the workspace has a project of this name."""
    try:
        with transaction.atomic():
            return Project.objects.create(workspace=workspace, name=name.strip())
    except IntegrityError:
        raise _name_taken(name) from None


def project_for_new_video(workspace: Workspace) -> Project:
    """Where a video goes that names no project: the first open one, so that a new one takes only what is sent to it.

    The first video of a workspace makes one.
    """
    first = first_project(workspace)
    if first:
        return first
    name, number = FIRST_PROJECT, 1
    while Project.objects.for_workspace(workspace).filter(name=name).exists():
        number += 1
        name = f"Project {number}"
    return Project.objects.get_or_create(workspace=workspace, name=name)[0]


def first_project(workspace: Workspace) -> Project | None:
    return open_projects(workspace).order_by("id").first()


def change_project(project: Project, *, name: str, portrait: Upload | None, defaults: Mapping[str, Any]) -> None:
    """Raises ProjectRefused when another project of the workspace has this name."""
    project.name, project.portrait, project.defaults = name.strip(), portrait, dict(defaults)
    try:
        with transaction.atomic():
            project.save(update_fields=["name", "portrait", "defaults"])
    except IntegrityError:
        raise _name_taken(name) from None


def archive_project(project: Project) -> None:
    """Its videos stay where they are; it takes no new ones."""
    project.archived_at = project.archived_at or timezone.now()
    project.save(update_fields=["archived_at"])


def restore_project(project: Project) -> None:
    project.archived_at = None
    project.save(update_fields=["archived_at"])


def _name_taken(name: str) -> ProjectRefused:
    return ProjectRefused("name", f"There is a project named “{name.strip()}” already. Choose another name.")
