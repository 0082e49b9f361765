"""What a person does on the page of a new video."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from billing.money import CENTS, Amount, Rounding, charge_micros
from tests.browser.browser_users import BrowserUser

PROMPT = "Prompt (optional)"
MICROS_PER_SECOND = 10_000
# The sample voice of 8.417 s, and what a provider may add to it.
HELD = charge_micros(8480, MICROS_PER_SECOND)


def fine(micros: int) -> str:
    """As it is written on a page that has to tell more than cents."""
    return Amount(micros).written(4)


def at_most(micros: int) -> str:
    """As the form writes a ceiling: in cents, rounded up."""
    return Amount(micros, Rounding.UP).written(2)


def left_after(balance: int, held: int) -> str:
    """As the form writes what is left: of both amounts as it shows them."""
    return Amount(balance, Rounding.DOWN, own=True, less=held).written(CENTS)


def open_with_samples(visitor: BrowserUser, slug: str) -> None:
    """The form of a first visit, with the sample portrait and the sample voice in it."""
    visitor.go(f"/w/{slug}/videos/new/")
    expect(slot(visitor.page, "Portrait").get_by_text("Sample portrait.jpg")).to_be_visible()
    expect(slot(visitor.page, "Voice").get_by_text("Sample voice.mp3")).to_be_visible()


def open_empty(visitor: BrowserUser, slug: str) -> None:
    """The form of a draft with nothing in it yet."""
    visitor.go(f"/w/{slug}/videos/new/?draft=d1")


def press_slowly(page: Page, what: Locator, polled: str) -> None:
    """Let it go only when an answer has come that replaces it; it is asked for once more then."""
    what.hover()
    with page.expect_response(polled) as answer:
        page.mouse.down()
    answer.value.finished()
    with page.expect_response(polled):
        page.mouse.up()


def press(page: Page) -> str:
    """Ask for the video; gives its id."""
    make_button(page).click()
    return made_at(page)


def made_at(page: Page) -> str:
    # Who has skipped to the content brings that along.
    page.wait_for_url(re.compile(r"/videos/rnd_\w+/(#main)?$"))
    return urlsplit(page.url).path.split("/")[-2]


def make_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Make the video")


def slot(page: Page, kind: str) -> Locator:
    return page.get_by_role("region", name=kind, exact=True)


def choose(page: Page, kind: str, file: Path) -> None:
    """Through the file chooser."""
    words = "Replace" if slot(page, kind).get_by_text("Replace", exact=True).count() else "Choose a file"
    with page.expect_file_chooser() as chooser:
        slot(page, kind).get_by_text(words, exact=True).click()
    chooser.value.set_files(file)


def drop(page: Page, kind: str, file: Path) -> None:
    """Drag a file from the desktop over a slot and let it fall: Chromium's own events, with the real file."""
    slot(page, kind).scroll_into_view_if_needed()
    box = slot(page, kind).bounding_box()
    assert box
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    where = {"x": box["x"] + box["width"] / 2, "y": max(box["y"], 0) + 120}  # its middle may be out of sight
    mouse = page.context.new_cdp_session(page)
    for event in ("dragEnter", "dragOver", "drop"):
        mouse.send("Input.dispatchDragEvent", {"type": event, "data": data, **where})
    mouse.detach()


def fact(page: Page, name: str) -> Locator:
    """The value beside ``name`` in a list of facts."""
    return page.get_by_role("term").filter(has_text=name).locator("xpath=following-sibling::dd[1]")


def unfold_working(page: Page) -> None:
    """Show how the price is worked out, once no other is on its way."""
    expect(page.locator("#price.htmx-request")).to_have_count(0)
    page.get_by_text("How it is worked out").click()


def sees_price(page: Page, micros: int) -> None:
    """Once in the panel, to the eye and to a screen reader; the bar of a phone repeats it for the eye alone."""
    panel, price = page.get_by_role("complementary", name="Price"), at_most(micros)
    expect(panel.locator(".price__sum")).to_have_text(price)
    expect(panel.locator(".price__sum")).to_be_visible()
    assert panel.aria_snapshot().count(price) == 1


def sees_balance(page: Page, micros: int) -> None:
    """In the header of every page, in as many decimals as it needs."""
    link = page.get_by_role("banner").get_by_role("link", name="Balance:").locator(".money")
    expect(link).to_have_text(Amount(micros, Rounding.DOWN, own=True).written(CENTS))
