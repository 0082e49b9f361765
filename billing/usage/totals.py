"""Usage totals, measured and charged: by day, month, offer, project, member or token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import TruncDay, TruncMonth
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.models import Usage

GROUPS = {
    "day": TruncDay("created_at"),
    "month": TruncMonth("created_at"),
    "offer": F("offer"),
    "project": F("hold__project"),
    "member": F("hold__member"),
    "token": F("hold__token"),
}


@dataclass(frozen=True, slots=True)
class UsageSum:
    """One group: ``key`` is a date (of a month, its first day), an offer or an id; "" for what belongs to none."""

    key: str
    renders: int
    seconds: float
    amount_micros: int


def usage_by(workspace: Workspace, group_by: str, *, first: date, last: date) -> list[UsageSum]:
    """What the workspace used from the day ``first`` through ``last``, UTC; by key. ``group_by`` is one of GROUPS."""
    rows = (
        _between(workspace, first, last)
        .annotate(key=GROUPS[group_by])
        .values_list("key")
        .annotate(
            Sum("videos"),
            made_ms=Sum("measured_ms", filter=Q(generations=0), default=0),
            paid=Sum(F("amount_micros") - F("hold__returned_micros")),
        )
        .order_by("key")
    )
    return [UsageSum(_spelt(key), count, ms / 1000, micros) for key, count, ms, micros in rows]


def _between(workspace: Workspace, first: date, last: date) -> QuerySet[Usage]:
    start, end = _midnight(first), _midnight(last) + timedelta(days=1)
    return Usage.objects.filter(workspace=workspace, created_at__gte=start, created_at__lt=end)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _spelt(key: datetime | str | None) -> str:
    return key.date().isoformat() if isinstance(key, datetime) else str(key or "")
