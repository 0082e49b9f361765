"""Nothing jumps while a page comes, however slowly a machine reads it."""

from __future__ import annotations

import pytest

from tests.browser.browser_users import DESK, PHONE
from tests.browser.conftest import Visit
from tests.browser.weight import weigh

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

TIMES_SLOWER = 20


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("path", ["/", "/account/login/", "/account/signup/"])
def test_a_slow_machine_sees_a_page_come_as_one(visit: Visit, path: str, size: dict[str, int]) -> None:
    somebody = visit(viewport=size)
    tools = somebody.context.new_cdp_session(somebody.page)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": TIMES_SLOWER})
    somebody.go(path)
    assert weigh(somebody.page).faults == []
