"""Labels of the studio's things for billing's pages, which know them as ``render:rnd_…`` and ``project:prj_…``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from django.db.models import F
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from billing.labels import Named, register_list, register_names
from studio.models import Part, Project, Render, Speech
from studio.pipeline.request.make_real import titled
from studio.projects import open_projects
from studio.providers import registry
from studio.speech.speakers import ENGINES, engine

MAX_PROJECTS = 200


def register_studio_names() -> None:
    register_names("render", renders)
    register_names("speech", speeches)
    register_names("project", projects)
    register_names("offer", offers)
    register_names("provider", providers)
    register_list("project", project_choices)


def renders(workspace: Workspace, ids: Collection[str]) -> dict[str, Named]:
    """A part is called after its whole, which is where it is shown; a draft says that it is one."""
    wanted = Render.objects.with_parts(workspace).filter(pk__in=ids, purge_at=None, whole__purge_at=None)
    found = {}
    for pk, title, model, whole, name in wanted.values_list("pk", "title", "model", "whole", "whole__title"):
        found[pk] = Named(titled(name or title, model), reverse("video", args=[workspace.slug, whole or pk]))
    parts = Part.objects.filter(render__in=found, whole=F("render__whole"))
    for pk, number, total in parts.values_list("render_id", "number", "whole__parts_total"):
        found[pk] = replace(found[pk], label=f"{found[pk].label}, part {number} of {total}")
    return found


def speeches(workspace: Workspace, ids: Collection[str]) -> dict[str, Named]:
    found = Speech.objects.for_workspace(workspace).filter(pk__in=ids)
    return {speech.pk: Named(f"Voice of “{speech.title}”") for speech in found}


def projects(workspace: Workspace, ids: Collection[str]) -> dict[str, Named]:
    names = Project.objects.for_workspace(workspace).filter(pk__in=ids).values_list("pk", "name")
    return {pk: Named(name, reverse("project", args=[workspace.slug, pk])) for pk, name in names}


def project_choices(workspace: Workspace) -> dict[str, Named]:
    """The projects that take videos."""
    names = open_projects(workspace).values_list("pk", "name")[:MAX_PROJECTS]
    return {pk: Named(name, reverse("project", args=[workspace.slug, pk])) for pk, name in names}


def offers(_workspace: Workspace, ids: Collection[str]) -> dict[str, Named]:
    """An offer is called after its model: who makes the video is another question."""
    known = (offer for name in ids if (offer := registry.find(name)))
    models = ((offer, registry.MODELS.get(offer.model)) for offer in known)
    named = {offer.id: Named(model.name if model else offer.label) for offer, model in models}
    voices = {engine(name).offer for name in ENGINES}
    return named | {name: Named("Voices of scripts") for name in voices.intersection(ids)}


def providers(_workspace: Workspace, ids: Collection[str]) -> dict[str, Named]:
    return {name: Named(registry.PROVIDERS[name][0]) for name in ids if name in registry.PROVIDERS}
