"""The whole life of a payment, as the unmodified SDK sees it."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from stripe.checkout import Session

from tests.simulators.stripe.fixture import BANK, StripeStandIn

pytest_plugins = ["tests.simulators.stripe.fixture"]

LINE = {
    "quantity": 1,
    "price_data": {"currency": "usd", "unit_amount": 2500, "product_data": {"name": "Credit"}},
}


def open_session(stand_in: StripeStandIn, **more: Any) -> Session:
    given: Any = {
        "mode": "payment",
        "line_items": [LINE],
        "success_url": "http://site.test/thanks/?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://site.test/wallet/",
        **more,
    }
    return stand_in.client().v1.checkout.sessions.create(given)


def kinds(stand_in: StripeStandIn) -> list[str]:
    return [event["type"] for event in stand_in.events()]


def test_a_session_is_paid_on_its_page(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.client()
    customer = client.v1.customers.create({"email": "alice@example.org", "name": "Alice"})
    session = open_session(
        stripe_stand_in,
        customer=customer.id,
        client_reference_id="top_1",
        metadata={"top_up": "top_1"},
        payment_intent_data={"metadata": {"top_up": "top_1"}, "setup_future_usage": "off_session"},
        invoice_creation={"enabled": True},
    )
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.url == f"{stripe_stand_in.base}/pay/{session.id}"

    assert stripe_stand_in.pay(session.id) == f"http://site.test/thanks/?session={session.id}"

    found: Any = client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge.balance_transaction", "invoice", "line_items"]}
    )
    charge = found.payment_intent.latest_charge
    assert (found.status, found.payment_status, found.amount_subtotal, found.amount_total) == (
        "complete", "paid", 2500, 2500,
    )  # fmt: skip
    assert (found.client_reference_id, found.metadata["top_up"]) == ("top_1", "top_1")
    assert (found.payment_intent.status, found.payment_intent.metadata["top_up"]) == ("succeeded", "top_1")
    assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (103, 2397)
    assert (found.invoice.status, found.invoice.hosted_invoice_url) == (
        "paid", f"{stripe_stand_in.base}/invoices/{found.invoice.id}",
    )  # fmt: skip
    assert [line.description for line in found.line_items.data] == ["Credit"]
    assert [one.card.last4 for one in client.v1.customers.payment_methods.list(customer.id).data if one.card] == [
        "4242"
    ]
    assert kinds(stripe_stand_in) == [
        "customer.created", "payment_intent.created", "payment_method.attached", "charge.succeeded",
        "payment_intent.succeeded", "invoice.created", "invoice.finalized", "invoice.paid",
        "invoice.payment_succeeded", "checkout.session.completed",
    ]  # fmt: skip


@pytest.mark.parametrize(("succeeded", "status", "last"), [(True, "paid", "succeeded"), (False, "unpaid", "failed")])
def test_a_bank_debit_takes_its_time(stripe_stand_in: StripeStandIn, succeeded: bool, status: str, last: str) -> None:
    session = open_session(stripe_stand_in)
    assert stripe_stand_in.pay(session.id, action=BANK).startswith("http://site.test/thanks/")
    client = stripe_stand_in.client()
    found = client.v1.checkout.sessions.retrieve(session.id)
    assert (found.status, found.payment_status) == ("complete", "unpaid")
    assert isinstance(found.payment_intent, str)
    assert client.v1.payment_intents.retrieve(found.payment_intent).status == "processing"

    stripe_stand_in.settle_payment(found.payment_intent, succeeded=succeeded)

    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == status
    assert kinds(stripe_stand_in)[-1] == f"checkout.session.async_payment_{last}"


def test_a_refused_card_leaves_the_page_open(stripe_stand_in: StripeStandIn) -> None:
    session = open_session(stripe_stand_in)
    assert stripe_stand_in.pay(session.id, action="fail") == ""
    assert stripe_stand_in.client().v1.checkout.sessions.retrieve(session.id).status == "open"
    assert stripe_stand_in.pay(session.id) != ""
    assert [charge["status"] for charge in stripe_stand_in.objects("charge")] == ["failed", "succeeded"]
    assert len(stripe_stand_in.objects("payment_intent")) == 1


def test_a_session_that_nobody_pays_runs_out(stripe_stand_in: StripeStandIn) -> None:
    session = open_session(stripe_stand_in)
    stripe_stand_in.jump(86_500)
    assert stripe_stand_in.client().v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert kinds(stripe_stand_in) == ["checkout.session.expired"]
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        stripe_stand_in.client().v1.checkout.sessions.expire(session.id)
