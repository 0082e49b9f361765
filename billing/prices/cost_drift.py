"""Cost drift: what providers report for a job, against our price book. A wrong price shows here first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import BigIntegerField, BooleanField, Case, Count, ExpressionWrapper, F, Q, QuerySet, Sum, When
from django.db.models.functions import Abs
from django.utils import timezone

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.models import Alert
from avatarsite.queue.sweeping import each
from billing.models import Usage
from billing.money import usd

KIND = "cost_drift"
WATCHED = timedelta(days=1)
MAX_JOBS = 100
MAX_NAMED = 20
# A job of which less is at stake than a cent is no news, whatever its percentage.
MIN_DRIFT_MICROS = 10_000


@dataclass(frozen=True, slots=True)
class DriftedJob:
    """A job whose provider reports another cost than the price book makes; micro-dollars."""

    usage_id: int
    subject: str
    offer: str
    at: datetime
    measured_ms: int
    reported_ms: int | None
    expected_micros: int
    reported_micros: int
    is_alarming: bool  # beyond COST_DRIFT_PERCENT and MIN_DRIFT_MICROS, whichever way

    @property
    def drift_micros(self) -> int:
        return self.reported_micros - self.expected_micros

    @property
    def percent(self) -> float | None:
        """Of what we expected; None where that was nothing."""
        return round(self.drift_micros * 100 / self.expected_micros, 1) if self.expected_micros else None


@dataclass(frozen=True, slots=True)
class OfferDrift:
    """An offer's jobs together; ``silent`` ones, of which the provider reports no cost, are not in the sums."""

    offer: str
    videos: int
    silent: int
    alarming: int
    expected_micros: int
    reported_micros: int

    @property
    def drift_micros(self) -> int:
        return self.reported_micros - self.expected_micros

    @property
    def percent(self) -> float | None:
        return round(self.drift_micros * 100 / self.expected_micros, 1) if self.expected_micros else None


def threshold() -> str:
    """In words, beyond what a job is alarming."""
    return f"{settings.COST_DRIFT_PERCENT} % and {usd(MIN_DRIFT_MICROS)}"


# The ceiling division of money.charge_micros, in integers.
_EXPECTED = ExpressionWrapper(
    (F("measured_ms") * F("price__cost_micros_per_second") + 999) / 1000, output_field=BigIntegerField()
)
# A provider that says nothing, or 0, is booked by the price book.
_REPORTS = Q(reported_cost_micros__gt=0)


def _compared(used: QuerySet[Usage]) -> Any:
    """Each with what was ``expected``, how far it is ``off``, and how far that is ``beyond`` what is let pass."""
    off = Abs(F("reported_cost_micros") - F("expected"))
    used = used.annotate(expected=_EXPECTED).annotate(
        off=Case(When(_REPORTS, then=off), default=0, output_field=BigIntegerField())
    )
    return used.annotate(beyond=F("off") * 100 - F("expected") * settings.COST_DRIFT_PERCENT)


def _used(begin: datetime, end: datetime) -> QuerySet[Usage]:
    return Usage.objects.filter(created_at__gte=begin, created_at__lt=end)


def _alarming() -> Q:
    return Q(off__gte=MIN_DRIFT_MICROS, beyond__gt=0)


def offer_drifts(begin: datetime, end: datetime) -> list[OfferDrift]:
    """Every offer that was used, the one that is off by the most first."""
    rows = (
        _compared(_used(begin, end))
        .values("offer")
        .annotate(
            videos=Count("pk"),
            silent=Count("pk", filter=~_REPORTS | Q(reported_cost_micros=None)),
            alarming=Count("pk", filter=_alarming()),
            ours=Sum("expected", filter=_REPORTS, default=0),
            theirs=Sum("reported_cost_micros", filter=_REPORTS, default=0),
        )
    )
    sums = rows.values_list("offer", "videos", "silent", "alarming", "ours", "theirs").order_by("offer")
    return sorted((OfferDrift(*row) for row in sums), key=lambda drift: (-abs(drift.drift_micros), drift.offer))


def worst_jobs(begin: datetime, end: datetime, *, offer: str = "", alarming: bool = False) -> list[DriftedJob]:
    """The hundred jobs that are off by the most, worst first; only those that are ``alarming``, if so asked."""
    found = _compared(_used(begin, end)).filter(Q(off__gt=0))
    if offer:
        found = found.filter(offer=offer)
    if alarming:
        found = found.filter(_alarming())
    return _jobs(found.order_by(F("off").desc(), "-pk")[:MAX_JOBS])


def _jobs(found: Any) -> list[DriftedJob]:
    alarms = ExpressionWrapper(_alarming(), output_field=BooleanField())
    columns = ("pk", "subject", "offer", "created_at", "measured_ms", "reported_ms", "expected", "reported_cost_micros")
    return [DriftedJob(*row) for row in found.values_list(*columns, alarms)]


def alert_job(usage: Usage, *, key: str, **detail: Any) -> bool:
    """Raise an alert of one job, under ``key``, if it is alarming. It stays until somebody has looked at it."""
    if not usage.reported_cost_micros:
        return False
    compared = _jobs(_compared(Usage.objects.filter(pk=usage.pk)))
    for job in compared:
        if job.is_alarming:
            facts = {"offer": job.offer, "reported": job.reported_micros, "expected": job.expected_micros}
            raise_alert(KIND, key, f"{job.offer}, {_named(job)}", **facts, **detail)
    return any(job.is_alarming for job in compared)


def watch() -> int:
    """Raise an alert for each offer with jobs of the last day that are off by too much; close the others' alerts.

    How many offers are. Safe to repeat: an alert that is open is brought up to date.
    """
    end = timezone.now()
    drifting = {drift.offer: drift for drift in offer_drifts(end - WATCHED, end) if drift.alarming}

    def tell(offer: str) -> None:
        worst = worst_jobs(end - WATCHED, end, offer=offer, alarming=True)
        raise_alert(KIND, offer, _told(drifting[offer], worst[0]), jobs=[_named(job) for job in worst[:MAX_NAMED]])

    each(drifting, tell, "Telling that an offer costs otherwise")
    # Only those that are of offers: what is told of a single job is none of this look's business.
    quiet = Alert.objects.filter(kind=KIND, closed_at=None, detail__has_key="jobs").exclude(key__in=drifting)
    for offer in quiet.values_list("key", flat=True):
        close_alert(KIND, offer)
    return len(drifting)


def _told(drift: OfferDrift, worst: DriftedJob) -> str:
    jobs = "1 job" if drift.alarming == 1 else f"{drift.alarming} jobs"
    return (
        f"{drift.offer}: {jobs} of the last day cost otherwise than the price book says. {_named(worst)} "
        f"Look at the provider's price and set ours."
    )


def _named(job: DriftedJob) -> str:
    percent = f" ({job.percent:+g} %)" if job.percent is not None else ""
    return f"{job.subject}: {usd(job.reported_micros)} reported, {usd(job.expected_micros)} expected{percent}."
