from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from avatarsite.workspaces.models import User
from billing.errors import KeyConflict, PriceMissing
from billing.models import Price
from billing.prices import price_book

pytestmark = pytest.mark.django_db

COSTS = {
    "runware:klingai:avatar@2.0-pro": (87_000, False),
    "runware:klingai:avatar@2.0-standard": (44_000, True),
    "fal:fal-ai/kling-video/ai-avatar/v2/pro": (115_000, False),
    "fal:fal-ai/kling-video/ai-avatar/v2/standard": (56_200, False),
    "fal:fal-ai/kling-video/v1/tts": (7_000, False),  # a generation
    "aimlapi:klingai/avatar-pro": (120_750, True),
    "aimlapi:klingai/avatar-standard": (59_010, True),
    "local:draft": (0, False),
    "local:test": (0, False),
}


def book() -> dict[str, tuple[int, int]]:
    """Cost and selling price of each offer now."""
    offers = Price.objects.values_list("offer", flat=True).distinct()
    prices = [price_book.price_of(offer) for offer in offers]
    return {price.offer: (price.cost_micros_per_second, price.price_micros_per_second) for price in prices}


def test_the_book_is_seeded_from_files_that_name_their_sources() -> None:
    assert len(price_book.seed_prices()) == len(COSTS)
    assert {p.offer: (p.cost_micros_per_second, p.derived) for p in Price.objects.all()} == COSTS
    assert all(len(price.source) > 20 for price in Price.objects.all())


def test_seeding_again_adds_nothing() -> None:
    price_book.seed_prices()
    assert price_book.seed_prices() == []
    assert Price.objects.count() == len(COSTS)


def test_the_markup_makes_the_selling_price(settings: Settings) -> None:
    settings.PRICE_MARKUP_PERCENT = Decimal("12.5")
    price_book.seed_prices()
    assert book()["fal:fal-ai/kling-video/ai-avatar/v2/standard"] == (56_200, 63_225)
    assert book()["aimlapi:klingai/avatar-standard"] == (59_010, 66_386)  # 66,386.25


def test_another_markup_adds_a_row_and_keeps_the_old_one(settings: Settings) -> None:
    price_book.seed_prices()
    before = timezone.now()
    settings.PRICE_MARKUP_PERCENT = Decimal(10)
    assert len(price_book.seed_prices()) == len(COSTS) - 2  # nothing on nothing is nothing
    offer = "runware:klingai:avatar@2.0-pro"
    assert price_book.price_of(offer).price_micros_per_second == 95_700
    assert price_book.price_of(offer, before).price_micros_per_second == 87_000
    assert Price.objects.filter(offer=offer).count() == 2


def test_the_draft_engine_sells_at_its_setting(settings: Settings) -> None:
    price_book.seed_prices()
    assert book()["local:draft"] == (0, 0)
    settings.DRAFT_PRICE_PER_SECOND = Decimal("0.01")
    assert [price.offer for price in price_book.seed_prices()] == ["local:draft"]
    assert book()["local:draft"] == (0, 10_000)


def test_an_operators_price_outlives_the_next_seed() -> None:
    price_book.seed_prices()
    staff, offer = User.objects.create_user("staff@example.com"), "runware:klingai:avatar@2.0-pro"
    price_book.set_price(
        offer, cost_micros_per_second=80_000, price_micros_per_second=99_000, source="Our contract", actor=staff
    )
    assert price_book.seed_prices() == []
    assert book()[offer] == (80_000, 99_000)


def test_an_offer_without_a_price_says_so() -> None:
    with pytest.raises(PriceMissing, match="no price for acme:face"):
        price_book.price_of("acme:face")


def test_a_price_counts_from_its_moment_on() -> None:
    now = timezone.now()
    facts = {"cost_micros_per_second": 1, "source": "a test"}
    first = price_book.set_price(
        "acme:face", price_micros_per_second=1, effective_from=now - timedelta(days=2), **facts
    )
    later = price_book.set_price(
        "acme:face", price_micros_per_second=2, effective_from=now + timedelta(days=2), **facts
    )
    assert price_book.price_of("acme:face") == first
    assert price_book.price_of("acme:face", later.effective_from) == later
    assert price_book.price_of("acme:face", later.effective_from - timedelta(microseconds=1)) == first
    with pytest.raises(PriceMissing):
        price_book.price_of("acme:face", now - timedelta(days=3))


def test_the_same_price_for_the_same_moment_is_one_row() -> None:
    facts = {"cost_micros_per_second": 1, "source": "a test", "effective_from": timezone.now()}
    first = price_book.set_price("acme:face", price_micros_per_second=2, **facts)
    assert price_book.set_price("acme:face", price_micros_per_second=2, **facts) == first
    with pytest.raises(KeyConflict, match=r"\$0.000002 a second"):
        price_book.set_price("acme:face", price_micros_per_second=3, **facts)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"offer": "face"}, "provider:model"),
        ({"offer": ""}, "provider:model"),
        ({"cost_micros_per_second": -1}, "The cost is"),
        ({"price_micros_per_second": -1}, "The price is"),
        ({"source": " "}, "source is empty"),
        ({"effective_from": timezone.now() - timedelta(days=1)}, "must begin after"),
    ],
)
def test_a_price_that_can_not_be_is_refused_with_a_sentence(wrong: dict[str, object], sentence: str) -> None:
    facts: dict[str, object] = {"cost_micros_per_second": 1, "price_micros_per_second": 2, "source": "a test"}
    price_book.set_price("acme:face", **facts)
    with pytest.raises(ValueError, match=sentence):
        price_book.set_price(**{"offer": "acme:face", **facts, **wrong})
    assert Price.objects.count() == 1
