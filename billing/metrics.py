"""What the ledger says for ``/metrics``: open holds, what is held, and what the nightly checks have found."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Sum
from prometheus_client.core import Metric

from avatarsite.models import Alert
from avatarsite.monitoring.metrics import gauge
from billing.models import Hold, HoldState, LedgerAccount


def read_money() -> Iterator[Metric]:
    holds = Hold.objects.filter(state=HoldState.OPEN).aggregate(rows=Count("pk"))["rows"]
    yield gauge("holds_open", "Holds that are neither settled nor released.", [((), holds)])
    held = LedgerAccount.objects.filter(held__gt=0).aggregate(sum=Sum("held"))["sum"]
    yield gauge("held_micros", "Held in all wallets, in micro-dollars.", [((), held or 0)])
    yield gauge(
        "ledger_findings", "What the nightly check of the ledger has found.", [((), _told("ledger", "findings"))]
    )
    told = "What Stripe's lists and the ledger differed by in the last night."
    yield gauge("reconcile_differences", told, [((), _told("stripe_reconcile", "count"))])


def _told(kind: str, number: str) -> int:
    """As the open alerts of the kind say it; one that names no number counts as one."""
    details = Alert.objects.filter(kind=kind, closed_at=None).values_list("detail", flat=True)
    return sum(int(detail.get(number, 1)) for detail in details)
