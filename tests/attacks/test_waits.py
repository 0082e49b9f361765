"""Waiting has places: however many wait, and for whatever, another customer is served."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest

from studio.gateway.model_names import DRAFTS
from studio.gateway.models import Protocol
from tests.attacks.neighbour import held, neighbour
from tests.attacks.slow_host import SlowHost
from tests.simulators import loopback
from tests.studio.api.live import LiveApi
from tests.support.until import until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("attacks")]

WAIT, LONG_WAIT = 12, 24  # a hundred have come before the first of them has waited for so long
INPUTS = {"image_url": "https://files.example.com/a.jpg", "audio_url": "https://files.example.com/a.mp3"}
Ask = Callable[[], httpx.Response]


@contextmanager
def at_once(count: int, ask: Ask) -> Iterator[list[Future[httpx.Response]]]:
    with ThreadPoolExecutor(count) as pool:
        yield [pool.submit(ask) for _ in range(count)]


def waiting(site: LiveApi, render: str, seconds: int = WAIT) -> httpx.Response:
    with site.client() as client:
        return client.get(f"/renders/{render}", params={"wait": seconds}, timeout=60)


def has_a_place(site: LiveApi, render: str) -> bool:
    """Whether one who comes now waits, instead of being answered at once."""
    began = time.monotonic()
    waiting(site, render, 1)
    return time.monotonic() - began >= 0.9


def is_given_back(site: LiveApi, render: str) -> None:
    """Long before those who have gone would have waited to their end."""
    until(lambda: has_a_place(site, render), 20)


@pytest.mark.parametrize(("count", "wait"), [(8, WAIT), (100, LONG_WAIT)])
def test_waits_for_a_render_are_answered_early_when_there_is_no_place(
    site: LiveApi, render: str, count: int, wait: int
) -> None:
    began = time.monotonic()
    with at_once(count, lambda: waiting(site, render, wait)) as answers, neighbour(site.address):
        pass
    found = [answer.result() for answer in answers]
    assert {(each.status_code, each.json()["id"], each.json()["finished_at"]) for each in found} == {
        (200, render, None)
    }
    early = [each for each in found if each.elapsed.total_seconds() < wait - 1]
    assert (len(found) - len(early), time.monotonic() - began < 2 * wait) == (2, True)


def fal(site: LiveApi, path: str, method: str = "POST", **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Key {site.alice['test_token']}"}
    url = f"{site.address}/compat/fal/{path}"
    return loopback.request(method, url, headers=headers, trust_env=False, **options)


def impatient(ask: Ask) -> Ask:
    def give_up() -> httpx.Response:
        try:
            return ask()
        except httpx.ReadTimeout:
            return httpx.Response(599)

    return give_up


def test_the_synchronous_route_ends_with_its_client(site: LiveApi, render: str) -> None:
    def ask() -> httpx.Response:
        return fal(site, f"run/{DRAFTS[Protocol.FAL]}", json=INPUTS, timeout=3)

    with at_once(8, impatient(ask)) as answers, neighbour(site.address):
        pass
    found = [answer.result() for answer in answers]
    assert sorted(each.status_code for each in found) == [429] * 6 + [599] * 2
    refused = next(each for each in found if each.status_code == 429)
    assert (refused.json()["error_type"], refused.headers["Retry-After"]) == ("concurrent_requests_limit", "5")
    is_given_back(site, render)


def test_the_stream_ends_with_its_client(site: LiveApi, render: str) -> None:
    asked = fal(site, DRAFTS[Protocol.FAL], json=INPUTS, timeout=20).json()
    path = f"{'/'.join(DRAFTS[Protocol.FAL].split('/')[:2])}/requests/{asked['request_id']}/status/stream"

    def ask() -> httpx.Response:
        return fal(site, path, "GET", timeout=3)

    with at_once(8, impatient(ask)) as answers, neighbour(site.address):
        pass
    assert sorted(answer.result().status_code for answer in answers) == [429] * 6 + [599] * 2
    is_given_back(site, render)


def test_fetching_from_a_slow_address_is_waiting_too(site: LiveApi, render: str, slow: SlowHost) -> None:
    def ask() -> httpx.Response:
        with site.client() as client:
            body = {"kind": "portrait", "url": f"{slow.address}/portrait.jpg"}
            return client.post("/uploads", json=body, timeout=3)

    with at_once(8, impatient(ask)) as answers, neighbour(site.address):
        pass
    found = [answer.result() for answer in answers]
    assert sorted(each.status_code for each in found) == [503] * 6 + [599] * 2
    refused = next(each for each in found if each.status_code == 503)
    assert (refused.json()["code"], refused.headers["Retry-After"]) == ("busy", "5")
    is_given_back(site, render)


def test_one_who_waits_leaves_a_place_to_another_workspace(site: LiveApi, render: str) -> None:
    """Two of the four places of a process are the most that one workspace has."""
    bob = site.site.ask(
        "from tests.studio.api.seed import seed\nprint(json.dumps(seed('Bob', credit_micros=5_000_000)))"
    )
    wish = {"portrait": bob["portrait"], "voice": bob["voice"]}
    with site.client(bob["token"]) as client:
        his = client.post("/renders", json=wish).raise_for_status().json()["id"]
        with at_once(8, lambda: waiting(site, render, 4)):
            time.sleep(1)
            began = time.monotonic()
            client.get(f"/renders/{his}", params={"wait": 1}).raise_for_status()
            assert time.monotonic() - began >= 0.9


def test_a_client_that_hangs_up_behind_further_requests_gives_its_place_back(site: LiveApi, render: str) -> None:
    asked = f"GET /api/v1/renders/{render}?wait=30 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {{}}\r\n\r\n"
    with held(site.address, 2, asked.format(site.alice["token"]).encode() * 20):
        until(lambda: not has_a_place(site, render), 20)
    is_given_back(site, render)


def test_a_client_that_hangs_up_is_missed_by_nobody(site: LiveApi, render: str) -> None:
    for _ in range(6):
        with suppress(httpx.ReadTimeout), site.client() as client:
            client.get(f"/renders/{render}", params={"wait": 30}, timeout=0.3)
    is_given_back(site, render)
