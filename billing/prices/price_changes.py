"""Price changes, previewed: what the last weeks would have earned at a price, against what they did earn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from avatarsite.workspaces.models import User
from billing.models import Price, Usage
from billing.money import charge_micros
from billing.prices.price_book import price_of, set_price

DAYS = 30


class PreviewStale(ValueError):
    """What was confirmed is not what was previewed: the price or the usage has moved since."""


@dataclass(frozen=True, slots=True)
class Earnings:
    """Micro-dollars over the usage of a preview."""

    revenue_micros: int
    cost_micros: int

    @property
    def margin_micros(self) -> int:
        return self.revenue_micros - self.cost_micros


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A price that may be set, beside the one in force; micro-dollars a second."""

    offer: str
    cost_micros_per_second: int
    price_micros_per_second: int
    source: str
    derived: bool


@dataclass(frozen=True, slots=True)
class PricePreview:
    """What the change would have meant for the last ``DAYS`` days. ``fingerprint`` names exactly these numbers."""

    change: PriceChange
    current: Price
    videos: int
    measured_ms: int
    earned: Earnings
    would_have_earned: Earnings
    fingerprint: str

    @property
    def seconds(self) -> float:
        return self.measured_ms / 1000


def preview_price(change: PriceChange, *, at: datetime | None = None) -> PricePreview:
    """Reckon the last ``DAYS`` days' usage of the offer at the new price and at what it really brought.

    Customers pay by measured output and never more than what was held, so a higher price is reckoned without that
    limit: the holds would have been higher, too. Raises PriceMissing; ValueError has a sentence for what can't be.
    """
    current = price_of(change.offer)
    if change == _change_of(current):
        raise ValueError("This is the price in force; change something.")
    since = (at or timezone.now()) - timedelta(days=DAYS)
    rows = list(Usage.objects.filter(offer=change.offer, created_at__gt=since).select_related("hold").order_by("pk"))
    revenue = sum(row.amount_micros - row.hold.returned_micros for row in rows)
    earned = Earnings(revenue, sum(row.cost_micros for row in rows))
    return PricePreview(
        change=change,
        current=current,
        videos=len(rows),
        measured_ms=sum(row.measured_ms for row in rows),
        earned=earned,
        would_have_earned=Earnings(
            sum(charge_micros(row.measured_ms, change.price_micros_per_second) for row in rows),
            sum(charge_micros(row.measured_ms, change.cost_micros_per_second) for row in rows),
        ),
        fingerprint=_fingerprint(change, current, rows),
    )


def confirm_price(change: PriceChange, fingerprint: str, *, actor: User) -> Price:
    """Set the price that was previewed, from now on. Raises PreviewStale when the preview would now say otherwise."""
    with transaction.atomic():
        # Whoever confirms the other of two at once sees the price of the first.
        list(Price.objects.select_for_update().filter(offer=change.offer).values_list("pk"))
        if preview_price(change).fingerprint != fingerprint:
            raise PreviewStale("The numbers have moved since the preview. Look at the new ones and confirm again.")
        return set_price(
            change.offer,
            cost_micros_per_second=change.cost_micros_per_second,
            price_micros_per_second=change.price_micros_per_second,
            source=change.source,
            derived=change.derived,
            actor=actor,
        )


def _change_of(price: Price) -> PriceChange:
    return PriceChange(
        price.offer, price.cost_micros_per_second, price.price_micros_per_second, price.source, price.derived
    )


def _fingerprint(change: PriceChange, current: Price, rows: Iterable[Usage]) -> str:
    numbers = (change, current.pk, [row.pk for row in rows])
    return hashlib.sha256(repr(numbers).encode()).hexdigest()[:32]
