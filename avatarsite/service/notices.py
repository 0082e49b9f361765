"""Service notices that stand now, newest first: on every page, and in the API's ``/me``."""

from __future__ import annotations

import logging

from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from avatarsite.models import ServiceNotice

logger = logging.getLogger(__name__)
KEY, CACHE_SECONDS = "service-notices", 15


def standing() -> list[ServiceNotice]:
    """Kept for a quarter of a minute, because every page asks; none while the database is away."""
    found: list[ServiceNotice] | None = cache.get(KEY)
    if found is None:
        try:
            found = _read()
        except DatabaseError:
            logger.warning("the service notices can't be read")
            return []
        cache.set(KEY, found, CACHE_SECONDS)
    return found


def forget() -> None:
    """For who has just changed one."""
    cache.delete(KEY)


def _read() -> list[ServiceNotice]:
    now = timezone.now()
    begun = ServiceNotice.objects.filter(starts_at__lte=now)
    return list(begun.filter(Q(ends_at=None) | Q(ends_at__gt=now)).order_by("-starts_at")[:3])
