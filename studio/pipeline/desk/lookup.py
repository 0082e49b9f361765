"""What the admin site's search knows of renders, by their ids, their jobs' and their providers', and of offers."""

from __future__ import annotations

from django.db.models import QuerySet

from avatarsite import desk
from studio.models import OfferHealth, Render


def register_lookups() -> None:
    desk.register_search("studio.Render", lambda query: Render.objects.filter(pk=query.lower()), shape=r"rnd_\w+")
    desk.register_search("studio.Render", lambda query: Render.objects.filter(jobs=query.lower()), shape=r"job_\w+")
    desk.register_search("studio.OfferHealth", lambda query: OfferHealth.objects.filter(pk=query), shape=r"[a-z]+:\S+")
    desk.register_search("studio.Render", _at_provider)


def _at_provider(query: str) -> QuerySet[Render]:
    """A provider's id of a job may look like anything."""
    found = Render.objects.filter(jobs__provider_job_id=query) | Render.objects.filter(jobs__reference=query)
    return found.select_related("workspace").distinct()
