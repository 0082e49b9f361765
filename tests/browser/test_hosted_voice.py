"""Words that a hosted voice says: from sign-up to a video that plays with captions, and what both have cost."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.browser_users import sign_up
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite, open_house
from tests.browser.new_video import fact, press
from tests.browser.typed import MOST_SECONDS, TITLE, plays_with_captions, speak_words, type_words, welcome
from tests.simulators.fixture import BRISK, running_simulators
from tests.support.pace import pace

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

READER, MODEL = "The Reader, en", "Kling Avatar 2.0 Pro"
SPOKEN_MICROS = 14_000  # two generations: a pause that is written begins another


@pytest.fixture(scope="module")
def live_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """One that knows the providers, whose parts the stand-ins play."""
    with (
        running_simulators(settings=BRISK) as simulators,
        open_house(tmp_path_factory.mktemp("hosted"), **simulators.environment) as opened,
    ):
        yield opened


def test_a_text_becomes_a_video_and_both_charges_are_on_the_statement(visit: Visit, live_site: LiveSite) -> None:
    ada = visit()
    page = ada.page
    slug = sign_up(ada, live_site, "typist@example.org")
    welcome(live_site, slug)
    before = live_site.ask("purse", slug)
    slowness, started = pace(), time.monotonic()
    type_words(ada, slug, cost="spoken for $0.014.", voice=READER)
    speak_words(page)
    page.get_by_role("radio", name=MODEL).check()
    expect(fact(page, "Made by")).to_have_text("Runware")  # by then its price is the one that is shown
    press(page)
    plays_with_captions(page)
    assert time.monotonic() - started < MOST_SECONDS * max(slowness, pace())

    ada.go(f"/w/{slug}/statement/")
    ada.nothing_went_wrong()
    lines = [" ".join(row.inner_text().split()) for row in page.locator("main tbody tr").all()]
    (voice,) = (line for line in lines if "Voice of “Good morning. Nobody recorded this, and it talks.”" in line)
    (video,) = (line for line in lines if TITLE in line)
    assert "2 generations at $0.007" in voice
    assert "s at $0.0870 a second" in video
    assert paid_in(voice) == SPOKEN_MICROS
    after = live_site.ask("purse", slug)
    assert (after["held"], before["posted"] - after["posted"]) == (0, SPOKEN_MICROS + paid_in(video))


def paid_in(line: str) -> int:
    """Micro-dollars."""
    amounts = re.findall(r"-\$(\d+\.\d{4})", line)
    return round(float(amounts[0]) * 1_000_000)
