"""What a customer sees: the payment page, the bank's question, the portal and the invoice, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.browser_users import TIMEOUT_MS
from tests.simulators import loopback
from tests.simulators.stripe.fixture import StripeStandIn
from tests.simulators.stripe.test_life import LINE, open_session
from tests.support.machine import CHROMIUM

pytest_plugins = ["tests.simulators.stripe.fixture"]


@pytest.fixture
def browser_page() -> Iterator[Page]:
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        yield page
        browser.close()


@pytest.mark.browser
def test_a_customer_pays_authenticates_and_comes_back(stripe_stand_in: StripeStandIn, browser_page: Page) -> None:
    thanks = f"{stripe_stand_in.base}/receipts/none?session={{CHECKOUT_SESSION_ID}}"
    session = open_session(stripe_stand_in, success_url=thanks)
    browser_page.goto(str(session.url))
    expect(browser_page.get_by_role("heading")).to_have_text("$25.00")
    browser_page.get_by_role("button", name="Let the card be declined").click()
    expect(browser_page.get_by_role("alert")).to_have_text("Your card was declined.")
    browser_page.get_by_label("Test card").select_option("4000002760003184")
    browser_page.get_by_role("button", name="Pay", exact=True).click()
    browser_page.get_by_role("button", name="No").click()
    expect(browser_page.get_by_role("alert")).to_have_text("You did not authenticate the payment.")
    browser_page.get_by_label("Test card").select_option("4000002760003184")
    browser_page.get_by_role("button", name="Pay", exact=True).click()
    browser_page.get_by_role("button", name="Yes, it is me").click()
    browser_page.wait_for_url(f"**/receipts/none?session={session.id}")
    assert stripe_stand_in.client().v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


@pytest.mark.browser
def test_a_customer_looks_after_cards_and_invoices(stripe_stand_in: StripeStandIn, browser_page: Page) -> None:
    client = stripe_stand_in.client().v1
    customer = client.customers.create({"email": "alice@example.org"}).id
    session = open_session(
        stripe_stand_in,
        customer=customer,
        invoice_creation={"enabled": True},
        payment_intent_data={"setup_future_usage": "off_session"},
    )
    stripe_stand_in.pay(session.id)
    portal = client.billing_portal.sessions.create({"customer": customer, "return_url": stripe_stand_in.base})
    browser_page.goto(portal.url)
    browser_page.get_by_role("link", name="SIM-0001").click()
    expect(browser_page.get_by_role("heading")).to_have_text("Invoice SIM-0001")
    browser_page.go_back()
    browser_page.get_by_role("button", name="Remove").click()
    expect(browser_page.get_by_role("button", name="Remove")).to_have_count(0)
    assert client.customers.payment_methods.list(customer).data == []


def test_a_card_is_saved_without_a_payment(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.client().v1
    customer = client.customers.create({"email": "alice@example.org"}).id
    session = client.checkout.sessions.create(
        {"mode": "setup", "currency": "usd", "customer": customer, "success_url": "http://site.test/"}
    )
    assert stripe_stand_in.pay(session.id) == "http://site.test/"
    found = client.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert not isinstance(found.setup_intent, str)
    assert found.setup_intent is not None
    assert (found.payment_status, found.setup_intent.status) == ("no_payment_required", "succeeded")
    assert [one.id for one in client.customers.payment_methods.list(customer).data] == [
        found.setup_intent.payment_method
    ]


def test_tax_is_added_to_what_is_paid(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.client().v1
    customer = client.customers.create({"email": "alice@example.org"}).id
    update = {"address": "auto", "name": "auto"}
    session = open_session(
        stripe_stand_in, customer=customer, automatic_tax={"enabled": True}, customer_update=update, line_items=[LINE]
    )
    stripe_stand_in.pay(session.id)
    found = client.checkout.sessions.retrieve(session.id)
    assert (found.amount_subtotal, found.amount_total) == (2500, 3000)
    assert found.total_details is not None
    assert found.total_details.amount_tax == 500
    assert client.customers.retrieve(customer).name == "Pat Payer"


def test_a_page_is_used_once(stripe_stand_in: StripeStandIn) -> None:
    session = open_session(stripe_stand_in)
    stripe_stand_in.pay(session.id)
    assert loopback.get(f"{stripe_stand_in.base}/pay/{session.id}").status_code == 410
    assert stripe_stand_in.pay(session.id) == ""
    assert len(stripe_stand_in.objects("charge")) == 1


def test_a_bank_debit_can_settle_by_itself(stripe_stand_in: StripeStandIn) -> None:
    stripe_stand_in.settings(async_seconds=30.0)
    session = open_session(stripe_stand_in)
    stripe_stand_in.pay(session.id, action="later")
    stripe_stand_in.jump(31)
    assert stripe_stand_in.client().v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_cards_that_make_trouble_make_it(stripe_stand_in: StripeStandIn) -> None:
    disputed, failing = open_session(stripe_stand_in), open_session(stripe_stand_in)
    stripe_stand_in.pay(disputed.id, "4000000000000259")
    stripe_stand_in.pay(failing.id, "4000000000005126")
    assert [one["status"] for one in stripe_stand_in.objects("dispute")] == ["needs_response"]
    stripe_stand_in.refund(stripe_stand_in.objects("charge")[-1]["id"])
    stripe_stand_in.jump(61)
    assert [one["status"] for one in stripe_stand_in.objects("refund")] == ["failed"]


def test_cancel_leads_back(stripe_stand_in: StripeStandIn) -> None:
    session = open_session(stripe_stand_in)
    assert stripe_stand_in.pay(session.id, action="cancel") == "http://site.test/wallet/"
    assert stripe_stand_in.client().v1.checkout.sessions.retrieve(session.id).status == "open"
