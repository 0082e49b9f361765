"""How renders and offers stand, for whoever is on duty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q
from django.utils import timezone

from avatarsite.desk import Waiting, age_of
from studio.models import OfferHealth, Render, RenderState
from studio.models.renders import ALIVE

NOTHING: Any = {"count": 0, "oldest": None}


@dataclass(frozen=True, slots=True)
class InFlight:
    """The renders in one state: how many, and since when the first of them."""

    state: RenderState
    count: int
    oldest: datetime | None


def overdue() -> Q:
    """Renders whose state has outlived its deadline; the sweep ends them, so one that stays here hangs."""
    return Q(deadline_at__lt=timezone.now())


def paused() -> Q:
    """Offers that nobody is sent to at the moment."""
    return Q(open_until__gt=timezone.now())


def waiting_renders() -> Waiting:
    found = Render.objects.filter(overdue()).aggregate(count=Count("pk"), oldest=Min("deadline_at"))
    return Waiting(found["count"], f"the first for {age_of(found['oldest'])}" if found["count"] else "")


def waiting_offers() -> Waiting:
    found = list(OfferHealth.objects.filter(paused()).order_by("open_until").values_list("offer", flat=True))
    return Waiting(len(found), ", ".join(found[:3]))


def in_flight() -> list[InFlight]:
    # Whatever lives has a deadline, and its index knows no others. A long video's parts count, and it when it's joined.
    counted = Q(parts_total=None) | Q(state=RenderState.JOINING)
    living = Render.objects.filter(counted, deadline_at__isnull=False).values("state")
    found: dict[str, Any] = {row["state"]: row for row in living.annotate(count=Count("pk"), oldest=Min("state_since"))}
    return [InFlight(state, row["count"], row["oldest"]) for state in ALIVE if (row := found.get(state, NOTHING))]
