"""The form of a new video beside all its models: by thumb from the sign-up on, and by the keys alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from billing.money import Amount
from tests.browser.accessibility import Eyes
from tests.browser.browser_users import PHONE, sign_up
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite, open_house
from tests.browser.new_video import HELD, at_most, fact, make_button, open_with_samples, press, slot
from tests.browser.typed import welcome
from tests.simulators.fixture import BRISK, running_simulators

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

MADE_WITHIN_MS = 120_000
CLIP = "() => { const { paused, ended, currentTime } = document.querySelector('[data-clip]'); return %s; }"
PLAYED = """window.played = [];
    document.addEventListener("playing", ({ target }) => window.played.push(target.matches("[data-clip]")), true);"""
# Everything that one can come to on the way down the page stands beside its picture, and nothing is wider than it.
TOO_WIDE = "() => document.documentElement.scrollWidth - innerWidth"
# The sample voice of 8.417 s at each model's cheapest seller.
LIKELY = {"draft": 84_170, "kling-avatar-2-standard": 370_348, "kling-avatar-2-pro": 732_279}


@pytest.fixture(scope="module")
def live_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """A site at which every model can be had."""
    with (
        running_simulators(settings=BRISK) as simulators,
        open_house(
            tmp_path_factory.mktemp("maker"), "Ida", "Jon", "Kai", "Liv", is_public=True, **simulators.environment
        ) as opened,
    ):
        yield opened


def price_of(page: Page, model: str) -> str:
    return page.locator(f"#model-price-{model} .money").inner_text()


def test_the_first_minute_on_a_phone_ends_with_a_video(visit: Visit, live_site: LiveSite) -> None:
    ada = visit(viewport=PHONE, has_touch=True)
    page = ada.page
    slug = sign_up(ada, live_site, "first.minute@example.org")
    welcome(live_site, slug)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="New").tap()
    for kind in ("Portrait", "Voice"):
        expect(slot(page, kind).get_by_text("A sample of ours, to start with.")).to_be_visible()
    expect(page.get_by_text(f"At most {at_most(HELD)}", exact=True)).to_be_in_viewport()
    assert page.evaluate(TOO_WIDE) <= 0
    make_button(page).tap()
    page.wait_for_url("**/videos/rnd_*/")
    expect(page.get_by_role("region", name="Receipt")).to_be_visible(timeout=MADE_WITHIN_MS)
    assert page.evaluate(TOO_WIDE) <= 0
    ada.nothing_went_wrong()


def test_a_model_is_chosen_by_the_keys_and_its_price_was_on_its_card(visit: Visit, live_site: LiveSite) -> None:
    ida, slug = visit("Ida", reduced_motion="reduce"), live_site.slugs["Ida"]
    page, eyes = ida.page, Eyes(ida)
    open_with_samples(ida, slug)
    eyes.look("the maker with all its models")
    assert {model: price_of(page, model) for model in LIKELY} == {
        model: Amount(micros).written(2) for model, micros in LIKELY.items()
    }
    page.get_by_role("radio", name="Draft").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Kling Avatar 2.0 Standard")).to_be_focused()
    expect(fact(page, "Likely")).to_have_text(price_of(page, "kling-avatar-2-standard"))
    expect(fact(page, "Made by")).to_have_text("Runware")
    assert "model=kling-avatar-2-standard" in page.url
    # Who makes it is in a fold that stays open while the price is asked for anew, and each card follows the wish.
    page.get_by_text("2 compared").click()
    page.get_by_role("radio", name="fal").check()
    expect(fact(page, "Made by")).to_have_text("fal")
    expect(page.get_by_role("radio", name="Only fal")).to_be_visible()
    expect(page.locator("#model-price-kling-avatar-2-pro .money")).to_have_text("$0.97")
    # Those with a successor are folded until one is chosen.
    expect(page.get_by_role("radio", name="Kling Avatar Pro")).to_be_hidden()
    page.get_by_text("2 older models").press("Enter")
    page.get_by_role("radio", name="Kling Avatar Pro").check()
    expect(fact(page, "Made by")).to_have_text("AI/ML API")
    page.reload()
    expect(page.get_by_role("radio", name="Kling Avatar Pro")).to_be_checked()
    expect(page.get_by_role("radio", name="Kling Avatar Pro")).to_be_visible()
    eyes.look("the older models")
    eyes.saw_nothing_grave()
    ida.nothing_went_wrong()


def test_the_clip_plays_twice_and_not_at_all_for_who_wants_no_motion(visit: Visit, live_site: LiveSite) -> None:
    jon, slug = visit("Jon", reduced_motion="no-preference"), live_site.slugs["Jon"]
    page = jon.page
    page.add_init_script(PLAYED)
    open_with_samples(jon, slug)
    page.get_by_role("radio", name="Draft").scroll_into_view_if_needed()
    page.wait_for_function("window.played.includes(true)")
    page.wait_for_function(CLIP % "ended && paused && document.querySelector('[data-clip]').rounds === 0")
    kai = visit("Kai", reduced_motion="reduce")
    open_with_samples(kai, live_site.slugs["Kai"])
    kai.page.get_by_role("radio", name="Draft").hover()
    assert kai.page.evaluate(CLIP % "[paused, currentTime]") == [True, 0]
    for each in (jon, kai):
        each.nothing_went_wrong()


def test_on_a_phone_the_cards_are_rows_and_a_real_video_is_made(visit: Visit, live_site: LiveSite) -> None:
    liv, slug = visit("Liv", viewport=PHONE, has_touch=True), live_site.slugs["Liv"]
    page = liv.page
    open_with_samples(liv, slug)
    card = page.locator(".model").filter(has_text="Kling Avatar 2.0 Standard")
    box = card.bounding_box()
    assert box
    assert (box["height"] < 140, box["width"] > 300) == (True, True)
    card.tap()
    expect(page.locator(".price__bar").get_by_text("At most $0.50")).to_be_visible()
    press(page)
    expect(page.get_by_role("region", name="Receipt")).to_be_visible(timeout=MADE_WITHIN_MS)
    liv.nothing_went_wrong()
