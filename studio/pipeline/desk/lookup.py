"""What the admin site's search knows of renders, by ids of all kinds and their titles, and of offers."""

from __future__ import annotations

from django.db.models import QuerySet

from avatarsite import desk
from avatarsite.desk import age_of
from avatarsite.workspaces.models import Workspace
from studio.models import OfferHealth, Render


def register_lookups() -> None:
    desk.register_search("studio.Render", lambda query: Render.objects.filter(pk=query.lower()), shape=r"rnd_\w+")
    desk.register_search("studio.Render", lambda query: Render.objects.filter(jobs=query.lower()), shape=r"job_\w+")
    desk.register_search("studio.OfferHealth", lambda query: OfferHealth.objects.filter(pk=query), shape=r"[a-z]+:\S+")
    desk.register_search("studio.Render", _at_provider)
    desk.register_search("studio.Render", _titled)
    desk.register_hint("workspaces.Workspace", _last_video)


def _at_provider(query: str) -> QuerySet[Render]:
    """A provider's id of a job may look like anything."""
    found = Render.objects.filter(jobs__provider_job_id=query) | Render.objects.filter(jobs__reference=query)
    return found.select_related("workspace").distinct()


def _titled(query: str) -> QuerySet[Render]:
    """The newest first."""
    return Render.objects.filter(whole=None, title__icontains=query).select_related("workspace").order_by("-pk")


def _last_video(workspace: Workspace) -> str:
    last = Render.objects.filter(workspace=workspace, whole=None).order_by("-pk").first()
    return f"last video “{last}”, {age_of(last.created_at)} ago" if last else "no video yet"
