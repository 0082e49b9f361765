"""The admin site, every page of it: as axe and as a narrow screen see it, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.accessibility import Eyes
from tests.browser.browser_users import visitor
from tests.browser.live_site import LiveSite, open_house

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.slow, pytest.mark.xdist_group("browser")]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LiveSite]:
    """One of its own: what fills its pages is made by hand, and no ledger that would verify."""
    with open_house(tmp_path) as opened:
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
