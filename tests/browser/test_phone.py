"""The site in one hand: 390 pixels, one thumb."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import Eyes
from tests.browser.browser_users import PHONE
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite
from tests.browser.new_video import (
    HELD,
    PROMPT,
    at_most,
    make_button,
    open_empty,
    open_with_samples,
    sees_price,
    slot,
    unfold_working,
)

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

# Whether the middle of it is what one presses there.
UNCOVERED = """it => {
    const { left, top, width, height } = it.getBoundingClientRect();
    return it.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""
INSIDE = """() => [...document.querySelectorAll(".table-scroll, .table")].filter((each) => {
    const card = each.closest(".card").getBoundingClientRect();
    const box = (each.closest(".table-scroll") ?? each).getBoundingClientRect();
    return box.width && (box.left < card.left - 1 || box.right > card.right + 1 || card.right > innerWidth);
}).length"""
PICTURES = """async () => {
    const shown = [...document.querySelectorAll("main img")];
    await Promise.all(shown.map((each) => { each.loading = "eager"; return each.decode(); }));
    return shown.map((each) => Math.max(each.naturalWidth, each.naturalHeight));
}"""


def test_the_price_and_the_button_are_in_sight_wherever_one_is(visit: Visit, live_site: LiveSite) -> None:
    thea, slug = visit("Thea", viewport=PHONE, has_touch=True), live_site.slugs["Thea"]
    page = thea.page
    open_empty(thea, slug)
    expect(make_button(page)).to_be_in_viewport()
    expect(make_button(page)).to_be_disabled()
    open_with_samples(thea, slug)
    for look in (0, 400, 100_000):
        page.evaluate("y => scrollTo(0, y)", look)
        expect(page.get_by_text(f"At most {at_most(HELD)}", exact=True)).to_be_in_viewport()
        sees_price(page, HELD)
        expect(make_button(page)).to_be_in_viewport()
        assert make_button(page).evaluate(UNCOVERED)
    # What is reached by the keys is not behind the bar.
    page.get_by_label(PROMPT).focus()
    reached = 0
    while not page.keyboard.press("Tab") and not page.evaluate("document.activeElement === document.body"):
        reached += 1
        assert page.evaluate(f"() => ({UNCOVERED})(document.activeElement)")
    assert 4 <= reached <= 40
    with live_site.engine_taken():
        make_button(page).tap()
        page.wait_for_url("**/videos/rnd_*/")
    thea.nothing_went_wrong()


def heights(page: Page) -> list[float]:
    return [slot(page, kind).evaluate("it => it.offsetHeight") for kind in ("Portrait", "Voice")]


def test_what_is_filled_is_a_row_and_the_working_stays_unfolded(visit: Visit, live_site: LiveSite) -> None:
    bea = visit("Bea", viewport=PHONE, has_touch=True)
    page = bea.page
    open_empty(bea, live_site.slugs["Bea"])
    empty = heights(page)
    open_with_samples(bea, live_site.slugs["Bea"])
    assert [row < box for row, box in zip(heights(page), empty, strict=True)] == [True, True]
    unfold_working(page)
    takes = page.get_by_role("term").get_by_text("Takes", exact=True)
    expect(takes).to_have_count(0)
    page.get_by_text("Title, captions and file").click()
    page.get_by_label("Takes").select_option("2")
    expect(takes).to_be_visible()
    bea.nothing_went_wrong()


def test_the_focus_stays_after_an_earlier_upload_is_chosen(visit: Visit, live_site: LiveSite) -> None:
    yara, slug = visit("Yara"), live_site.slugs["Yara"]
    page = yara.page
    open_with_samples(yara, slug)
    for kind, name in (("Portrait", "Sample portrait.jpg"), ("Voice", "Sample voice.mp3")):
        slot(page, kind).get_by_role("link", name="Earlier ones").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name=f"Choose a {kind.lower()}")
        dialog.get_by_role("link", name=name).focus()
        page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        expect(slot(page, kind).get_by_role("link", name="Earlier ones")).to_be_focused()
    yara.nothing_went_wrong()


def test_lists_load_small_pictures_and_tables_stay_in_their_cards(visit: Visit, live_site: LiveSite) -> None:
    olga = visit("Olga", reduced_motion="reduce")
    slug, eyes = live_site.slugs["Olga"], Eyes(olga)
    live_site.ask("ask_for", slug, "A title that is as long as a title of a video can be and then some", until="ready")
    page = olga.page
    olga.go(f"/w/{slug}/uploads/")
    assert page.evaluate(PICTURES) == [400]
    olga.go(f"/w/{slug}/uploads/choices/?kind=portrait")
    assert page.evaluate(PICTURES) == [400]
    eyes.see(f"/w/{slug}/uploads/")
    eyes.see(f"/w/{slug}/videos/new/")
    eyes.see(f"/w/{slug}/usage/")
    page.set_viewport_size(PHONE)
    page.get_by_text("The same as a table").click()
    assert page.evaluate(INSIDE) == 0
    eyes.look("usage as a table")
    eyes.saw_nothing_grave()
    olga.nothing_went_wrong()
