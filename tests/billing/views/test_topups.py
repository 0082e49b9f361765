"""The pages of buying credit, as somebody who clicks through them sees them, against the Stripe stand-in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import User
from billing.ledger import accounts
from billing.models import AutoTopUp, Refund, StripeCustomer, TopUp, TopUpState
from billing.stripe import customers
from billing.topups import auto_topup
from billing.verify import verification
from tests.billing.cast import DOLLAR
from tests.billing.stripe_shop import Shop, use
from tests.conftest import Cast
from tests.simulators.stripe.fixture import StripeStandIn

pytest_plugins = ["tests.simulators.stripe.fixture"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(cast: Cast, settings: Any, stripe_stand_in: StripeStandIn) -> Iterator[Shop]:
    use(settings, stripe_stand_in)
    yield Shop(cast.workspace, cast.alice, stripe_stand_in)
    assert verification.verify() == []


@pytest.fixture
def alice(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def url(shop: Shop, name: str, **names: str) -> str:
    return reverse(name, kwargs={"workspace": shop.workspace.slug, **names})


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("sent", "cents"),
    [
        ({"pack": "5000"}, 5000),
        ({"pack": "own", "amount": "12.50"}, 1250),
        ({"pack": "1000", "amount": "nonsense"}, 1000),
    ],
)
def test_a_pack_or_any_amount_leads_to_stripe_and_back_to_the_credit(
    shop: Shop, alice: Client, sent: dict[str, str], cents: int
) -> None:
    there = alice.post(url(shop, "topup_new"), sent)
    top_up = TopUp.objects.get()
    assert (there.status_code, there["Location"]) == (302, top_up.session_url)
    assert (top_up.amount_cents, top_up.user, top_up.state) == (cents, shop.user, TopUpState.OPEN)

    back = shop.stripe.pay(top_up.session_id or "")
    assert back == f"http://testserver{url(shop, 'topup', topup=top_up.pk)}"
    assert "The credit is in" in text(alice, back)
    assert shop.posted * 100 == cents


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({}, "Choose how much to buy."),
        ({"pack": "1"}, "Choose how much to buy."),
        ({"pack": "own"}, "Write how many dollars, such as 20 or 12.50."),
        ({"pack": "own", "amount": "many"}, "Write how many dollars, such as 20 or 12.50."),
        ({"pack": "own", "amount": "4.99"}, "write $5.00 to $5,000.00."),
        ({"pack": "own", "amount": "10.005"}, "finer than a cent"),
        ({"pack": "own", "amount": "NaN"}, "Write how many dollars, such as 20 or 12.50."),
    ],
)
def test_an_amount_that_is_not_sold_is_told_in_the_form(
    shop: Shop, alice: Client, sent: dict[str, str], sentence: str
) -> None:
    answer = alice.post(url(shop, "topup_new"), sent)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not TopUp.objects.exists()


def test_coming_back_without_paying_offers_to_go_on(shop: Shop, alice: Client) -> None:
    alice.post(url(shop, "topup_new"), {"pack": "1000"})
    top_up = TopUp.objects.get()
    back = shop.stripe.pay(top_up.session_id or "", action="cancel")
    page = text(alice, back)
    assert "You came back without paying. Nothing was charged." in page
    assert f'href="{top_up.session_url}"' in page


def test_the_waiting_page_asks_again_and_stops_once_it_is_paid(shop: Shop, alice: Client) -> None:
    top_up = shop.start(20)
    status = url(shop, "topup_status", topup=top_up.pk)
    assert f'hx-get="{status}"' in text(alice, status)
    shop.buy(5)
    shop.stripe.pay(top_up.session_id or "")
    shop.tell()
    page = text(alice, status)
    assert "hx-get" not in page
    assert "$25.00 is available now" in page


def test_the_history_shows_what_was_bought_refunded_and_the_receipt(shop: Shop, alice: Client) -> None:
    top_up = shop.buy(20)
    shop.stripe.refund(shop.charge_of(top_up), 500)
    shop.tell()
    page = text(alice, url(shop, "topups"))
    assert "Refund of $5.00: refunded" in page
    assert Refund.objects.get().credit_micros == 5 * DOLLAR
    receipt = url(shop, "topup_receipt", topup=top_up.pk)
    assert f'href="{receipt}"' in page
    answer = alice.get(receipt)
    assert answer.status_code == 302
    assert answer["Location"].startswith(shop.stripe.base)


def test_a_top_up_that_went_back_does_not_say_that_its_credit_is_here(shop: Shop, alice: Client) -> None:
    refunded, disputed = shop.buy(20), shop.buy(30)
    shop.stripe.refund(shop.charge_of(refunded), 500)
    dispute = shop.stripe.dispute(shop.charge_of(disputed))
    shop.tell()
    page = text(alice, url(shop, "topup", topup=refunded.pk))
    assert ("what is refunded of it was taken out again" in page, "The credit is in" in page) == (True, False)
    page = text(alice, url(shop, "topup", topup=disputed.pk))
    assert ("its credit went with it. $15.00 is available now" in page, "The credit is in" in page) == (True, False)
    shop.stripe.close_dispute(dispute["id"], "won")
    shop.tell()
    assert "The credit is in" in text(alice, url(shop, "topup", topup=disputed.pk))


def test_a_viewer_sees_the_history_and_buys_nothing(shop: Shop, cast: Cast) -> None:
    top_up = shop.buy(20)
    page = text(cast.browser(cast.bob), url(shop, "topups"))
    assert "$20.00" in page
    assert url(shop, "topup_receipt", topup=top_up.pk) not in page
    assert url(shop, "topup_new") not in page


def test_a_card_is_saved_and_automatic_top_up_buys(shop: Shop, alice: Client) -> None:
    there = alice.post(url(shop, "card_new"))
    (session,) = shop.stripe.objects("checkout.session")
    assert there["Location"] == session["url"]
    back = shop.stripe.pay(session["id"])
    alice.get(back)
    assert StripeCustomer.objects.get().card_last4 == "4242"
    assert "Visa ending in 4242" in text(alice, url(shop, "auto_topup"))

    rules = {"enabled": "on", "threshold": "5", "amount": "20", "ceiling": "30"}
    assert alice.post(url(shop, "auto_topup"), rules).status_code == 302
    saved = AutoTopUp.objects.get()
    assert (saved.enabled, saved.threshold_micros, saved.amount_cents, saved.ceiling_cents) == (
        True,
        5 * DOLLAR,
        2000,
        3000,
    )
    assert saved.set_by == shop.user
    auto_topup.consider(shop.workspace)
    assert shop.posted == 20
    assert 'this month: <span class="money">$20.00</span>' in text(alice, url(shop, "auto_topup"))


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"enabled": "on", "threshold": "5", "amount": "20", "ceiling": "100"}, "There is no saved card yet"),
        ({"threshold": "5", "amount": "20", "ceiling": "10"}, "is less than one top-up of $20.00"),
        ({"threshold": "5", "amount": "1", "ceiling": "100"}, "The amount is $1.00; write $5.00 to $5,000.00."),
        ({"threshold": "-1", "amount": "20", "ceiling": "100"}, "The threshold is"),
        ({"threshold": "5.001", "amount": "20", "ceiling": "100"}, "is finer than a cent"),
        ({"threshold": "x", "amount": "20", "ceiling": "100"}, "Write dollars such as 20 or 12.50."),
    ],
)
def test_rules_that_make_no_sense_are_told_in_the_form(
    shop: Shop, alice: Client, rules: dict[str, str], sentence: str
) -> None:
    answer = alice.post(url(shop, "auto_topup"), rules)
    assert (answer.status_code, AutoTopUp.objects.exists()) == (422, False)
    assert sentence in answer.content.decode()


def test_the_portal_opens_for_whoever_has_bought(shop: Shop, alice: Client) -> None:
    assert alice.post(url(shop, "billing_portal"))["Location"] == url(shop, "topups")
    shop.buy(20)
    assert alice.post(url(shop, "billing_portal"))["Location"].startswith(shop.stripe.base)


def test_stripe_that_does_not_answer_is_told_in_the_form(shop: Shop, alice: Client, settings: Any) -> None:
    customers.customer_of(shop.workspace, shop.user)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    answer = alice.post(url(shop, "topup_new"), {"pack": "1000"})
    assert answer.status_code == 422
    assert "Stripe" in answer.content.decode()


def test_the_balance_page_leads_to_top_ups_and_tells_why_a_wallet_is_frozen(shop: Shop, alice: Client) -> None:
    assert url(shop, "topup_new") in text(alice, url(shop, "balance"))
    top_up = shop.buy(20)
    shop.stripe.dispute(shop.charge_of(top_up))
    shop.tell()
    assert "a payment is disputed at the bank" in text(alice, url(shop, "balance"))


def test_an_operators_own_words_for_a_freeze_are_not_shown(shop: Shop, alice: Client) -> None:
    accounts.freeze(shop.workspace, reason="looks like a thief")
    page = text(alice, url(shop, "balance"))
    assert "Frozen since" in page
    assert "thief" not in page


@pytest.mark.parametrize("name", ["topup_new", "topups", "auto_topup", "balance"])
def test_without_a_key_the_pages_say_that_top_ups_are_off(cast: Cast, name: str) -> None:
    alice: User = cast.alice
    page = text(cast.browser(alice), reverse(name, kwargs={"workspace": cast.workspace.slug}))
    assert "Top-ups are off on this server" in page
    assert reverse("card_new", kwargs={"workspace": cast.workspace.slug}) not in page


@pytest.mark.parametrize(
    ("typed", "cents"), [("12,50", 1250), ("$1.234,50", 123450), ("20 USD", 2000), ("1\u00a0000.00", 100000)]
)
def test_an_amount_is_taken_as_people_write_it(shop: Shop, alice: Client, typed: str, cents: int) -> None:
    alice.post(url(shop, "topup_new"), {"pack": "own", "amount": typed})
    assert TopUp.objects.get().amount_cents == cents


def test_an_amount_with_two_readings_is_bought_in_neither(shop: Shop, alice: Client) -> None:
    answer = alice.post(url(shop, "topup_new"), {"pack": "own", "amount": "1,234"})
    assert (answer.status_code, TopUp.objects.exists()) == (422, False)
    assert "“1,234” can be read as $1,234 or as $1.234, which is finer than a cent. Write 1234 or 1.23." in (
        answer.content.decode()
    )
    assert 'value="1,234"' in answer.content.decode()


def test_the_rules_of_buying_take_amounts_as_people_write_them(shop: Shop, alice: Client) -> None:
    typed = {"threshold": "5,50", "amount": "$20", "ceiling": "1.000,00 USD"}
    assert alice.post(url(shop, "auto_topup"), typed).status_code == 302
    rules = AutoTopUp.objects.get()
    assert (rules.threshold_micros, rules.amount_cents, rules.ceiling_cents) == (5_500_000, 2000, 100_000)


def test_what_is_missing_is_prefilled_and_paying_leads_back_to_the_form(shop: Shop, alice: Client) -> None:
    form = f"/w/{shop.workspace.slug}/videos/new/?draft=1&prompt=calm+%26+slow"
    page = alice.get(url(shop, "topup_new"), {"amount": "0.74", "next": form})
    assert page.context["form"]["amount"].value() == "5.00"
    said = " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())
    assert "$0.74 is missing for your video. When the credit is here, you go on with it; the least" in said
    alice.post(url(shop, "topup_new"), {"pack": "own", "amount": "5.00", "next": form})
    top_up = TopUp.objects.get()
    back = shop.stripe.pay(top_up.session_id or "")
    answer = alice.get(back)
    assert (answer.status_code, answer["Location"]) == (302, form)
    # Once; later it is the page of the top-up.
    assert "The credit is in" in text(alice, back)


def test_coming_back_without_paying_leads_back_to_the_form_too(shop: Shop, alice: Client) -> None:
    form = f"/w/{shop.workspace.slug}/videos/new/?draft=1&prompt=calm+%26+slow"
    alice.post(url(shop, "topup_new"), {"pack": "1000", "next": form})
    top_up = TopUp.objects.get()
    cancelled = alice.get(f"{url(shop, 'topup', topup=top_up.pk)}?back=1").content.decode()
    assert f'<a class="button" href="{html.escape(form)}">Back without buying</a>' in cancelled
    TopUp.objects.update(next_check_at=None)
    shop.stripe.pay(top_up.session_id or "")
    shop.tell()
    polled = alice.get(url(shop, "topup_status", topup=top_up.pk))
    assert polled["HX-Redirect"] == form


def test_more_than_the_least_is_prefilled_rounded_up(shop: Shop, alice: Client) -> None:
    page = alice.get(url(shop, "topup_new"), {"amount": "12.341"})
    assert page.context["form"]["pack"].value() == "2500"
    page = alice.get(url(shop, "topup_new"), {"amount": "12.3410"})
    assert [page.context["form"][name].value() for name in ("pack", "amount")] == ["own", "12.35"]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/w/other/videos/",
        "/admin/",
        "javascript:alert(1)",
        "{home}../../admin/",
        "{home}%2e%2e/",
    ],
)
def test_paying_leads_to_no_place_outside_the_workspace(shop: Shop, alice: Client, elsewhere: str) -> None:
    place = elsewhere.format(home=f"/w/{shop.workspace.slug}/")
    alice.post(url(shop, "topup_new"), {"pack": "1000", "next": place})
    assert TopUp.objects.get().back_to == ""
