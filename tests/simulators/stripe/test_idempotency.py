"""Idempotency keys: the first answer stands."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from tests.simulators.fixture import eventually
from tests.simulators.stripe.fixture import StripeStandIn

pytest_plugins = ["tests.simulators.stripe.fixture"]

MADE = "POST /v1/customers"


def make(stand_in: StripeStandIn, email: str = "alice@example.org", **more: Any) -> stripe.Customer:
    return stand_in.client(**more).v1.customers.create({"email": email}, {"idempotency_key": "customer:1"})


def test_the_same_key_gives_the_same_answer(stripe_stand_in: StripeStandIn) -> None:
    first, second = make(stripe_stand_in), make(stripe_stand_in)
    assert first.id == second.id
    told = [one.last_response.headers.get("Idempotent-Replayed") for one in (first, second) if one.last_response]
    assert told == [None, "true"]
    assert stripe_stand_in.writes() == {MADE: 1}


def test_another_request_under_the_key_is_refused(stripe_stand_in: StripeStandIn) -> None:
    make(stripe_stand_in)
    with pytest.raises(stripe.IdempotencyError, match="can only be used with the same parameters"):
        make(stripe_stand_in, "bob@example.org")


def test_two_at_once_are_one_and_a_conflict(stripe_stand_in: StripeStandIn) -> None:
    stripe_stand_in.fault("slow_work", times=1, seconds=60)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(make, stripe_stand_in)
        eventually(stripe_stand_in.writes, "the first request's work")
        with pytest.raises(stripe.StripeError) as caught:
            make(stripe_stand_in)
        assert (caught.value.http_status, caught.value.error and caught.value.error.code) == (
            409, "idempotency_key_in_use",
        )  # fmt: skip
        stripe_stand_in.jump(61)
        assert make(stripe_stand_in, max_network_retries=3).id == first.result().id
    assert stripe_stand_in.writes() == {MADE: 1}


def test_a_refused_card_is_remembered_and_a_bad_request_is_not(stripe_stand_in: StripeStandIn) -> None:
    payments = stripe_stand_in.client().v1.payment_intents
    given: Any = {"amount": 1000, "currency": "usd", "confirm": True, "payment_method": "pm_card_chargeDeclined"}
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            payments.create(given, {"idempotency_key": "pay:1"})
    assert len(stripe_stand_in.objects("payment_intent")) == 1

    with pytest.raises(stripe.InvalidRequestError):
        payments.create({"amount": 1, "currency": "usd"}, {"idempotency_key": "pay:2"})
    assert payments.create({"amount": 100, "currency": "usd"}, {"idempotency_key": "pay:2"}).amount == 100


def test_keys_of_two_accounts_never_meet(stripe_stand_in: StripeStandIn) -> None:
    stripe_stand_in.settings(permissions=["customer_write"])
    other = stripe_stand_in.client(stripe_stand_in.restricted_key).v1.customers
    assert make(stripe_stand_in).id != other.create({"email": "x@y.z"}, {"idempotency_key": "customer:1"}).id
