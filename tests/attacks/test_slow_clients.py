"""Whoever sends or reads slowly holds no thread."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.attacks.neighbour import held, neighbour
from tests.studio.api.live import LiveApi

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("attacks")]
sent_by_us = pytest.mark.sqlite  # a bucket sends its files itself

BIG = 60_000_000
LINK = """
from pathlib import Path
from django.conf import settings
from studio.storage.local import signed_link
file = Path(settings.MEDIA_ROOT) / "w/big.mp4"
file.parent.mkdir(parents=True, exist_ok=True)
with file.open("wb") as big:
    big.truncate({size})
print(json.dumps(signed_link("w/big.mp4")))
"""


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST /api/v1/renders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n{",
        b"PUT /api/v1/slots/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 90000000\r\n\r\n" + b"x" * 50_000,
        b"POST /hooks/stripe/ HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"POST /account/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    ],
    ids=["silent", "half a header", "slow body", "slow upload", "slow chunks", "told to go on"],
)
def test_fifty_that_are_slow_to_send_stop_nobody(site: LiveApi, beginning: bytes) -> None:
    with held(site.address, 50, beginning), neighbour(site.address):
        pass


@pytest.fixture(scope="module")
def link(site: LiveApi) -> str:
    return site.address + str(site.site.ask(LINK.format(size=BIG)))


@sent_by_us
@pytest.mark.parametrize("part", ["", "Range: bytes=1000-\r\n"], ids=["whole", "range"])
def test_forty_that_are_slow_to_read_stop_nobody(site: LiveApi, link: str, part: str) -> None:
    asked = f"GET {link.removeprefix(site.address)} HTTP/1.1\r\nHost: 127.0.0.1\r\n{part}\r\n".encode()
    with held(site.address, 40, asked), neighbour(site.address):
        pass


@sent_by_us
def test_a_range_is_sent_whole_and_no_more(site: LiveApi, link: str) -> None:
    with httpx.Client(trust_env=False, timeout=30) as client:
        part = client.get(link, headers={"Range": "bytes=1000-3000999"})
        assert (part.status_code, len(part.content)) == (206, 3_000_000)
        assert part.headers["Content-Range"] == f"bytes 1000-3000999/{BIG}"
        # On the same connection: nothing of the file was left over.
        assert json.loads(client.get(f"{site.address}/healthz").content)["database"] == "ok"


@sent_by_us
def test_head_has_the_headers_and_no_body(site: LiveApi, link: str) -> None:
    with httpx.Client(trust_env=False, timeout=30) as client:
        for url in (link, f"{site.address}/healthz", f"{site.address}/account/login/"):
            head = client.head(url)
            assert (head.status_code, head.content, int(head.headers["Content-Length"]) > 0) == (200, b"", True)
        assert client.get(f"{site.address}/healthz").json()["database"] == "ok"
