"""Other ways to the same video: without a script, with a microphone, with the keys alone, without motion."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from studio.uploads.samples import PORTRAIT, VOICE
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite
from tests.browser.new_video import (
    HELD,
    fact,
    left_after,
    made_at,
    make_button,
    open_empty,
    open_with_samples,
    press,
    sees_balance,
    sees_price,
    slot,
    unfold_working,
)
from tests.browser.site_process import CREDIT_MICROS

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

MAX_TABS = 60
NAME_OF_FOCUSED = """() => {
    const { activeElement: it } = document;
    return it.getAttribute("aria-label") ?? it.labels?.[0]?.textContent.trim() ?? it.textContent.trim();
}"""
# A label stands for the hidden file input in it.
FOCUS_IS_SEEN = """() => {
    const { activeElement: it } = document;
    return [it, it.closest("label")].some((each) => each && getComputedStyle(each).outlineStyle !== "none");
}"""
MOVING = """() => document.getAnimations()
    .filter((each) => each.playState === "running" && each.effect.getComputedTiming().duration > 1).length"""


def test_a_video_can_be_asked_for_without_a_script(visit: Visit, live_site: LiveSite) -> None:
    fay, slug = visit("Fay", java_script_enabled=False), live_site.slugs["Fay"]
    page = fay.page
    open_empty(fay, slug)
    expect(make_button(page)).to_be_disabled()
    page.get_by_label("Portrait", exact=True).and_(page.locator("input")).set_input_files(PORTRAIT)
    page.get_by_label("Voice", exact=True).and_(page.locator("input")).set_input_files(VOICE)
    page.get_by_role("button", name="Upload and show the price").click()
    expect(page.get_by_text("This is the price. Press the button again to make the video.")).to_be_visible()
    sees_price(page, HELD)
    expect(fact(page, "Balance after")).to_have_text(left_after(CREDIT_MICROS, HELD))
    assert live_site.ask("videos_of", slug) == []

    with live_site.engine_taken():
        render_id = press(page)
        expect(page.get_by_role("heading", name="Being made")).to_be_visible()
        sees_balance(page, CREDIT_MICROS - HELD)
        page.get_by_role("link", name="Cancel it").click()
        page.get_by_role("button", name="Cancel the video").click()
        live_site.ask("once", render_id, "cancelled")
    page.reload()
    expect(page.get_by_role("heading", name="This video was cancelled")).to_be_visible()
    fay.nothing_went_wrong()


def test_a_voice_can_be_recorded(visit: Visit, live_site: LiveSite) -> None:
    gina = visit("Gina")
    page = gina.page
    gina.go(f"/w/{live_site.slugs['Gina']}/videos/new/")
    slot(page, "Voice").get_by_role("button", name="Record").click()
    recorder = page.get_by_role("dialog", name="Record a voice")
    recorder.get_by_role("button", name="Start recording").click()
    expect(recorder.get_by_role("timer")).to_have_text(re.compile(r"^(0:0[3-9]|0:[1-5]\d|[1-4]:\d\d)$"))
    recorder.get_by_role("button", name="Stop").click()
    expect(recorder.get_by_text("Listen to it, then use it or record again.")).to_be_visible()
    recorder.get_by_role("button", name="Use this recording").click()
    expect(recorder).to_be_hidden()
    expect(slot(page, "Voice").get_by_text(re.compile(r"^Recording \d{4}-\d\d-\d\d \d\d\.\d\d\.webm$"))).to_be_visible()
    expect(slot(page, "Voice").get_by_role("alert")).to_be_hidden()
    unfold_working(page)
    expect(fact(page, "Voice")).to_have_text(re.compile(r"^([2-9]|\d{2,3})\.\d+ s$"))
    gina.nothing_went_wrong()


def test_the_keys_alone_make_a_video(visit: Visit, live_site: LiveSite) -> None:
    hana = visit("Hana")
    page = hana.page
    open_with_samples(hana, live_site.slugs["Hana"])
    page.reload()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    passed = tab_to(page, "Make the video")
    assert [name for name in passed if name in {"Replace the portrait", "Replace the voice", "Prompt (optional)"}] == [
        "Replace the portrait",
        "Replace the voice",
        "Prompt (optional)",
    ]
    with live_site.engine_taken():
        page.keyboard.press("Enter")
        made_at(page)
    hana.nothing_went_wrong()


def test_the_keys_alone_share_a_video_and_revoke_it(visit: Visit, live_site: LiveSite) -> None:
    hana, slug = visit("Hana"), live_site.slugs["Hana"]
    page = hana.page
    (ready,) = live_site.ask("ask_for", slug, "By the keys alone", until="ready")
    hana.go(f"/w/{slug}/videos/{ready['id']}/")
    tab_to(page, "Share")
    page.keyboard.press("Enter")
    page.wait_for_url("**/share/")
    tab_to(page, "Make the link")
    page.keyboard.press("Enter")
    address = page.locator(".shares code").first
    expect(address).to_be_visible()
    shared = address.inner_text()
    tab_to(page, "Revoke")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Revoke this link?")).to_be_visible()
    tab_to(page, "Revoke")
    page.keyboard.press("Enter")
    expect(address).to_have_count(0)
    assert page.request.get(shared).status == 404
    hana.nothing_went_wrong()


def tab_to(page: Page, name: str) -> list[str]:
    """The names of what was passed on the way; whatever has the focus shows it."""
    passed: list[str] = []
    while len(passed) < MAX_TABS:
        page.keyboard.press("Tab")
        passed.append(page.evaluate(NAME_OF_FOCUSED))
        assert page.evaluate(FOCUS_IS_SEEN), f"{passed[-1]!r} has the focus and does not show it"
        if passed[-1] == name:
            return passed
    raise AssertionError(f"{name!r} was not reached: {passed}")


def test_nothing_moves_for_who_wants_no_motion(visit: Visit, live_site: LiveSite) -> None:
    ines = visit("Ines", reduced_motion="no-preference")
    page = ines.page
    open_with_samples(ines, live_site.slugs["Ines"])
    with live_site.engine_taken():
        press(page)
        expect(page.locator("[aria-current=step]")).to_contain_text("Rendering")
        assert page.evaluate(MOVING) > 0
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate(MOVING) == 0
    ines.nothing_went_wrong()
