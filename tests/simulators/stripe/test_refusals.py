"""What Stripe would refuse is refused in Stripe's words: parameters, keys, versions, ids and amounts."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from stripe import params
from stripe.params.checkout import SessionCreateParams

from tests.simulators import loopback
from tests.simulators.stripe.fixture import StripeStandIn
from tests.simulators.stripe.params import checked
from tests.simulators.stripe.routes import ROUTES
from tests.simulators.stripe.sdk_types import OPTIONS, is_parameters, members, parameters

pytest_plugins = ["tests.simulators.stripe.fixture"]

PRICE: dict[str, Any] = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Credit"}}
GOOD: dict[str, Any] = {
    "mode": "payment",
    "line_items": [{"quantity": 1, "price_data": PRICE}],
    "success_url": "http://site.test/",
}


def refusal(stand_in: StripeStandIn, **changes: Any) -> tuple[Any, ...]:
    """Status, code, parameter and message of a session that can't be made."""
    given: Any = {name: value for name, value in (GOOD | changes).items() if value is not None}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        stand_in.client().v1.checkout.sessions.create(given)
    return caught.value.http_status, caught.value.code, caught.value.param, caught.value.user_message


def line(**changes: Any) -> list[dict[str, Any]]:
    return [{"quantity": 1, "price_data": PRICE | changes}]


UNKNOWN: list[tuple[dict[str, Any], str]] = [
    ({"sucess_url": "http://site.test/"}, "sucess_url"),
    ({"payment_intent_data": {"meta": {"a": "b"}}}, "payment_intent_data[meta]"),
    ({"line_items": line(unit_ammount=500)}, "line_items[0][price_data][unit_ammount]"),
    ({"line_items": [GOOD["line_items"][0], {"quantity": 1, "amount": 5}]}, "line_items[1][amount]"),
    ({"invoice_creation": {"enabled": True, "invoice_data": {"note": "x"}}}, "invoice_creation[invoice_data][note]"),
    ({"stripe_version": "2026-10-28.endive"}, "stripe_version"),
]


@pytest.mark.parametrize(("changes", "param"), UNKNOWN)
def test_a_parameter_that_the_sdk_does_not_know_is_refused(
    stripe_stand_in: StripeStandIn, changes: dict[str, Any], param: str
) -> None:
    assert refusal(stripe_stand_in, **changes) == (
        400, "parameter_unknown", param, f"Received unknown parameter: {param}",
    )  # fmt: skip
    assert stripe_stand_in.objects("checkout.session") == []


MALFORMED: list[tuple[dict[str, Any], str | None, str]] = [
    ({"success_url": None}, "parameter_missing", "success_url"),
    ({"mode": None}, "parameter_missing", "mode"),
    ({"line_items": None}, "parameter_missing", "line_items"),
    ({"line_items": line(product_data={})}, "parameter_missing", "line_items[0][price_data][product_data]"),
    ({"line_items": [{"price_data": {"unit_amount": 5}}]}, "parameter_missing", "line_items[0][price_data][currency]"),
    ({"line_items": line(unit_amount="5.00")}, "parameter_invalid_integer", "line_items[0][price_data][unit_amount]"),
    ({"line_items": line(unit_amount=49)}, "amount_too_small", "line_items"),
    ({"line_items": line(currency="xxx")}, None, "line_items[0][price_data][currency]"),
    ({"mode": "gift"}, None, "mode"),
    ({"client_reference_id": ""}, "parameter_invalid_empty", "client_reference_id"),
    ({"invoice_creation": {"enabled": "yes"}}, None, "invoice_creation[enabled]"),
    ({"metadata": {"a": "b" * 501}}, None, "metadata[a]"),
    ({"metadata": {str(number): "x" for number in range(51)}}, None, "metadata"),
    ({"expires_at": 1}, None, "expires_at"),
    ({"success_url": "/thanks/"}, "url_invalid", "success_url"),
    ({"customer": "cus_nobody"}, "resource_missing", "customer"),
    ({"customer_update": {"name": "auto"}}, None, "customer_update"),
    ({"mode": "setup", "currency": "usd"}, None, "line_items"),
    ({"setup_intent_data": {"description": "x"}}, None, "setup_intent_data"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code", "param"), MALFORMED)
def test_what_is_missing_or_malformed_is_named(
    stripe_stand_in: StripeStandIn, changes: dict[str, Any], code: str | None, param: str
) -> None:
    assert refusal(stripe_stand_in, **changes)[:3] == (400, code, param)


@pytest.mark.parametrize(
    ("given", "param"),
    [({"automatic_tax": {"enabled": True}}, "automatic_tax"),
     ({"tax_id_collection": {"enabled": True}}, "customer_update[name]")],
)  # fmt: skip
def test_tax_needs_what_stripe_needs_for_it(stripe_stand_in: StripeStandIn, given: dict[str, Any], param: str) -> None:
    customer = stripe_stand_in.client().v1.customers.create({"email": "alice@example.org"})
    assert refusal(stripe_stand_in, customer=customer.id, **given)[2] == param


def test_every_parameter_of_every_endpoint_is_understood() -> None:
    """A type of the SDK that could not be resolved would let anything through."""
    seen: set[type] = set()

    def walk(given: type) -> None:
        if given in seen:
            return
        seen.add(given)
        for hint, _ in parameters(given).values():
            assert hint is not Any
            for kind in members(hint):
                for part in (kind, *getattr(kind, "__args__", ())):
                    assert part is not Any
                    if is_parameters(part):
                        walk(part)

    for route in ROUTES:
        walk(route.params)
        assert not OPTIONS & set(parameters(route.params))
    assert len(seen) > 300


def test_words_numbers_and_switches_come_out_as_such() -> None:
    pairs = [
        ("amount", "500"),
        ("currency", "usd"),
        ("off_session", "true"),
        ("confirm", "false"),
        ("metadata[a]", "b"),
    ]
    assert checked(params.PaymentIntentCreateParams, pairs) == {
        "amount": 500, "currency": "usd", "off_session": True, "confirm": False, "metadata": {"a": "b"},
    }  # fmt: skip
    items = [(f"line_items[{number}][quantity]", str(number)) for number in range(11)]
    assert [item["quantity"] for item in checked(SessionCreateParams, items)["line_items"]] == list(range(11))


AMOUNTS = [(49, "amount_too_small"), (0, "parameter_invalid_integer"), (100_000_000, "amount_too_large")]


@pytest.mark.parametrize(("amount", "code"), AMOUNTS)
def test_a_payment_has_bounds(stripe_stand_in: StripeStandIn, amount: int, code: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        stripe_stand_in.client().v1.payment_intents.create({"amount": amount, "currency": "usd"})
    assert (caught.value.code, caught.value.param) == (code, "amount")


def test_an_unknown_id_is_a_404_with_a_request_id(stripe_stand_in: StripeStandIn) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        stripe_stand_in.client().v1.charges.retrieve("ch_nothing")
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (404, "resource_missing", "id")
    assert caught.value.user_message == "No such charge: 'ch_nothing'"
    assert str(caught.value.request_id).startswith("req_")


@pytest.mark.parametrize("key", ["sk_test_wrong", "sk_live_simulated"])
def test_a_wrong_key_is_a_401(stripe_stand_in: StripeStandIn, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key provided"):
        stripe_stand_in.client(key).v1.charges.list()


def test_a_restricted_key_may_do_what_it_was_given(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.client(stripe_stand_in.restricted_key)
    stripe_stand_in.settings(permissions=["customer_write", "charge_read"])
    customer = client.v1.customers.create({"email": "alice@example.org"})
    assert client.v1.customers.retrieve(customer.id).id == customer.id
    assert client.v1.charges.list().data == []
    with pytest.raises(stripe.PermissionError, match="rak_charge_write"):
        client.v1.refunds.create({"charge": "ch_1"})


def test_another_api_version_is_refused(stripe_stand_in: StripeStandIn) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version: 2020-08-27"):
        stripe_stand_in.client(stripe_version="2020-08-27").v1.charges.list()


def test_an_address_that_is_not_built_says_so(stripe_stand_in: StripeStandIn) -> None:
    answer = loopback.get(
        f"{stripe_stand_in.base}/v1/subscriptions", headers={"Authorization": f"Bearer {stripe_stand_in.key}"}
    )
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")
