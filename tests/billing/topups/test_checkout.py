"""Buying credit, told by the return page, by webhooks, and by the sweep, against the Stripe stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from avatarsite.inbox.models import InboundEvent, SignatureStatus
from avatarsite.workspaces.models import Workspace
from billing.holds import holds
from billing.models import CreditLot, TopUp, TopUpState, Transfer
from billing.stripe.client import StripeOff
from billing.topups import checkout
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


def test_a_paid_top_up_becomes_credit_that_never_ends(shop: Shop) -> None:
    top_up = shop.start(20)
    assert (top_up.state, shop.posted) == (TopUpState.OPEN, 0)
    shop.stripe.pay(top_up.session_id or "")
    assert shop.posted == 0

    top_up = checkout.check_top_up(top_up)
    assert (top_up.state, top_up.total_cents, shop.posted) == (TopUpState.PAID, 2000, 20)
    lot = CreditLot.objects.get()
    assert (lot.category, lot.expires_at, lot.granted) == ("paid", None, 20 * DOLLAR)
    assert lot.source_key == f"stripe:{top_up.payment_intent_id}"
    assert shop.platform("stripe_clearing") == -20
    transfer = Transfer.objects.get()
    assert (transfer.kind, transfer.subject, transfer.actor) == ("topup", f"topup:{top_up.pk}", shop.user)


def test_the_customer_is_made_once_and_used_again(shop: Shop) -> None:
    shop.buy(10)
    shop.buy(10)
    assert len(shop.stripe.objects("customer")) == 1
    assert shop.posted == 20


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_a_webhook_credits_once_however_often_it_comes(shop: Shop, copies: int) -> None:
    shop.stripe.pay(shop.start(25).session_id or "")
    shop.tell(copies=copies)
    shop.tell(copies=copies)
    assert (shop.posted, TopUp.objects.get().state) == (25, TopUpState.PAID)
    assert Transfer.objects.count() == 1


def test_the_events_of_a_payment_end_the_same_in_every_order(shop: Shop) -> None:
    shop.stripe.pay(shop.start(25).session_id or "")
    told = ("payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed")
    for order in permutations(told):
        shop.tell(*order)
        assert shop.posted == 25
    assert shop.stands()["clearing"] == -25


def test_a_bank_debit_is_credited_when_the_money_is_there(shop: Shop) -> None:
    top_up = shop.start(50)
    shop.stripe.pay(top_up.session_id or "", action="later")
    shop.tell()
    top_up.refresh_from_db()
    assert (top_up.state, shop.posted) == (TopUpState.PROCESSING, 0)
    (payment,) = shop.stripe.objects("payment_intent")
    shop.stripe.settle_payment(payment["id"])
    shop.tell("checkout.session.async_payment_succeeded")
    assert shop.posted == 50


def test_a_bank_debit_that_bounces_is_never_credited(shop: Shop) -> None:
    top_up = shop.start(50)
    shop.stripe.pay(top_up.session_id or "", action="later")
    (payment,) = shop.stripe.objects("payment_intent")
    shop.stripe.settle_payment(payment["id"], succeeded=False)
    shop.tell()
    top_up.refresh_from_db()
    assert (top_up.state, shop.posted) == (TopUpState.FAILED, 0)


def test_a_forged_letter_is_refused_and_does_not_take_the_place_of_the_real_one(shop: Shop) -> None:
    shop.stripe.pay(shop.start(25).session_id or "")
    (event,) = shop.stripe.events("checkout.session.completed")
    body, headers = shop.stripe.letter(event["id"])
    shop.post(body, {**headers, "Stripe-Signature": "t=1,v1=" + "0" * 64})
    shop.handle()
    assert (shop.posted, InboundEvent.objects.get().signature_status) == (0, SignatureStatus.INVALID)

    shop.post(body, headers)
    shop.handle()
    assert shop.posted == 25
    assert sorted(InboundEvent.objects.values_list("signature_status", flat=True)) == [
        SignatureStatus.INVALID,
        SignatureStatus.VALID,
    ]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("checkout.session", {"amount_subtotal": 200_000, "amount_total": 200_000}),
        ("checkout.session", {"currency": "eur"}),
        ("checkout.session", {"customer": "cus_stranger"}),
        ("checkout.session", {"livemode": True}),
        ("checkout.session", {"client_reference_id": "top_stranger"}),
        ("checkout.session", {"metadata": {}}),
        ("payment_intent", {"amount_received": 1}),
        ("payment_intent", {"currency": "eur"}),
        ("payment_intent", {"livemode": True}),
    ],
)
def test_a_payment_that_differs_credits_nothing_and_raises_an_alarm(
    shop: Shop, kind: str, fields: dict[str, Any]
) -> None:
    top_up = shop.start(20)
    shop.stripe.pay(top_up.session_id or "")
    object_id = top_up.session_id if kind == "checkout.session" else shop.stripe.objects(kind)[0]["id"]
    shop.stripe.change(object_id or "", **fields)
    shop.tell("checkout.session.completed")
    checkout.check_top_up(top_up)
    top_up.refresh_from_db()
    assert (shop.posted, Transfer.objects.count()) == (0, 0)
    assert top_up.state == TopUpState.REVIEW
    assert len(shop.alerts("stripe_mismatch")) == 1


def test_tax_is_paid_and_not_credited(shop: Shop, settings: Any) -> None:
    settings.STRIPE_TAX = True
    top_up = shop.buy(20)
    assert (top_up.total_cents, shop.posted) == (2400, 20)


def test_a_page_that_was_never_paid_expires(shop: Shop) -> None:
    top_up = shop.start(20)
    shop.stripe.client().v1.checkout.sessions.expire(top_up.session_id or "")
    shop.tell("checkout.session.expired")
    top_up.refresh_from_db()
    assert (top_up.state, shop.posted) == (TopUpState.EXPIRED, 0)


def test_paid_credit_is_spent(shop: Shop) -> None:
    shop.buy(20)
    hold = holds.place_hold(shop.workspace, 5 * DOLLAR, key="a:hold", subject="render:a")
    holds.settle_hold(hold, 5 * DOLLAR)
    assert shop.posted == 15


def test_without_a_key_top_ups_are_off(workspace: Workspace, alice: Any) -> None:
    with pytest.raises(StripeOff, match="Top-ups are off on this server"):
        checkout.start_top_up(workspace, alice, amount_cents=2000, return_url="x")
    assert not TopUp.objects.exists()


@pytest.mark.parametrize(
    ("dollars", "sentence"),
    [
        ("4.99", r"\$4.99 can't be bought in one go: write \$5.00 to \$5,000.00."),
        ("5000.01", r"\$5,000.01 can't be bought in one go"),
        ("10.005", "finer than a cent"),
        ("NaN", "write dollars such as 20"),
    ],
)
def test_an_amount_that_is_not_sold_is_refused_with_what_is(dollars: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        checkout.cents_of(Decimal(dollars))
