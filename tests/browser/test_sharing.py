"""A shared video plays in another browser, and in a frame of another origin, until its link is revoked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite
from tests.support.door import opened

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]
PLAY = "async video => { video.muted = true; await video.play(); return [video.videoWidth > 0, video.error]; }"


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, *_: Any) -> None:
        """Not into the tests' output."""


@contextmanager
def another_origin(folder: Path) -> Iterator[str]:
    """A site of somebody else's, which serves a folder."""
    with opened(partial(Quiet, directory=str(folder))) as address:
        yield address.replace("127.0.0.1", "localhost")


def make_link(page: Page, address: str, *, embed: str) -> str:
    page.goto(address)
    page.get_by_label("Pages that may embed it").fill(embed)
    page.get_by_role("button", name="Make the link").click()
    return page.locator(".shares code").first.inner_text()


def plays(player: Locator) -> bool:
    expect(player).to_be_visible()
    return bool(player.evaluate(PLAY) == [True, None])


def frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def test_a_link_plays_elsewhere_until_it_is_revoked(
    visit: Visit, live_site: LiveSite, chromium: Browser, tmp_path: Path
) -> None:
    slug = live_site.slugs["Wanda"]
    (video,) = live_site.ask("ask_for", slug, "For everybody", until="ready")
    wanda, guest = visit("Wanda"), visit()
    with another_origin(tmp_path) as elsewhere:
        link = make_link(wanda.page, f"{live_site.address}/w/{slug}/videos/{video['id']}/share/", embed=elsewhere)
        key = link.removeprefix(f"{live_site.address}/s/")
        guest.page.goto(link)
        assert plays(guest.page.locator("video"))
        assert guest.context.cookies() == []
        (tmp_path / "there.html").write_text(f'<iframe src="{live_site.address}/embed/{key}"></iframe>')
        (tmp_path / "page.html").write_text(f'<iframe src="{link}"></iframe>')
        reader = chromium.new_context().new_page()
        reader.goto(f"{elsewhere}/there.html")
        assert plays(frame(reader).locator("video"))
        # The same player under another name of the same server, which the link does not name, and the page itself.
        for page in (f"{elsewhere.replace('localhost', '127.0.0.1')}/there.html", f"{elsewhere}/page.html"):
            reader.goto(page)
            expect(frame(reader).locator("video")).to_have_count(0)
        wanda.page.get_by_role("link", name="Revoke").click()
        wanda.page.get_by_role("dialog", name="Revoke this link?").get_by_role("button", name="Revoke").click()
        expect(wanda.page.get_by_text("The link leads nowhere from now on.")).to_be_visible()
        guest.page.goto(link)
        expect(guest.page.get_by_role("heading", name="There is no video here")).to_be_visible()
        reader.goto(f"{elsewhere}/there.html")
        expect(frame(reader).get_by_role("heading", name="There is no video here")).to_have_count(0)
        reader.context.close()
    wanda.nothing_went_wrong()
