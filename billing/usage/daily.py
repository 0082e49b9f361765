"""Usage by day, counted while it is charged, and read for charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import F

from avatarsite.db import raw
from avatarsite.workspaces.models import Workspace
from billing.models import Hold, Usage, UsageDay

DIMENSIONS = ("offer", "project", "member", "token")


def count(usage: Usage, hold: Hold, at: datetime) -> None:
    """Add a usage to its day, once for each dimension. In the transaction that charges it, so it counts once."""
    names = (usage.offer, hold.project, hold.member, hold.token)
    day = at.astimezone(UTC).date()
    sql = raw.Session()
    values: list[object] = []
    # Always in this order, so that two charges at once never wait for each other in a circle.
    for dimension, name in zip(DIMENSIONS, names, strict=True):
        values += [
            usage.workspace_id,
            sql.day(day),
            dimension,
            name,
            usage.videos,
            0 if usage.generations else usage.measured_ms,
            usage.amount_micros,
        ]
    sql.change(_COUNT, values)


_ROWS = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(DIMENSIONS))
_COUNT = f"""
INSERT INTO billing_usageday (workspace_id, day, dimension, name, videos, measured_ms, amount_micros)
VALUES {_ROWS}
ON CONFLICT (workspace_id, day, dimension, name) DO UPDATE SET
    videos = billing_usageday.videos + excluded.videos,
    measured_ms = billing_usageday.measured_ms + excluded.measured_ms,
    amount_micros = billing_usageday.amount_micros + excluded.amount_micros
"""  # noqa: S608 -- nothing but placeholders is put in  # nosec


def take_off(usage: Usage, hold: Hold, returned: int) -> None:
    """Take what is given back of a charge off the day that it was charged on; its seconds were used all the same."""
    names = (usage.offer, hold.project, hold.member, hold.token)
    day = usage.created_at.astimezone(UTC).date()
    for dimension, name in zip(DIMENSIONS, names, strict=True):
        days = UsageDay.objects.filter(workspace=usage.workspace_id, day=day, dimension=dimension, name=name)
        days.update(amount_micros=F("amount_micros") - returned)


@dataclass(frozen=True, slots=True)
class Used:
    """What was charged; milliseconds and micro-dollars."""

    videos: int = 0
    measured_ms: int = 0
    amount_micros: int = 0

    def __add__(self, other: Used) -> Used:
        return Used(
            self.videos + other.videos,
            self.measured_ms + other.measured_ms,
            self.amount_micros + other.amount_micros,
        )


@dataclass(frozen=True, slots=True)
class UsageTable:
    """A span of days: ``cells`` by dimension, then name, then day."""

    days: list[date]
    cells: Mapping[str, Mapping[str, Mapping[date, Used]]]

    def by_name(self, dimension: str) -> dict[str, Used]:
        """What each name of a dimension used in all, the most dear first."""
        sums = {name: sum(days.values(), Used()) for name, days in self.cells.get(dimension, {}).items()}
        return dict(sorted(sums.items(), key=lambda item: (-item[1].amount_micros, -item[1].measured_ms, item[0])))

    @property
    def total(self) -> Used:
        return sum(self.by_name(DIMENSIONS[0]).values(), Used())


def used(workspace: Workspace, since: date, until: date) -> UsageTable:
    """What the workspace used from a day to a day, both included: one query for a handful of rows a day."""
    cells: dict[str, dict[str, dict[date, Used]]] = {name: defaultdict(dict) for name in DIMENSIONS}
    found = UsageDay.objects.filter(workspace=workspace, day__range=(since, until))
    for dimension, name, day, *sums in found.values_list(
        "dimension", "name", "day", "videos", "measured_ms", "amount_micros"
    ):
        cells[dimension][name][day] = Used(*sums)
    return UsageTable([since + timedelta(days=number) for number in range((until - since).days + 1)], cells)
