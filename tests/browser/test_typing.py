"""Words instead of files: typed, spoken into the slot, and made into a draft that plays; then cropped, and changed."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from tests.browser.browser_users import sign_up
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite
from tests.browser.new_video import make_button, open_empty, open_with_samples, press, slot
from tests.browser.typed import MOST_SECONDS, plays_with_captions, speak_words, type_words, welcome
from tests.support.pace import pace

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]


def test_from_sign_up_a_text_becomes_a_playing_captioned_draft_in_half_a_minute(
    visit: Visit, live_site: LiveSite
) -> None:
    ada = visit()
    page = ada.page
    slug = sign_up(ada, live_site, "typist@example.org")
    welcome(live_site, slug)
    slowness, started = pace(), time.monotonic()
    type_words(ada, slug, cost="spoken free of charge")
    page.get_by_role("button", name="Listen").click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    speak_words(page)
    press(page)
    plays_with_captions(page)
    assert time.monotonic() - started < MOST_SECONDS * max(slowness, pace())
    ada.nothing_went_wrong()


def test_words_are_kept_and_changed_and_a_bad_pause_is_told(visit: Visit, live_site: LiveSite) -> None:
    kim, slug = visit("Kim"), live_site.slugs["Kim"]
    page = kim.page
    open_empty(kim, slug)
    slot(page, "Voice").get_by_role("link", name="Type").click()
    words, speak = page.get_by_label("Words", exact=True), page.get_by_role("button", name="Speak it")
    words.fill("One [pause 99s] two.")
    told = page.get_by_text("[pause 99s] is no pause: it lasts up to 10 seconds.")
    expect(told).to_have_count(1)
    speak.click()
    expect(told).to_have_count(2)
    words.fill("First words.")
    speak.click()
    expect(slot(page, "Voice").get_by_text("First words.flac")).to_be_visible()
    page.reload()
    expect(slot(page, "Voice").get_by_text("First words.flac")).to_be_visible()
    slot(page, "Voice").get_by_role("link", name="Edit the words").click()
    expect(words).to_have_value("First words.")
    words.fill("Other words.")
    page.get_by_label("Pace", exact=True).select_option("1.2")
    speak.click()
    expect(slot(page, "Voice").get_by_text("Other words.flac")).to_be_visible()
    kim.nothing_went_wrong()


def test_a_portrait_is_cropped_in_its_slot(visit: Visit, live_site: LiveSite) -> None:
    lena, slug = visit("Lena"), live_site.slugs["Lena"]
    page = lena.page
    open_with_samples(lena, slug)
    price = page.locator(".price__sum").inner_text()
    portrait = slot(page, "Portrait")
    portrait.get_by_text("Crop", exact=True).click()
    portrait.get_by_role("button", name="9:16").press("Enter")
    expect(portrait.get_by_text("Sample portrait 9x16.jpg")).to_be_visible()
    expect(portrait.get_by_role("button", name="9:16")).to_be_focused()
    expect(portrait.get_by_text("Cropped to 9:16")).to_be_visible()
    expect(make_button(page)).to_be_enabled()
    assert page.locator(".price__sum").inner_text() == price
    portrait.get_by_role("button", name="Whole").click()
    expect(portrait.get_by_text("Sample portrait.jpg")).to_be_visible()
    lena.nothing_went_wrong()
