"""Saved cards charged without the customer, refunds, and disputes."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.fixture import StripeStandIn

pytest_plugins = ["tests.simulators.stripe.fixture"]


def charge_off_session(stand_in: StripeStandIn, card: str = "pm_card_visa", **more: Any) -> stripe.PaymentIntent:
    client = stand_in.client()
    customer = client.v1.customers.create({"email": "alice@example.org"})
    method = client.v1.payment_methods.attach(card, {"customer": customer.id})
    given: Any = {
        "amount": 2000, "currency": "usd", "customer": customer.id, "payment_method": method.id, "off_session": True,
        "confirm": True,
    }  # fmt: skip
    return client.v1.payment_intents.create(given | more)


def balances(stand_in: StripeStandIn) -> list[tuple[str, int, int]]:
    return [(one["reporting_category"], one["amount"], one["fee"]) for one in stand_in.objects("balance_transaction")]


def kinds(stand_in: StripeStandIn, after: int) -> list[str]:
    return [event["type"] for event in stand_in.events()[after:]]


DECLINES = [
    ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
]


@pytest.mark.parametrize(("card", "code", "decline_code"), DECLINES)
def test_a_refused_payment_comes_with_its_intent(
    stripe_stand_in: StripeStandIn, card: str, code: str, decline_code: str
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        charge_off_session(stripe_stand_in, card)
    error = caught.value.error
    assert error is not None
    assert error.payment_intent is not None
    assert (caught.value.code, error.decline_code, error.payment_intent.status) == (
        code, decline_code, "requires_payment_method",
    )  # fmt: skip
    (charge,) = stripe_stand_in.objects("charge")
    assert (error.charge, charge["status"], charge["failure_code"]) == (charge["id"], "failed", code)
    assert kinds(stripe_stand_in, 2) == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    assert balances(stripe_stand_in) == []


def test_a_bank_that_asked_gets_its_answer_from_the_customer(stripe_stand_in: StripeStandIn) -> None:
    with pytest.raises(stripe.CardError) as caught:
        charge_off_session(stripe_stand_in, "pm_card_authenticationRequired")
    assert caught.value.error
    assert caught.value.error.payment_intent
    client = stripe_stand_in.client().v1.payment_intents
    again = client.confirm(caught.value.error.payment_intent.id, {"payment_method": "pm_card_visa"})
    assert again.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
        client.cancel(again.id)


def test_a_payment_that_nobody_made_is_cancelled(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.client().v1.payment_intents
    made = client.create({"amount": 500, "currency": "usd"})
    assert client.cancel(made.id, {"cancellation_reason": "abandoned"}).status == "canceled"


def test_refunds_add_up_and_stop_at_the_payment(stripe_stand_in: StripeStandIn) -> None:
    intent = charge_off_session(stripe_stand_in)
    client = stripe_stand_in.client().v1
    first = client.refunds.create({"payment_intent": intent.id, "amount": 500, "reason": "requested_by_customer"})
    stripe_stand_in.refund(str(intent.latest_charge), 700)
    charge = client.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (1200, False)
    with pytest.raises(stripe.InvalidRequestError, match=r"\$9\.00\) is greater than unrefunded amount"):
        client.refunds.create({"charge": charge.id, "amount": 900})
    client.refunds.create({"charge": charge.id})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.refunds.create({"charge": charge.id})
    assert caught.value.code == "charge_already_refunded"
    assert client.charges.retrieve(charge.id).refunded
    assert [one.amount for one in client.refunds.list({"charge": charge.id}).data] == [800, 700, 500]
    assert client.refunds.retrieve(first.id).status == "succeeded"
    assert balances(stripe_stand_in)[1:] == [("refund", -500, 0), ("refund", -700, 0), ("refund", -800, 0)]
    assert kinds(stripe_stand_in, 5) == ["refund.created", "charge.refunded"] * 3


def test_a_refund_can_fail_after_it_looked_well(stripe_stand_in: StripeStandIn) -> None:
    intent = charge_off_session(stripe_stand_in)
    client = stripe_stand_in.client().v1
    refund = client.refunds.create({"payment_intent": intent.id})
    stripe_stand_in.settle_refund(refund.id, "failed")
    failed = client.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason, failed.failure_balance_transaction is None) == (
        "failed", "lost_or_stolen_card", False,
    )  # fmt: skip
    assert client.charges.retrieve(str(intent.latest_charge)).amount_refunded == 0
    assert balances(stripe_stand_in)[1:] == [("refund", -2000, 0), ("refund_failure", 2000, 0)]
    assert kinds(stripe_stand_in, -3) == ["refund.updated", "charge.refund.updated", "refund.failed"]


@pytest.mark.parametrize(
    ("status", "last", "categories"),
    [("won", ["charge.dispute.funds_reinstated", "charge.dispute.closed"], ["dispute", "dispute_reversal"]),
     ("lost", ["charge.dispute.closed"], ["dispute"])],
)  # fmt: skip
def test_a_dispute_takes_the_money_until_it_is_won(
    stripe_stand_in: StripeStandIn, status: str, last: list[str], categories: list[str]
) -> None:
    intent = charge_off_session(stripe_stand_in)
    dispute = stripe_stand_in.dispute(str(intent.latest_charge))
    client = stripe_stand_in.client().v1
    assert client.disputes.retrieve(dispute["id"]).status == "needs_response"
    assert client.charges.retrieve(str(intent.latest_charge)).disputed
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_disputed"
    assert kinds(stripe_stand_in, 5) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]

    stripe_stand_in.close_dispute(dispute["id"], status)

    found = client.disputes.retrieve(dispute["id"])
    assert (found.status, [one.reporting_category for one in found.balance_transactions]) == (status, categories)
    assert found.balance_transactions[0].fee == 1500
    assert kinds(stripe_stand_in, 7) == last


def test_an_inquiry_moves_no_money_until_it_escalates(stripe_stand_in: StripeStandIn) -> None:
    charge = str(charge_off_session(stripe_stand_in).latest_charge)
    inquiry = stripe_stand_in.dispute(charge, inquiry=True)
    assert (inquiry["status"], len(balances(stripe_stand_in))) == ("warning_needs_response", 1)
    assert kinds(stripe_stand_in, 5) == ["charge.dispute.created"]
    stripe_stand_in.escalate(inquiry["id"])
    assert balances(stripe_stand_in)[-1] == ("dispute", -2000, 1500)
    other = stripe_stand_in.dispute(charge, inquiry=True)
    stripe_stand_in.close_dispute(other["id"], "warning_closed")
    assert stripe_stand_in.client().v1.disputes.retrieve(other["id"]).status == "warning_closed"


def test_a_card_belongs_to_one_customer(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.client().v1
    alice, bob = (client.customers.create({"name": name}).id for name in ("Alice", "Bob"))
    card = client.payment_methods.attach("pm_card_visa", {"customer": alice})
    client.customers.update(alice, {"invoice_settings": {"default_payment_method": card.id}})
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        client.payment_methods.attach(card.id, {"customer": bob})
    with pytest.raises(stripe.InvalidRequestError, match="does not belong to the Customer"):
        client.payment_intents.create({"amount": 500, "currency": "usd", "customer": bob, "payment_method": card.id})
    client.payment_methods.detach(card.id)
    assert client.customers.payment_methods.list(alice).data == []
    settings = client.customers.retrieve(alice).invoice_settings
    assert settings is not None
    assert settings.default_payment_method is None


def test_a_deleted_customer_pays_no_more(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.client().v1
    customer = client.customers.create({"name": "Alice"}).id
    client.customers.delete(customer)
    assert client.customers.retrieve(customer).deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.payment_intents.create({"amount": 500, "currency": "usd", "customer": customer})
