"""Guests write about a shared video; its owner makes, shares, reads and revokes with the keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite
from tests.browser.new_video import made_at, make_button, open_with_samples

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]
MAX_TABS = 120
HAS_FOCUS = "element => element === document.activeElement"


def go_to(page: Page, role: str, name: str) -> None:
    """By the Tab key, as somebody without a mouse does."""
    wanted = page.get_by_role(role, name=name).first  # type: ignore[arg-type]
    expect(wanted).to_be_visible()
    for _ in range(MAX_TABS):
        if wanted.evaluate(HAS_FOCUS):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{MAX_TABS} tabs do not lead to the {role} {name!r}.")


def press(page: Page, role: str, name: str, key: str = "Enter") -> None:
    go_to(page, role, name)
    page.keyboard.press(key)


def test_the_keyboard_alone_makes_shares_and_revokes(visit: Visit, live_site: LiveSite) -> None:
    tess, guest = visit("Tess"), visit()
    page, slug = tess.page, live_site.slugs["Tess"]
    open_with_samples(tess, slug)
    expect(make_button(page)).to_be_enabled()
    press(page, "button", "Make the video")
    video = made_at(page)
    live_site.ask("once", video, "ready")
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    press(page, "link", "Share")
    press(page, "checkbox", "They may comment and approve", "Space")
    press(page, "button", "Make the link")
    link = page.locator(".shares code").first.inner_text()

    guest.page.goto(link)
    guest.page.get_by_label("Your name").fill("Grace")
    guest.page.get_by_role("textbox", name="At").fill("0:03")
    guest.page.get_by_role("textbox", name="Comment").fill("Can she smile here?")
    guest.page.get_by_role("button", name="Ask for a change").click()
    expect(guest.page.locator(".comment")).to_contain_text("Can she smile here?")

    tess.go(f"/w/{slug}/videos/{video}/")
    review = page.get_by_role("region", name="Review")
    expect(review).to_contain_text("Grace")
    press(page, "button", "Go to 0:03")
    expect(page.locator("video")).to_have_js_property("currentTime", 3)
    press(page, "button", "Done")
    expect(page.get_by_role("region", name="Review").get_by_role("button", name="Open again")).to_be_visible()

    tess.go(f"/w/{slug}/videos/{video}/share/")
    press(page, "link", "Revoke")
    press(page, "button", "Revoke")
    expect(page.get_by_text("The link leads nowhere from now on.")).to_be_visible()
    guest.page.goto(link)
    expect(guest.page.get_by_role("heading", name="There is no video here")).to_be_visible()
    tess.nothing_went_wrong()
