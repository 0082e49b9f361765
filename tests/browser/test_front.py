"""What plays before anybody presses: the sample on the front page, and finished videos under a mouse; and prices."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from studio.uploads.samples import PORTRAIT, VOICE
from tests.browser.browser_users import DESK, PHONE
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite
from tests.browser.weight import weigh

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

VIDEO = """() => {
    const { paused, muted, loop, controls, currentTime } = document.querySelector("[data-reel]");
    return { paused, muted, loop, controls, begun: currentTime > 0 };
}"""
PLAYS = "() => document.querySelector('[data-reel]').currentTime > 0"
BELOW = """it => {
    const reel = document.querySelector("[data-reel]");
    return it.getBoundingClientRect().top > reel.getBoundingClientRect().bottom;
}"""


def video(page: Page) -> dict[str, Any]:
    return dict(page.evaluate(VIDEO))


def test_the_sample_plays_without_a_sound_until_it_is_asked_for_one(visit: Visit) -> None:
    somebody = visit(reduced_motion="no-preference")
    page = somebody.page
    somebody.go("/")
    page.wait_for_function(PLAYS)
    assert video(page) == {"paused": False, "muted": True, "loop": True, "controls": False, "begun": True}
    words = page.locator("[data-reel-words]")
    expect(words).to_have_text("This short clip shows how one portrait and one voice track")
    page.get_by_role("button", name="Hear it").click()
    expect(page.get_by_role("button", name="Mute it")).to_be_visible()
    expect(words).to_have_text("Welcome aboard.")
    assert video(page)["muted"] is False
    page.get_by_role("button", name="Pause the video").click()
    expect(page.get_by_role("button", name="Play the video")).to_be_visible()
    assert video(page)["paused"] is True
    somebody.nothing_went_wrong()


def test_it_waits_for_who_wants_no_motion(visit: Visit) -> None:
    somebody = visit(reduced_motion="reduce")
    page = somebody.page
    somebody.go("/")
    expect(page.get_by_role("button", name="Play the video")).to_be_visible()
    assert video(page) == {"paused": True, "muted": True, "loop": True, "controls": False, "begun": False}
    page.get_by_role("button", name="Hear it").click()
    page.wait_for_function(PLAYS)
    assert video(page) == {"paused": False, "muted": False, "loop": True, "controls": False, "begun": True}
    somebody.nothing_went_wrong()


def test_without_a_script_the_browser_shows_its_own_player(visit: Visit) -> None:
    somebody = visit(java_script_enabled=False)
    somebody.go("/")
    expect(somebody.page.locator("video[controls] > track[kind=captions][default]")).to_be_attached()
    expect(somebody.page.get_by_role("button", name="Hear it")).to_be_hidden()
    somebody.nothing_went_wrong()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_is_light_and_nothing_on_it_jumps(visit: Visit, size: dict[str, int]) -> None:
    somebody = visit(viewport=size, reduced_motion="no-preference")
    page = somebody.page
    somebody.go("/")
    page.wait_for_function(PLAYS)
    expect(page.locator("[data-reel-words]")).to_have_text("become a talking video,")
    weight = weigh(page)
    assert (weight.path, weight.bytes > 0, weight.faults) == ("/", True, [])
    heading = page.get_by_role("heading", level=1)
    assert heading.evaluate(BELOW) == (size == PHONE)
    expect(page.get_by_role("link", name="Create an account")).to_be_in_viewport()
    somebody.nothing_went_wrong()


def prices(page: Page) -> Locator:
    return page.get_by_role("row", name="Draft").get_by_role("cell").last


def test_the_price_follows_the_slider_and_a_recording(visit: Visit) -> None:
    somebody = visit(viewport=PHONE, reduced_motion="reduce")
    page = somebody.page
    somebody.go("/")
    expect(prices(page)).to_have_text("$0.30")
    slider = page.get_by_role("slider", name="How long is the voice?")
    slider.focus()
    for _ in range(6):
        slider.press("ArrowRight")
    expect(page.locator("[data-clock]")).to_have_value("1:00")
    expect(slider).to_have_attribute("aria-valuetext", "1 min 0 s")
    expect(prices(page)).to_have_text("$0.60")
    expect(slider).to_be_focused()
    page.get_by_label("Choose a file").set_input_files(VOICE)
    expect(page.locator("#estimate")).to_contain_text("voice-welcome.mp3 8.417 s")
    expect(prices(page)).to_have_text(re.compile(r"\$0\.08\s*at most\s+\$0\.09"))
    expect(page.locator("[data-clock]")).to_have_value("0:08")
    page.get_by_label("Choose a file").set_input_files(PORTRAIT)
    expect(page.locator("#estimate")).to_contain_text("The voice is a JPEG picture, not a sound.")
    somebody.nothing_went_wrong((422, "/price/"))


def test_a_length_is_typed_and_the_slider_follows(visit: Visit) -> None:
    somebody = visit(viewport=PHONE, reduced_motion="reduce")
    page = somebody.page
    somebody.go("/")
    field, hint = page.get_by_label("Length in minutes and seconds"), page.locator("#allowed")
    slider = page.get_by_role("slider", name="How long is the voice?")
    for typed, shown, price, at in (("95", "1:35", "$0.95", "95"), ("10:00", "10:00", "$6.00", "300")):
        field.fill(typed)
        field.press("Enter")
        expect(prices(page)).to_have_text(price)
        expect(field).to_have_value(shown)
        expect(slider).to_have_value(at)
    field.fill("ten")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(hint).to_have_text("“ten” is no length. Type it as 1:30, or in seconds as 90: from 0:05 to 60:00.")
    slider.press("ArrowLeft")
    expect(field).to_have_value("4:55")
    expect(hint).to_have_text("Type it as 1:30, or in seconds as 90: from 0:05 to 60:00.")
    expect(prices(page)).to_have_text("$2.95")
    somebody.nothing_went_wrong()


def test_the_price_of_a_length_and_a_recording_without_a_script(visit: Visit) -> None:
    somebody = visit(java_script_enabled=False)
    page = somebody.page
    somebody.go("/")
    page.get_by_label("How long is the voice?").press("End")
    page.get_by_role("button", name="Show the prices").click()
    assert page.url == f"{somebody.live_site.address}/?seconds=300#prices"
    expect(prices(page)).to_have_text("$3.00")
    page.get_by_label("Length in minutes and seconds").fill("1:40")
    page.get_by_role("button", name="Show the prices").click()
    expect(prices(page)).to_have_text("$1.00")
    page.get_by_label("A recording").set_input_files(VOICE)
    page.get_by_role("button", name="Read its price").click()
    expect(page.locator("#estimate")).to_contain_text("voice-welcome.mp3 8.417 s")
    somebody.nothing_went_wrong()


def test_a_card_plays_its_video_while_the_mouse_is_on_it(visit: Visit, live_site: LiveSite) -> None:
    zoe, slug = visit("Zoe", reduced_motion="no-preference"), live_site.slugs["Zoe"]
    live_site.ask("ask_for", slug, "Under the mouse", until="ready")
    page = zoe.page
    zoe.go(f"/w/{slug}/videos/")
    card, preview = page.get_by_role("link", name="Under the mouse"), page.locator(".video-card video")
    card.hover()
    expect(preview).to_be_visible()
    assert preview.evaluate("it => [it.muted, it.paused]") == [True, False]
    page.get_by_role("heading", name="Videos").hover()
    expect(preview).to_have_count(0)
    zoe.nothing_went_wrong()


def test_a_video_that_gets_ready_while_somebody_looks_comes_into_the_light_once(
    visit: Visit, live_site: LiveSite
) -> None:
    zoe, slug = visit("Zoe", reduced_motion="no-preference"), live_site.slugs["Zoe"]
    page = zoe.page
    with live_site.engine_taken():
        (made,) = live_site.ask("ask_for", slug, "Comes into the light", until="rendering")
        zoe.go(f"/w/{slug}/videos/")
        picture = page.locator(f"[data-moment='{made['id']}']")
        expect(picture).to_have_class(re.compile("--raw"))
    expect(picture).to_have_class(re.compile("is-fresh"))
    expect(picture).to_have_css("animation-name", "light")
    page.reload()
    expect(picture).not_to_have_class(re.compile("is-fresh|--raw"))
    zoe.nothing_went_wrong()
