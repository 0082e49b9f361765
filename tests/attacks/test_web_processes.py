"""The web server’s processes: replaced when they die, ended gracefully, and believing no header of a visitor."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.studio.api.live import LiveApi, live_api
from tests.support.processes import lives, told
from tests.support.until import until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("attacks")]

ALERTS = (
    "from avatarsite.models import Alert\nprint(json.dumps(list(Alert.objects.values_list('kind', 'key', 'count'))))"
)


def children(live: LiveApi) -> list[psutil.Process]:
    """The web processes; the sandbox for media, which the first of them starts, is no such."""
    found = psutil.Process(live.started[0].pid).children()
    return [child for child in found if lives(child) and "web" in told(child.cmdline, [])]


def connections_of(live: LiveApi) -> int:
    found = [one for child in children(live) for one in child.net_connections("tcp")]
    return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == urlsplit(live.address).port for one in found)


def test_a_process_that_dies_is_replaced(tmp_path: Path) -> None:
    with live_api(tmp_path, is_program=True, processes=2) as live:
        before = {child.pid for child in children(live)}
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len({child.pid for child in children(live)} - before) == 1, 20)
        for _ in range(10):
            assert httpx.get(f"{live.address}/healthz", timeout=10, trust_env=False).status_code == 200


def test_what_is_under_way_is_answered_before_it_ends(tmp_path: Path) -> None:
    with (
        live_api(tmp_path, is_program=True, processes=2) as live,
        live.client() as client,
        ThreadPoolExecutor() as pool,
    ):
        wish = {"portrait": live.alice["portrait"], "voice": live.alice["voice"]}
        render = client.post("/renders", json=wish).json()["id"]
        waiting = pool.submit(
            httpx.get, f"{live.api}/renders/{render}?wait=30", headers=client.headers, trust_env=False, timeout=60
        )
        until(lambda: connections_of(live) == 2, 20)  # the one above is kept
        time.sleep(1)
        began = time.monotonic()
        live.started[0].terminate()
        assert waiting.result().json()["id"] == render
        assert (live.started[0].wait(60), time.monotonic() - began < 20) == (0, True)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{live.address}/healthz", trust_env=False)


def test_its_children_end_with_it(tmp_path: Path) -> None:
    with live_api(tmp_path, is_program=True) as live:
        (child,) = children(live)
        live.started[0].kill()
        until(lambda: not lives(child), 20)


def test_a_proxy_that_nobody_named_is_told_of_once(tmp_path: Path) -> None:
    with live_api(tmp_path, is_program=True) as live:
        for _ in range(5):
            claims = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example.org"}
            httpx.get(f"{live.address}/healthz", headers=claims, trust_env=False)
            httpx.post(f"{live.address}/hooks/stripe/", headers=claims, content=b"{}", trust_env=False)
        assert live.site.ask(ALERTS) == [["proxies", "TRUSTED_PROXIES", 1]]
        seen = "from avatarsite.inbox.models import InboundEvent\nprint(json.dumps(InboundEvent.objects.get().address))"
        assert live.site.ask(seen) == "127.0.0.1"


def test_a_proxy_that_is_named_is_believed(tmp_path: Path) -> None:
    with live_api(tmp_path, is_program=True, TRUSTED_PROXIES="1") as live:
        claims = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
        httpx.post(f"{live.address}/hooks/stripe/", headers=claims, content=b"{}", trust_env=False)
        seen = "from avatarsite.inbox.models import InboundEvent\nprint(json.dumps(InboundEvent.objects.get().address))"
        assert (live.site.ask(ALERTS), live.site.ask(seen)) == ([], "203.0.113.9")
