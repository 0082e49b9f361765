"""A provider that hangs at 99 %: the page and a mail say so, and what is given up at a moment costs nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]
HISTORY = [f"Before {number}" for number in range(5)]


def test_what_hangs_is_told_and_given_up_for_nothing(visit: Visit, live_site: LiveSite) -> None:
    slug = live_site.slugs["Vera"]
    live_site.ask("ask_for", slug, *HISTORY, until="ready")
    before = live_site.ask("purse", slug)
    with live_site.engine_taken():
        (video,) = live_site.ask("ask_for", slug, "It hangs", until="rendering")
        live_site.engine_says(video["reference"], "progress", {"percent": 99})
        vera = visit("Vera")
        vera.page.goto(f"{live_site.address}/w/{slug}/videos/{video['id']}/")
        stages = vera.page.locator("#stages")
        expect(stages).to_contain_text("which says 99 %")
        expect(stages).to_contain_text("Usually")
        expect(vera.page.get_by_role("heading", name="It takes longer than usual")).to_have_count(0)
        # The clock runs: the page says it by itself, and so does a mail.
        live_site.ask("let_pass", video["id"], 1_200)
        expect(vera.page.get_by_role("heading", name="It takes longer than usual")).to_be_visible()
        expect(vera.page.locator("#news")).to_contain_text("It takes longer than usual.")
        (letter,) = live_site.ask("letters_to", "vera@example.org", "takes longer")
        assert f"/w/{slug}/videos/{video['id']}/" in letter
        assert live_site.ask("purse", slug)["held"] > 0
        vera.page.get_by_role("button", name="In 15 min").click()
        expect(stages).to_contain_text("nothing is charged")
        expect(vera.page.get_by_role("button", name="Wait for it after all")).to_be_visible()
        live_site.ask("let_pass", video["id"], 1_800)
        expect(vera.page.get_by_role("heading", name="This video could not be made")).to_be_visible()
        card = vera.page.locator(".failure")
        expect(card).to_contain_text("when it was to be given up")
        expect(card).to_contain_text("Nothing was charged")
    assert live_site.ask("purse", slug) == before
    vera.nothing_went_wrong()
