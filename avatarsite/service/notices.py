"""Service notices that stand now, newest first: on every page, and in the API's ``/me``."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from avatarsite.models import ServiceNotice

logger = logging.getLogger(__name__)
KEY, CACHE_SECONDS = "service-notices", 15
ONE = timedelta(microseconds=1)  # an end is after its start


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


def end(notice: ServiceNotice) -> bool:
    """End it now; one that is to come never begins. False if it has ended, or somebody has changed it meanwhile."""
    now = timezone.now()
    ends_at = max(now, notice.starts_at + ONE)
    if notice.ends_at is not None and notice.ends_at <= ends_at:
        return False
    as_read = ServiceNotice.objects.filter(pk=notice.pk, ends_at=notice.ends_at)
    won = bool(as_read.update(ends_at=ends_at))
    forget()
    return won


def forget() -> None:
    """For who has just changed one: once that is committed, or others would keep what they still read."""
    transaction.on_commit(lambda: cache.delete(KEY))


def _read() -> list[ServiceNotice]:
    now = timezone.now()
    begun = ServiceNotice.objects.filter(starts_at__lte=now)
    return list(begun.filter(Q(ends_at=None) | Q(ends_at__gt=now)).order_by("-starts_at")[:3])
