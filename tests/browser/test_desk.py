"""The admin site, every page of it: as axe and as a narrow screen see it, in light and in dark."""

from __future__ import annotations

import pytest

from tests.browser.accessibility import Eyes
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_every_page_of_the_admin_site_can_be_read_wide_and_narrow_light_and_dark(
    visit: Visit, live_site: LiveSite
) -> None:
    desk = live_site.ask("furnish_desk")
    assert (desk["missing"], desk["broken"]) == ([], [])
    dana = visit()
    dana.context.add_cookies([{"name": "sessionid", "value": desk["cookie"], "url": live_site.address}])
    eyes = Eyes(dana)
    for path in desk["paths"]:
        dana.go(path)
        eyes.look(path)
    eyes.saw_nothing_grave()
    dana.nothing_went_wrong()
