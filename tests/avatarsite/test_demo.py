"""Under which names the demo's site answers: those of its settings, as any other start of it."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from avatarsite.management.commands import simulate
from tests.simulators.fixture import eventually
from tests.support.sites import fresh_site

pytestmark = pytest.mark.process
NAME = "studio.example:8000"
SERVE = "import django; django.setup(); from avatarsite.management.commands.demo import serve; serve({port})"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status(port: int, host: str) -> int | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/account/login/", headers={"Host": host}, timeout=60).status_code
    except httpx.TransportError:
        return None


@pytest.mark.parametrize(
    ("given", "good", "bad"),
    [
        ({"PUBLIC_URL": f"http://{NAME}"}, [NAME, "127.0.0.1", "localhost"], ["evil.example"]),
        ({"ALLOWED_HOSTS": "one.example"}, ["one.example"], ["studio.example"]),
        ({}, ["127.0.0.1", "localhost"], ["studio.example"]),
    ],
)  # fmt: skip
def test_the_demo_answers_where_its_settings_say(
    given: dict[str, str], good: list[str], bad: list[str], tmp_path: Path
) -> None:
    port = free_port()
    with fresh_site(tmp_path, **{"PUBLIC_URL": "", "ALLOWED_HOSTS": "", **given}) as site:
        demo = site.start("-c", SERVE.format(port=port), log="demo.log")
        try:
            eventually(lambda: status(port, good[0]), "the site", seconds=60)
            assert [status(port, host) for host in (*good, *bad)] == [200] * len(good) + [400] * len(bad)
            if "PUBLIC_URL" in given:
                assert signing_in(port, given["PUBLIC_URL"]) == 200
                assert signing_in(port, "http://evil.example") == 403
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.wait(90)


def signing_in(port: int, origin: str) -> int:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Host": NAME}, timeout=60) as browser:
        page = browser.get("/account/login/").text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found
        token = browser.cookies.get("csrftoken") or ""
        sent = {"csrfmiddlewaretoken": found[1], "login": "nobody@example.org", "password": "x"}
        headers = {"Origin": origin, "Cookie": f"csrftoken={token}"}
        return browser.post("/account/login/", data=sent, headers=headers).status_code


@pytest.mark.parametrize(
    ("given", "found"), [("", "http://127.0.0.1:8123"), ("https://tunnel.example", "https://tunnel.example")]
)
def test_the_stand_ins_site_has_the_public_address_that_is_set(
    given: str, found: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUBLIC_URL = given
    monkeypatch.setenv("PUBLIC_URL_FILE", "/run/secrets/url")
    environment = simulate._environment({}, 8123)
    assert (environment["PUBLIC_URL"], "PUBLIC_URL_FILE" in environment) == (found, False)
