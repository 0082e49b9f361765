"""Money by a person with a browser: top up at Stripe, see it arrive, spend it, and add the statement up."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from billing.money import MICROS, charge_micros
from tests.browser.accessibility import Eyes
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite, open_house, wait_until
from tests.browser.new_video import MICROS_PER_SECOND, fine, open_with_samples, press, sees_balance
from tests.browser.site_process import CREDIT_MICROS
from tests.simulators.stripe.fixture import StripeStandIn, running_stripe

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

BOUGHT_MICROS = 12_500_000
ALL_HANDLED = """
from avatarsite.inbox.models import InboundEvent
print(json.dumps(InboundEvent.objects.exists() and not InboundEvent.objects.exclude(signature_status="valid").exists()))
"""
LETTERS_WITHIN, MADE_WITHIN_MS = 60, 120_000


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripeStandIn]:
    with running_stripe() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def live_site(tmp_path_factory: pytest.TempPathFactory, stripe: StripeStandIn) -> Iterator[LiveSite]:
    """A live_site that sells credit: the page to pay is the stand-in's, and so are the letters that tell of it."""
    folder = tmp_path_factory.mktemp("shop")
    with open_house(folder, "Tess", "Uma", **stripe.environment) as opened:
        stripe.settings(webhook_url=f"{opened.address}/hooks/stripe/")
        yield opened


def test_credit_is_bought_spent_and_adds_up(visit: Visit, live_site: LiveSite, stripe: StripeStandIn) -> None:
    tess, slug = visit("Tess"), live_site.slugs["Tess"]
    page = tess.page
    tess.go(f"/w/{slug}/balance/")
    top_up(page)
    expect(page.get_by_text("The credit is in")).to_be_visible()
    sees_balance(page, CREDIT_MICROS + BOUGHT_MICROS)
    # Stripe's letters come beside the return page, and again; the credit is there once.
    paid = [event["id"] for event in stripe.events("checkout.session.completed", "payment_intent.succeeded")]
    stripe.deliver(*paid, copies=2)
    assert {letter["state"] for letter in stripe.webhooks(settled=True)} == {"delivered"}

    open_with_samples(tess, slug)
    render_id = press(page)
    expect(page.get_by_role("region", name="Receipt")).to_be_visible(timeout=MADE_WITHIN_MS)
    made = live_site.ask("once", render_id, "ready")
    left = CREDIT_MICROS + BOUGHT_MICROS - charge_micros(made["measured_ms"], MICROS_PER_SECOND)

    wait_until(lambda: live_site.site.ask(ALL_HANDLED), LETTERS_WITHIN)
    lines = download_statement(page, f"{live_site.address}/w/{slug}/statement/")
    assert [line["kind"] for line in lines] == ["grant", "topup", "settle"]
    assert sum(Decimal(line["amount_usd"]) for line in lines) * MICROS == left
    assert Decimal(lines[-1]["balance_usd"]) * MICROS == left
    tess.go(f"/w/{slug}/balance/")
    expect(page.get_by_role("region", name="Available")).to_contain_text(fine(left))
    sees_balance(page, left)
    live_site.site.manage("verify_ledger")
    live_site.site.manage("reconcile_stripe")
    tess.nothing_went_wrong()


def test_pages_of_a_house_that_sells_credit(visit: Visit, live_site: LiveSite) -> None:
    uma = visit("Uma", reduced_motion="reduce")
    page, eyes, home = uma.page, Eyes(uma), f"/w/{live_site.slugs['Uma']}"
    eyes.see(f"{home}/balance/top-up/")
    page.get_by_label("Another amount", exact=True).check()
    page.get_by_label("Another amount, in dollars").fill("3")
    page.get_by_role("button", name="Go on to the payment").click()
    expect(page.get_by_text("write $5.00 to $5,000.00")).to_be_visible()
    eyes.look("an amount that is not sold")
    uma.go(f"{home}/balance/")
    top_up(page)
    expect(page.get_by_text("The credit is in")).to_be_visible()
    eyes.look("a top-up that is paid")
    for place in ("balance/top-ups/", "balance/automatic/"):
        eyes.see(f"{home}/{place}")
    uma.go(f"{home}/statement/")
    page.get_by_role("button", name="Check my statement").click()
    expect(page.get_by_text("Your statement holds together.")).to_be_visible()
    eyes.look("a statement that was checked")
    uma.go(f"{home}/balance/")
    page.get_by_label("Promotion code").fill("nonsense")
    page.get_by_role("button", name="Redeem").click()
    expect(page.get_by_text("There is no such code.")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Balance")).to_have_attribute(
        "aria-current", "page"
    )
    eyes.look("a code that there is not")
    eyes.saw_nothing_grave()
    uma.nothing_went_wrong((422, f"{home}/balance/top-up/"), (422, f"{home}/promotion/"))


def top_up(page: Page) -> None:
    page.get_by_role("main").get_by_role("link", name="Top up", exact=True).click()
    page.get_by_label("Another amount", exact=True).check()
    page.get_by_label("Another amount, in dollars").fill("12.50")
    page.get_by_role("button", name="Go on to the payment").click()
    expect(page.get_by_role("heading", name="$12.50")).to_be_visible()
    page.get_by_role("button", name="Pay", exact=True).click()


def download_statement(page: Page, address: str) -> list[dict[str, str]]:
    page.goto(address)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download CSV").click()
    with Path(started.value.path()).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
