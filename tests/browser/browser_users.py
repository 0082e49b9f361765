"""Somebody with a browser, and what went wrong in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, WebError, expect

from tests.browser.live_site import LiveSite
from tests.browser.site_process import PASSWORD

TIMEOUT_MS = 45_000
OURS = "127.0.0.1"
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
NO_COMPLAINTS = (
    # It is in ``refused``; Chromium says it a second time.
    "Failed to load resource: the server responded with a status of",
    # htmx says so, in two lines, when a newer question replaces one on its way, and when the page is left meanwhile.
    "htmx:sendAbort",
    "htmx:afterRequest",
)


@dataclass
class BrowserUser:
    """One browser profile with one open page.

    ``refused`` lists every answer of 400 and above as (status, path), ``ranges`` what every 206 was a part of.
    """

    live_site: LiveSite
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.context.on("console", self._console)
        self.context.on("weberror", self._broken)
        self.context.on("request", self._asked)
        self.context.on("response", self._answered)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(NO_COMPLAINTS):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _broken(self, error: WebError) -> None:
        self.complaints.append(f"uncaught: {error.error}")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in {"data", "blob"} and urlsplit(request.url).hostname != OURS:
            self.strangers.append(request.url)

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append((response.status, urlsplit(response.url).path))
        if response.status == 206:
            self.ranges.append(response.headers["content-range"])

    def go(self, path: str) -> None:
        self.page.goto(f"{self.live_site.address}{path}")

    def come_back(self, name: str) -> None:
        """As somebody who signed in some other day, and has the cookie."""
        cookie = self.live_site.ask("cookie_of", name)
        self.context.add_cookies([{"name": "sessionid", "value": cookie, "url": self.live_site.address}])

    def view(self) -> str:
        log = (self.live_site.site.folder / "web.log").read_text(encoding="utf-8", errors="replace")[-3000:]
        trouble = f"{self.complaints} {self.strangers} {self.refused}"
        return f"{self.page.url}\n\n{self.page.locator('body').inner_text()}\n\n{trouble}\n\n{log}"

    def nothing_went_wrong(self, *refused: tuple[int, str]) -> None:
        """No complaint of the browser, no request to a stranger, and no answer of 400 and above but these."""
        assert (self.complaints, self.strangers, self.refused) == ([], [], list(refused))


def visitor(live_site: LiveSite, browser: Browser, **options: Any) -> BrowserUser:
    options = {"viewport": DESK, "locale": "en-GB", "color_scheme": "light", **options}
    context = browser.new_context(**options)
    context.set_default_timeout(TIMEOUT_MS)
    arrived = BrowserUser(live_site, context, context.new_page())
    arrived.listen()
    return arrived


def sign_up(visitor: BrowserUser, live_site: LiveSite, address: str) -> str:
    """By the form and the mailed link; gives the slug of the new workspace."""
    page = visitor.page
    visitor.go("/")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    page.goto(live_site.link_mailed_to(address, "onfirm"))
    page.get_by_role("button", name="Yes, confirm it").click()
    expect(page.get_by_role("heading", name="One portrait and one voice become a talking video")).to_be_visible()
    found = re.search(r"/w/([^/]+)/videos/$", page.url)
    assert found
    return found[1]
