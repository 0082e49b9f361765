"""The operator changes a price: preview, confirm exactly what was previewed, and the past keeps its price."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.models import User
from billing.models import Price, Usage
from billing.prices.price_changes import DAYS, Earnings, PreviewStale, PriceChange, confirm_price, preview_price
from billing.usage import metering
from billing.verify import verification
from tests.billing.cast import DOLLAR, OFFER, hold, make_price, make_rich

pytestmark = pytest.mark.django_db

CHANGE = PriceChange(OFFER, 70_000, 150_000, "The provider's page of today", derived=False)
SENT = {"cost": "0.07", "price": "0.15", "source": "The provider's page of today"}


@pytest.fixture
def price() -> Price:
    """The price in force, and two videos of 10 s and 20 s that were sold at it; one of them was held too little for."""
    price, workspace = make_price(cost=60_000, price=100_000), make_rich(10)
    for name, ms, held in (("one", 10_000, 2 * DOLLAR), ("two", 20_000, DOLLAR)):
        metering.record_usage(
            workspace=workspace,
            subject=f"render:{name}",
            offer=OFFER,
            price=price,
            measured_ms=ms,
            hold=hold(workspace, held, name),
        )
    return price


def new_price(price: Price) -> str:
    return reverse("admin:billing_price_new", args=[price.pk])


def fingerprint(answer: Any) -> str:
    (found,) = re.findall(r'name="fingerprint" value="([0-9a-f]{32})"', answer.content.decode())
    return str(found)


def test_the_preview_reckons_the_last_month_at_both_prices(price: Price) -> None:
    preview = preview_price(CHANGE)
    assert (preview.videos, preview.measured_ms, preview.current) == (2, 30_000, price)
    assert preview.earned == Earnings(revenue_micros=2 * DOLLAR, cost_micros=1_800_000)
    assert preview.would_have_earned == Earnings(revenue_micros=4_500_000, cost_micros=2_100_000)
    assert (preview.earned.margin_micros, preview.would_have_earned.margin_micros) == (200_000, 2_400_000)
    assert Price.objects.filter(offer=OFFER).count() == 1


def test_older_usage_and_other_offers_do_not_count(price: Price) -> None:
    later = timezone.now() + timedelta(days=DAYS)
    assert preview_price(CHANGE, at=later).videos == 0
    make_price(offer="acme:other")
    assert preview_price(replace(CHANGE, offer="acme:other")).videos == 0


def test_a_confirmed_price_holds_from_now_on_and_the_past_keeps_its_own(price: Price, staff: User) -> None:
    new = confirm_price(CHANGE, preview_price(CHANGE).fingerprint, actor=staff)
    assert (new.cost_micros_per_second, new.price_micros_per_second, new.created_by) == (70_000, 150_000, staff)
    assert new.effective_from > price.effective_from
    assert set(Usage.objects.values_list("price", "amount_micros")) == {(price.pk, DOLLAR)}
    assert verification.verify() == []


@pytest.mark.parametrize(
    "other", [{"price_micros_per_second": 150_001}, {"cost_micros_per_second": 0}, {"source": "?"}, {"derived": True}]
)
def test_other_numbers_than_the_previewed_are_not_set(price: Price, staff: User, other: dict[str, Any]) -> None:
    seen = preview_price(CHANGE).fingerprint
    with pytest.raises(PreviewStale, match="Look at the new ones and confirm again"):
        confirm_price(replace(CHANGE, **other), seen, actor=staff)
    assert list(Price.objects.filter(offer=OFFER)) == [price]


def test_usage_that_came_since_makes_the_preview_stale(price: Price, staff: User) -> None:
    seen = preview_price(CHANGE).fingerprint
    workspace = make_rich(10, "second")
    metering.record_usage(
        workspace=workspace,
        subject="render:three",
        offer=OFFER,
        price=price,
        measured_ms=1_000,
        hold=hold(workspace, DOLLAR, "three"),
    )
    with pytest.raises(PreviewStale):
        confirm_price(CHANGE, seen, actor=staff)


def test_the_price_in_force_is_no_change(price: Price) -> None:
    same = PriceChange(OFFER, 60_000, 100_000, "a test", derived=False)
    with pytest.raises(ValueError, match="This is the price in force"):
        preview_price(same)


def test_the_operator_previews_confirms_and_finds_the_history(browser: Client, price: Price, staff: User) -> None:
    listed = browser.get(reverse("admin:billing_price_change", args=[price.pk])).content.decode()
    assert f'href="{new_price(price)}"' in listed
    assert browser.get(new_price(price)).context["form"]["price"].value() == Decimal("0.1")
    preview = browser.post(new_price(price), {**SENT, "preview": "Preview"})
    page = preview.content.decode()
    assert preview.status_code == 200
    for row in ("<td>$2.00</td><td>$4.50</td>", "<td>$1.80</td><td>$2.10</td>", "<td>$0.20</td><td>$2.40</td>"):
        assert row in page
    assert Price.objects.filter(offer=OFFER).count() == 1
    sent = {**SENT, "fingerprint": fingerprint(preview), "confirm": "Set"}
    answer = browser.post(new_price(price), sent)
    new = Price.objects.filter(offer=OFFER).latest("effective_from")
    shown = reverse("admin:billing_price_change", args=[new.pk])
    assert (answer.status_code, answer["Location"]) == (302, shown)
    page = browser.get(shown).content.decode()
    assert "From now on acme:face sells for $0.1500 a second at a cost of $0.0700." in page
    assert [row.pk for row in browser.get(shown).context["offer_history"]] == [new.pk, price.pk]
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (staff, str(new.pk))
    assert entry.change_message == "Set $0.1500 a second at a cost of $0.0700, after $0.1000"


def test_confirming_twice_sets_once(browser: Client, price: Price) -> None:
    sent = {**SENT, "fingerprint": fingerprint(browser.post(new_price(price), SENT)), "confirm": "Set"}
    assert [browser.post(new_price(price), sent).status_code for _ in range(2)] == [302, 400]
    assert Price.objects.filter(offer=OFFER).count() == 2
    assert LogEntry.objects.count() == 1


def test_numbers_edited_after_the_preview_are_previewed_again(browser: Client, price: Price) -> None:
    seen = fingerprint(browser.post(new_price(price), SENT))
    answer = browser.post(new_price(price), {**SENT, "price": "0.16", "fingerprint": seen, "confirm": "Set"})
    assert answer.status_code == 400
    assert "The numbers have moved since the preview." in answer.content.decode()
    assert fingerprint(answer) != seen
    assert Price.objects.filter(offer=OFFER).count() == 1


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"price": "0.0000001"}, "Ensure that there are no more than 6 decimal places."),
        ({"price": "-1"}, "Ensure this value is greater than or equal to 0."),
        ({"source": ""}, "This field is required."),
        ({"cost": "100000000", "price": "999999999"}, ""),
        ({"cost": "0.06", "price": "0.1", "source": "a test"}, "This is the price in force; change something."),
    ],
)
def test_what_can_not_be_is_said(browser: Client, price: Price, sent: dict[str, str], sentence: str) -> None:
    answer = browser.post(new_price(price), {**SENT, **sent})
    assert (answer.status_code, sentence in answer.content.decode()) == (400 if sentence else 200, True)
    assert Price.objects.filter(offer=OFFER).count() == 1


def test_who_may_only_look_sets_no_price(client: Client, price: Price) -> None:
    looker = User.objects.create_user("looker@example.com", "correct horse", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_price"))
    client.force_login(looker)
    shown = client.get(reverse("admin:billing_price_change", args=[price.pk]))
    assert (shown.status_code, "New price" in shown.content.decode()) == (200, False)
    sent = {**SENT, "fingerprint": preview_price(CHANGE).fingerprint, "confirm": "Set"}
    assert [client.get(new_price(price)).status_code, client.post(new_price(price), sent).status_code] == [403, 403]
    assert Price.objects.filter(offer=OFFER).count() == 1
