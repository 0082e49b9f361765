"""The price book: what a second of each offer costs us and sells for, from a moment on. Rows are only ever added."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from avatarsite.desk import Waiting
from avatarsite.workspaces.models import User
from billing.errors import KeyConflict, PriceMissing
from billing.models import Price
from billing.models.prices import OFFER_LENGTH, PriceUnit
from billing.money import MAX_MICROS, micros_of, selling_price, usd

__all__ = ["PriceMissing", "current_price", "price_of", "seed_prices", "selling_price", "set_price"]
logger = logging.getLogger(__name__)

PRICEBOOK = Path(__file__).parent / "pricebook"
DRAFT = "local:draft"
TEST = "local:test"


def price_of(offer: str, at: datetime | None = None) -> Price:
    """The newest price in force at a moment, now by default. Raises PriceMissing."""
    price = current_price(offer, at)
    if price is None:
        raise PriceMissing(offer)
    return price


def current_price(offer: str, at: datetime | None = None) -> Price | None:
    """As ``price_of``; None where there is none."""
    in_force = Price.objects.filter(offer=offer, effective_from__lte=at or timezone.now())
    return in_force.order_by("-effective_from").first()


def current_prices(offers: Iterable[str]) -> dict[str, Price]:
    """The newest price in force now of each that has one, by the offer: one query for all."""
    in_force = Price.objects.filter(effective_from__lte=timezone.now())
    newer = in_force.filter(offer=OuterRef("offer"), effective_from__gt=OuterRef("effective_from"))
    return {price.offer: price for price in in_force.filter(~Exists(newer), offer__in=list(offers))}


def set_price(  # noqa: PLR0913 -- they are the columns of the row
    offer: str,
    *,
    cost_micros_per_second: int,
    price_micros_per_second: int,
    source: str,
    unit: str = "",
    derived: bool = False,
    actor: User | None = None,
    effective_from: datetime | None = None,
) -> Price:
    """Add a price from ``effective_from`` on, now by default; of the unit that the offer has had, unless it's named.

    The past is not rewritten: once an offer has a price, the next one begins after it. The same row for the same
    moment again is returned; another one raises KeyConflict. ValueError has a sentence for what can't be.
    """
    price = Price(
        offer=offer,
        cost_micros_per_second=cost_micros_per_second,
        price_micros_per_second=price_micros_per_second,
        unit=unit or _unit_of(offer),
        source=source.strip(),
        derived=derived,
        created_by=actor,
        effective_from=effective_from or timezone.now(),
    )
    _validate(price)
    if before := _set_before(price):
        return before
    _refuse_backdating(price)
    try:
        with transaction.atomic():
            price.save(force_insert=True)
    except IntegrityError:
        if before := _set_before(price):
            return before
        raise
    logger.info(
        "%s costs %s and sells for %s a %s",
        offer,
        usd(cost_micros_per_second),
        usd(price_micros_per_second),
        price.unit,
    )
    return price


def _unit_of(offer: str) -> str:
    """As it has been; a second where it is new."""
    newest = Price.objects.filter(offer=offer).order_by("-effective_from").first()
    return newest.unit if newest else PriceUnit.SECOND


def _validate(price: Price) -> None:
    if not 0 < len(price.offer) <= OFFER_LENGTH or ":" not in price.offer:
        raise ValueError(f"The offer is {price.offer!r}; write provider:model, such as {DRAFT}.")
    for name, amount in (("cost", price.cost_micros_per_second), ("price", price.price_micros_per_second)):
        if not 0 <= amount <= MAX_MICROS:
            raise ValueError(f"The {name} is {usd(amount)} a second; it must be $0 to {usd(MAX_MICROS)}.")
    if not price.source:
        raise ValueError("The source is empty; write where the cost comes from.")


def _set_before(price: Price) -> Price | None:
    first = Price.objects.filter(offer=price.offer, effective_from=price.effective_from).first()
    compared = ("cost_micros_per_second", "price_micros_per_second", "source", "derived")
    if first and any(getattr(first, name) != getattr(price, name) for name in compared):
        sells = usd(first.price_micros_per_second)
        raise KeyConflict(f"{price.offer} from {price.effective_from.isoformat()}", f"for {sells} a second")
    return first


def _refuse_backdating(price: Price) -> None:
    newest = Price.objects.filter(offer=price.offer).order_by("-effective_from").first()
    if newest and price.effective_from < newest.effective_from:
        raise ValueError(
            f"{price.offer} has a price from {newest.effective_from:%Y-%m-%d %H:%M} on; a new one must begin after it."
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """An offer in the price book's files; micro-dollars of one ``unit``."""

    offer: str
    cost: int
    price: int
    source: str
    derived: bool
    unit: str = PriceUnit.SECOND


def seed_prices() -> list[Price]:
    """Add what ``billing/prices/pricebook`` and the settings say, where that has changed since the last seed.

    An operator's own price stays until the number in the file or the setting changes. Gives the rows it added.
    """
    return [added for listing in _listings() if (added := _seed(listing))]


def _seed(listing: Listing) -> Price | None:
    seeded = Price.objects.filter(offer=listing.offer, created_by=None).order_by("-effective_from").first()
    if seeded and (seeded.cost_micros_per_second, seeded.price_micros_per_second) == (listing.cost, listing.price):
        return None
    return set_price(
        listing.offer,
        cost_micros_per_second=listing.cost,
        price_micros_per_second=listing.price,
        source=listing.source,
        derived=listing.derived,
        unit=listing.unit,
    )


def _listings() -> Iterator[Listing]:
    markup: Decimal = settings.PRICE_MARKUP_PERCENT
    for file in sorted(PRICEBOOK.glob("*.toml")):
        for offer in tomllib.loads(file.read_text(encoding="utf-8"))["offer"]:
            unit = next(unit for unit in PriceUnit if f"cost_per_{unit}" in offer)
            cost = micros_of(Decimal(offer[f"cost_per_{unit}"]))
            derived = offer.get("derived", False)
            yield Listing(offer["id"], cost, selling_price(cost, markup), offer["source"], derived, unit)
    # Our own machine sends no bill, so the draft engine has a price without a cost.
    draft = micros_of(settings.DRAFT_PRICE_PER_SECOND)
    yield Listing(DRAFT, 0, draft, "The setting DRAFT_PRICE_PER_SECOND", derived=False)
    yield Listing(TEST, 0, 0, "Renders of test tokens cost nothing", derived=False)


def sells_at_cost() -> bool:
    """Whether real money is taken and none of it kept."""
    return settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_")) and settings.PRICE_MARKUP_PERCENT == 0


def waiting_markup() -> Waiting:
    return Waiting(int(sells_at_cost()), "PRICE_MARKUP_PERCENT is 0")
