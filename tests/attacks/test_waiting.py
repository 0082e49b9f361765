"""More than a web process carries: whoever finds no thread is turned away in time, in the form of each door."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.simulators import loopback
from tests.studio.api.live import LiveApi, live_api
from tests.support.until import until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("attacks")]

THREADS = 16
MAY_WAIT, WAIT_SECONDS = 3, 6
SENTENCE = "The web server of this service has more to do than it can take now."
# What each door's answer is called, and where in it the sentence stands.
DOORS = {
    "/api/v1/renders": "application/problem+json",
    "/compat/fal/fal-ai/kling-video/ai-avatar/v2/pro": "application/json",
    "/compat/runware": "application/json",
    "/compat/aimlapi/v2/video/generations": "application/json",
    "/mcp": "application/json",
    "/price": "text/plain; charset=utf-8",
    "/account/login/": "text/html; charset=utf-8",
    "/": "text/html; charset=utf-8",
}


@dataclass(frozen=True)
class Crowd:
    site: LiveApi
    held: Path
    pool: ThreadPoolExecutor

    def ask(self, path: str, method: str = "GET", **headers: str) -> Future[httpx.Response]:
        ask = partial(loopback.request, headers=headers, trust_env=False)
        return self.pool.submit(ask, method, f"{self.site.address}{path}")

    def hold_all(self) -> list[Future[httpx.Response]]:
        asked = [self.ask("/account/login/", **{"X-Hold": f"held-{number}"}) for number in range(THREADS)]
        until(lambda: len(list(self.held.glob("held-*"))) == THREADS, 30)
        return asked

    def let_go(self) -> None:
        (self.held / "go").touch()

    def turned_away(self) -> dict[str, float]:
        """As the metrics count them."""
        told = self.ask("/metrics", Authorization="Bearer m").result().text
        lines = [line for line in told.splitlines() if line.startswith("avatar_requests_turned_away_total")]
        return {line.partition('"')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Crowd]:
    held = tmp_path / "held"
    held.mkdir()
    given = {"WEB_WAITING": str(MAY_WAIT), "WEB_WAIT_SECONDS": str(WAIT_SECONDS), "METRICS_TOKEN": "m"}
    application = "tests.attacks.held_wsgi.application"
    with (
        live_api(tmp_path / "site", application=application, HELD=str(held), **given) as site,
        ThreadPoolExecutor(max_workers=60) as pool,
    ):
        one = Crowd(site, held, pool)
        yield one
        one.let_go()


def test_beyond_its_threads_and_its_line_everybody_is_answered_in_time(crowd: Crowd) -> None:
    at_work = crowd.hold_all()
    told = crowd.ask("/hooks/stripe/", "POST")
    began = time.monotonic()
    asked = {path: crowd.ask(path) for path in DOORS}
    for path, form in DOORS.items():
        answer = asked[path].result()
        assert (answer.status_code, answer.headers["Retry-After"], answer.headers["Content-Type"]) == (503, "5", form)
        assert SENTENCE in answer.text
        assert answer.headers["X-Request-Id"]
    assert time.monotonic() - began >= WAIT_SECONDS  # the last of them stood in the line
    assert [crowd.ask(path).result().status_code for path in ("/healthz", "/healthz")] == [200, 200]
    assert not told.done()
    crowd.let_go()
    assert [each.result().status_code for each in at_work] == [200] * THREADS
    assert told.result().status_code not in (500, 503)
    assert "Service Unavailable" not in crowd.site.log()
    counted = crowd.turned_away()
    assert counted["many"] + counted["long"] == len(DOORS)
    assert counted["long"] in (MAY_WAIT - 1, MAY_WAIT)  # the webhook may have had one of the places in the line


def test_who_waits_in_the_line_is_served_as_soon_as_a_thread_is_free(crowd: Crowd) -> None:
    crowd.hold_all()
    asked = [crowd.ask("/account/login/") for _ in range(MAY_WAIT)]
    crowd.let_go()
    assert [each.result().status_code for each in asked] == [200] * MAY_WAIT
    assert crowd.turned_away() == {}


def test_in_a_line_that_stands_nobody_waits_long(crowd: Crowd) -> None:
    crowd.hold_all()
    never_sent_away = crowd.ask("/hooks/stripe/", "POST")
    time.sleep(WAIT_SECONDS + 2)
    began = time.monotonic()
    assert crowd.ask("/account/login/").result().status_code == 503
    assert time.monotonic() - began < WAIT_SECONDS - 1  # the server looks once a second when nothing else happens
    crowd.let_go()
    assert never_sent_away.result().status_code not in (500, 503)
