"""The walks of docs/operations.md about one render and about one customer, by an operator with a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.eyes import Eyes
from tests.browser.house import House
from tests.browser.visitors import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

HANGS, BAD = "A talk that hangs", "A talk with its lips off"


def find(operator: Visitor, shelf: str, words: str, name: str) -> None:
    """From the first page to a row: its list by the navigation, the search, the row."""
    page = operator.page
    operator.go("/admin/")
    expect(
        page.get_by_role("heading", name="Needs you today").or_(page.get_by_text("Needs you today")).first
    ).to_be_visible()
    group = page.get_by_role("link", name=shelf, exact=True)
    if not group.is_visible():
        page.get_by_text("Customers", exact=True).click()
    group.click()
    page.get_by_placeholder(re.compile("^Type to search|^Search by|^Search$")).last.fill(words)
    page.keyboard.press("Enter")
    page.get_by_role("link", name=name, exact=True).first.click()


def say(page: Page, act: str, reason: str) -> None:
    """Press a button of the page, write why, and press it there."""
    page.get_by_role("link", name=act, exact=True).click()
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name=act, exact=True).click()


def test_a_render_that_hangs(visit: Visit, house: House) -> None:
    house.ask("hire", "Otto", "admin")
    operator, kim = visit("Otto"), visit("Kim")
    page = operator.page
    with house.engine_taken():
        (render,) = house.ask("ask_for", house.slugs["Kim"], HANGS, until="rendering")
        house.ask("let_hang", render["id"], hours=2)
        find(operator, "Renders", "kim@example.org", HANGS)
        expect(page.get_by_text("for 2 hours")).to_be_visible()
        expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
        page.get_by_role("link", name="Ask the provider now").click()
        page.get_by_role("button", name="Ask the provider now").click()
        expect(page.get_by_text("This server says:").first).to_be_visible()
        page.get_by_role("link", name="Send to another offer").click()
        expect(page.get_by_text("No other offer can make it within its ceiling now.")).to_be_visible()
        page.get_by_role("link", name="Cancel").click()
        look(operator, f"/admin/studio/render/{render['id']}/", "change/", "give-up/")
        operator.go(f"/admin/studio/render/{render['id']}/change/")
        say(page, "Give up", "The engine is stuck.")
        expect(page.get_by_text(re.compile(r"It was given up; \$[\d.]+ came back\.")).first).to_be_visible()
        expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    house.ask("once", render["id"], "failed")
    assert house.ask("purse", house.slugs["Kim"])["held"] == 0
    kim.go(f"/w/{house.slugs['Kim']}/videos/{render['id']}/")
    expect(kim.page.get_by_text("The engine is stuck.").first).to_be_visible()
    operator.nothing_went_wrong()


def test_a_customer_who_complains_twice_about_one_charge(visit: Visit, house: House) -> None:
    house.ask("hire", "Mona", "money")
    operator, lena = visit("Mona"), visit("Lena")
    page, slug = operator.page, house.slugs["Lena"]
    (render,) = house.ask("ask_for", slug, BAD, until="ready")
    before = house.ask("purse", slug)["posted"]

    find(operator, "Workspaces", "lena@example.org", "Lena's workspace")
    workspace = page.url
    page.get_by_role("link", name=BAD, exact=True).click()
    expect(page.locator("video")).to_be_visible()
    say(page, "Give the charge back", "The lips were off.")
    expect(page.get_by_text(re.compile(r"\$[\d.]+ was given back; its customer gets a mail\.")).first).to_be_visible()
    assert house.ask("purse", slug)["posted"] == before + render["charge_micros"]

    lena.go(f"/w/{slug}/statement/")
    expect(lena.page.get_by_text("Given back: The lips were off.").first).to_be_visible()
    link = house.link_mailed_to("lena@example.org", "was given back")
    assert link == f"{house.address}/w/{slug}/statement/"

    page.goto(workspace)
    page.get_by_role("link", name="Write a note", exact=True).click()
    page.get_by_label("Note").fill("Complained about her talk; the charge went back.")
    page.get_by_role("button", name="Write a note", exact=True).click()
    expect(page.get_by_text("Complained about her talk; the charge went back.")).to_be_visible()

    find(operator, "Workspaces", "lena@example.org", "Lena's workspace")
    expect(page.get_by_text("Given back", exact=True)).to_be_visible()
    page.get_by_role("link", name=BAD, exact=True).click()
    page.get_by_role("link", name="Give the charge back", exact=True).click()
    expect(page.get_by_text("Nothing more can be given back: its charge was given back on")).to_be_visible()
    expect(page.get_by_role("button", name="Give the charge back", exact=True)).to_have_count(0)
    assert house.ask("purse", slug)["posted"] == before + render["charge_micros"]
    operator.nothing_went_wrong()


def test_a_customers_pages_can_be_seen_by_anybody(visit: Visit, house: House) -> None:
    house.ask("hire", "Vera", "admin")
    operator, slug = visit("Vera"), house.slugs["Nora"]
    house.ask("ask_for", slug, "Something made", until="ready")
    row = house.ask("workspace_of", slug)
    look(operator, f"/admin/workspaces/workspace/{row}/", "change/", "suspend/", "close/", "note/", "view-as/")
    say(operator.page, "View as this customer", "She asked what she sees.")
    page = operator.page
    expect(page.get_by_text("and may change nothing.")).to_be_visible()
    eyes = Eyes(operator)
    for path in ("videos/", "balance/", "team/"):
        eyes.see(f"/w/{slug}/{path}")
    eyes.saw_nothing_grave()
    page.get_by_role("button", name="End it").click()
    expect(page.get_by_role("link", name="View as this customer")).to_be_visible()


def look(operator: Visitor, base: str, *pages: str) -> None:
    eyes = Eyes(operator)
    for page in pages:
        eyes.see(f"{base}{page}")
    eyes.saw_nothing_grave()
    operator.go(f"{base}change/")
