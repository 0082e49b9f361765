"""Days of each offer added up: revenue, cost and success, by a task, so that a page reads a handful of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from billing.models import Usage
from studio.models import JobStatus, OfferDay, ProviderJob

DAYS = 14
# A day is counted once more after its end, when what was on its way at midnight has been written.
SETTLED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sums:
    """Micro-dollars and counts of one offer, one day or all."""

    videos: int = 0
    revenue_micros: int = 0
    cost_micros: int = 0
    ended: int = 0
    done: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.videos + other.videos,
            self.revenue_micros + other.revenue_micros,
            self.cost_micros + other.cost_micros,
            self.ended + other.ended,
            self.done + other.done,
        )

    @property
    def margin_micros(self) -> int:
        return self.revenue_micros - self.cost_micros

    @property
    def margin_percent(self) -> int | None:
        return round(100 * self.margin_micros / self.revenue_micros) if self.revenue_micros else None

    @property
    def success_percent(self) -> float | None:
        return round(100 * self.done / self.ended, 1) if self.ended else None


@dataclass(frozen=True, slots=True)
class Days:
    """The days that are shown, oldest first, and what each offer and each day came to."""

    days: list[date]
    by_offer: dict[str, Sums] = field(default_factory=dict)
    by_day: dict[date, Sums] = field(default_factory=dict)
    cells: dict[tuple[str, date], Sums] = field(default_factory=dict)
    counted_at: datetime | None = None

    @property
    def total(self) -> Sums:
        return sum(self.by_day.values(), Sums())


def last_days() -> Days:
    today = timezone.now().astimezone(UTC).date()
    found = Days([today - timedelta(days=back) for back in reversed(range(DAYS))])
    by_offer: dict[str, Sums] = {}
    newest: datetime | None = None
    found.by_day.update(dict.fromkeys(found.days, Sums()))
    for row in OfferDay.objects.filter(day__gte=found.days[0]).order_by("offer", "day"):
        sums = Sums(row.videos, row.revenue_micros, row.cost_micros, row.ended, row.done)
        found.cells[row.offer, row.day] = sums
        by_offer[row.offer] = by_offer.get(row.offer, Sums()) + sums
        found.by_day[row.day] = found.by_day.get(row.day, Sums()) + sums
        newest = max(newest or row.counted_at, row.counted_at)
    ranked = sorted(by_offer.items(), key=lambda item: (-item[1].revenue_micros, -item[1].ended, item[0]))
    return Days(found.days, dict(ranked), found.by_day, found.cells, newest)


def count_days() -> int:
    """Count today, and each of the last days that was not counted after its end. Returns how many days."""
    today = timezone.now().astimezone(UTC).date()
    due = [day for back in range(DAYS) if not _is_final(day := today - timedelta(days=back))]
    for day in due:
        count_day(day)
    return len(due)


def count_day(day: date) -> None:
    """Count one day anew, over whatever was counted of it before."""
    begins = datetime.combine(day, time.min, UTC)
    span = (begins, begins + timedelta(days=1))
    sold = {row["offer"]: row for row in _sold(*span)}
    tried = {row["offer"]: row for row in _tried(*span)}
    now = timezone.now()
    rows = [
        OfferDay(
            day=day,
            offer=offer,
            counted_at=now,
            **{name: (sold.get(offer) or {}).get(name) or 0 for name in ("videos", "revenue_micros", "cost_micros")},
            **{name: (tried.get(offer) or {}).get(name) or 0 for name in ("ended", "done")},
        )
        for offer in sorted({*sold, *tried})
    ]
    with transaction.atomic():
        OfferDay.objects.filter(day=day).delete()
        OfferDay.objects.bulk_create(rows)


def count_again(day: date) -> None:
    """What was charged on the day has changed since; the next round of the task counts it anew."""
    OfferDay.objects.filter(day=day).update(counted_at=datetime.combine(day, time.min, UTC))


def _is_final(day: date) -> bool:
    ends = datetime.combine(day, time.min, UTC) + timedelta(days=1)
    counted = OfferDay.objects.filter(day=day).order_by("counted_at").values_list("counted_at", flat=True).first()
    return counted is not None and counted >= ends + SETTLED


def _sold(begins: datetime, ends: datetime) -> Iterable[Any]:
    rows = Usage.objects.filter(created_at__gte=begins, created_at__lt=ends).values("offer")
    return rows.annotate(
        videos=Count("pk"),
        revenue_micros=Sum(F("amount_micros") - F("hold__returned_micros")),
        cost_micros=Sum("cost_micros"),
    )


def _tried(begins: datetime, ends: datetime) -> Iterable[Any]:
    rows = ProviderJob.objects.filter(finished_at__gte=begins, finished_at__lt=ends)
    rows = rows.filter(status__in=(JobStatus.DONE, JobStatus.FAILED))
    return rows.values("offer").annotate(ended=Count("pk"), done=Count("pk", filter=Q(status=JobStatus.DONE)))
