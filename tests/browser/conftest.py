from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.browser_users import TIMEOUT_MS, BrowserUser, visitor
from tests.browser.live_site import LiveSite, open_house
from tests.support.machine import CHROMIUM

# There is no GPU. The last two give a microphone that beeps, and allow it.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-gpu-rasterization",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
# Everybody who is on the site from the beginning, each with a workspace and credit of their own.
NAMES = (
    "Alice",
    "Carla",
    "Dina",
    "Emma",
    "Fay",
    "Gina",
    "Hana",
    "Ines",
    "Judy",
    "Kim",
    "Lena",
    "Mia",
    "Nora",
    "Olga",
    "Paula",
    "Quinn",
    "Rosa",
    "Sara",
    "Thea",
    "Yara",
    "Zoe",
    "Bea",
    "Wanda",
    "Cleo",
    "Vera",
    "Tess",
    "Una",
)

Visit = Callable[..., BrowserUser]
CAME = pytest.StashKey[list[BrowserUser]]()


@pytest.fixture(scope="package")
def live_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    with open_house(tmp_path_factory.mktemp("site"), *NAMES) as opened:
        yield opened


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Ends with the package: while Playwright runs, Django takes this thread for asynchronous and refuses queries."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(live_site: LiveSite, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open a browser profile, signed in as ``name`` if one is given."""
    came: list[BrowserUser] = []
    request.node.stash[CAME] = came

    def arrive(name: str = "", **options: Any) -> BrowserUser:
        arrived = visitor(live_site, chromium, **options)
        came.append(arrived)
        if name:
            arrived.come_back(name)
        return arrived

    yield arrive
    for each in came:
        each.context.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that fails says what its visitors were looking at."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for each in item.stash.get(CAME, []):
            report.sections.append(("What a visitor saw", each.view()))
