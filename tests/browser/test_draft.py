"""What is chosen and typed for a new video outlives every way out of the form and back to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from billing.money import charge_micros
from studio.uploads.samples import PORTRAIT, VOICE
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite, open_house
from tests.browser.new_video import PROMPT, choose, make_button, open_empty, open_with_samples, sees_balance, slot
from tests.browser.site_process import CREDIT_MICROS, PASSWORD
from tests.simulators.stripe.fixture import StripeStandIn, running_stripe

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

# At this price the sample holds 74 cents more than there are.
MICROS_PER_SECOND = 676_886
MISSING = "$0.74"
LONG_PROMPT = "Ruhig, schaut in die Kamera – nickt. 落ち着いて。" * 50
FOLD = "Title, captions and file"


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripeStandIn]:
    with running_stripe() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def live_site(tmp_path_factory: pytest.TempPathFactory, stripe: StripeStandIn) -> Iterator[LiveSite]:
    """A live_site that sells credit, where a video costs more than anybody has."""
    with open_house(tmp_path_factory.mktemp("dear"), "Vera", "Wanda", "Xenia", **stripe.environment) as opened:
        stripe.settings(webhook_url=f"{opened.address}/hooks/stripe/")
        opened.ask("set_price", MICROS_PER_SECOND)
        yield opened


def test_the_sum_that_is_missing_is_bought_and_the_draft_is_as_it_was(visit: Visit, live_site: LiveSite) -> None:
    assert -(-(charge_micros(8480, MICROS_PER_SECOND) - CREDIT_MICROS) // 10_000) == 74
    vera, slug = visit("Vera"), live_site.slugs["Vera"]
    page = vera.page
    open_empty(vera, slug)
    choose(page, "Portrait", PORTRAIT)
    choose(page, "Voice", VOICE)
    fill(page)
    page.get_by_role("link", name=f"Add {MISSING}").click()
    expect(page.get_by_text(f"{MISSING} is missing for your video.")).to_be_visible()
    expect(page.get_by_label("Another amount, in dollars")).to_have_value("5.00")
    page.get_by_role("button", name="Go on to the payment").click()
    expect(page.get_by_role("heading", name="$5.00")).to_be_visible()
    page.get_by_role("button", name="Pay", exact=True).click()
    page.wait_for_url("**/videos/new/?draft=*")
    is_filled(page)
    sees_balance(page, CREDIT_MICROS + 5_000_000)
    expect(make_button(page)).to_be_enabled()
    vera.nothing_went_wrong()


def test_a_draft_outlives_reload_settings_back_and_lives_beside_another(visit: Visit, live_site: LiveSite) -> None:
    wanda, slug = visit("Wanda"), live_site.slugs["Wanda"]
    page = wanda.page
    open_with_samples(wanda, slug)
    fill(page)
    page.reload()
    is_filled(page)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    second = wanda.context.new_page()
    second.goto(f"{live_site.address}/w/{slug}/videos/new/")
    second.get_by_label(PROMPT).fill("Another one")
    second.reload()
    expect(second.get_by_label(PROMPT)).to_have_value("Another one")
    page.go_back()
    is_filled(page)
    # Wrong on purpose: what is refused is kept, too.
    page.get_by_label("Quality").fill("100")
    page.locator("#maker").evaluate("form => form.requestSubmit()")
    expect(page.get_by_text("Write a whole number from 20 to 99.")).to_be_visible()
    expect(page.get_by_label(PROMPT)).to_have_value(LONG_PROMPT)
    page.goto(page.url)
    expect(page.get_by_label("Quality")).to_have_value("100")
    expect(page.get_by_label(PROMPT)).to_have_value(LONG_PROMPT)
    wanda.nothing_went_wrong((422, f"/w/{slug}/videos/new/"))


def test_signing_in_anew_leads_back_to_the_draft(visit: Visit, live_site: LiveSite) -> None:
    xenia, slug = visit("Xenia"), live_site.slugs["Xenia"]
    page = xenia.page
    open_with_samples(xenia, slug)
    # What is filled in asks for its price, each time a moment later; here the last change is to be the first to do so.
    page.route(
        f"**{reverse('video_quote', args=[slug])}",
        lambda route: route.continue_() if "takes=3" in (route.request.post_data or "") else route.fulfill(status=204),
    )
    fill(page)
    live_site.ask("sign_out", "Xenia")
    # The next change asks for the price, and that leads to the door.
    page.get_by_label("Takes").select_option("3")
    page.wait_for_url("**/account/login/**")
    page.get_by_label("E-mail address").fill("xenia@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/videos/new/?draft=*")
    is_filled(page, takes="3")
    xenia.nothing_went_wrong()


def fill(page: Page) -> None:
    page.get_by_label(PROMPT).fill(LONG_PROMPT)
    page.get_by_text(FOLD).click()
    page.get_by_label("Title (optional)").fill("Grüße")
    page.get_by_label("File format").select_option("webm")
    page.get_by_label("Quality").fill("61")
    page.get_by_label("Takes").select_option("1")
    page.get_by_label("Delete the files after (optional)").fill("86400")
    page.get_by_label("Send the file to (optional)").fill("https://bucket.example/put?key=secret")
    assert "secret" not in page.url


def is_filled(page: Page, *, takes: str = "1") -> None:
    expect(slot(page, "Portrait").get_by_role("img")).to_be_visible()
    expect(slot(page, "Voice").get_by_text("8.417 s")).to_be_visible()
    expect(page.get_by_label(PROMPT)).to_have_value(LONG_PROMPT)
    if not page.get_by_label("Quality").is_visible():
        expect(page.get_by_text("WebM, quality 61")).to_be_visible()
        page.get_by_text(FOLD).click()
    expect(page.get_by_label("Title (optional)")).to_have_value("Grüße")
    expect(page.get_by_label("File format")).to_have_value("webm")
    expect(page.get_by_label("Quality")).to_have_value("61")
    expect(page.get_by_label("Takes")).to_have_value(takes)
    expect(page.get_by_label("Delete the files after (optional)")).to_have_value("86400")
    expect(page.get_by_label("Send the file to (optional)")).to_have_value("https://bucket.example/put?key=secret")
