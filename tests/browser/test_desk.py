"""The admin site, every page of it: as axe and as a narrow screen see it, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.accessibility import Eyes
from tests.browser.browser_users import PHONE, visitor
from tests.browser.live_site import LiveSite, open_house

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.slow, pytest.mark.xdist_group("browser")]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LiveSite]:
    """One of its own: what fills its pages is made by hand, and no ledger that would verify."""
    with open_house(tmp_path, "Kim") as opened:
        yield opened


def test_every_page_of_the_admin_site_can_be_read_wide_and_narrow_light_and_dark(
    site: LiveSite, chromium: Browser
) -> None:
    desk = site.ask("furnish_desk")
    assert (desk["missing"], desk["broken"]) == ([], [])
    dana = visitor(site, chromium)
    dana.context.add_cookies([{"name": "sessionid", "value": desk["cookie"], "url": site.address}])
    eyes = Eyes(dana)
    for path in desk["paths"]:
        dana.go(path)
        eyes.look(path)
    eyes.saw_nothing_grave()
    dana.nothing_went_wrong()
    dana.context.close()


# What each of them may do on the desk, and no other role before them.
PAGES = {
    "support": (
        *("/admin/", "{customer}change/", "{customer}note/", "{customer}view-as/", "{render}change/"),
        *("/admin/audit/auditentry/", "/admin/search/?q=kim", "/admin/search/?q=nothing"),
    ),
    "money": ("/admin/", "{customer}change/", "{render}change/", "{render}give-back/", "/admin/billing/books/"),
    "admin": (
        *("{customer}change/", "{customer}suspend/", "{customer}close/", "{person}change/", "{person}reset/"),
        *("{render}change/", "{render}ask/", "{render}send/", "{render}give-up/", "/admin/studio/render/?q=kim"),
    ),
}


def test_pages_of_people_and_videos_can_be_read_by_each_role(site: LiveSite, chromium: Browser) -> None:
    slug = site.slugs["Kim"]
    (render,) = site.ask("ask_for", slug, "A talk that is bad", until="ready")
    named = {
        "customer": f"/admin/workspaces/workspace/{site.ask('workspace_of', slug)}/",
        "person": f"/admin/workspaces/user/{site.ask('person_of', 'Kim')}/",
        "render": f"/admin/studio/render/{render['id']}/",
    }
    found = []
    for number, (role, pages) in enumerate(PAGES.items()):
        name = f"Staff{number}"
        site.ask("hire", name, role)
        staff = visitor(site, chromium)
        staff.come_back(name)
        eyes = Eyes(staff)
        for page in pages:
            staff.go(page.format(**named))
            eyes.look(f"{role}: {page}")
        found += eyes.found
        staff.nothing_went_wrong()
        staff.context.close()
    print(*found, sep="\n\n")
    assert found == []


def test_a_phone_s_keyboard_reaches_menu_and_search(site: LiveSite, chromium: Browser) -> None:
    site.ask("hire", "Vera", "support")
    vera = visitor(site, chromium, viewport=PHONE)
    vera.come_back("Vera")
    vera.go("/admin/")
    page = vera.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Menu and search")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox", name="Search everything")).to_be_focused()
    page.keyboard.type("kim@example.org")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/workspaces/workspace/**/change/")
    page.get_by_role("button", name="Menu and search").press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText.trim()") == "Audit log":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/audit/auditentry/")
    vera.nothing_went_wrong()
    vera.context.close()
