"""What docs/gateway.md tells users of fal's JavaScript clients to write, run as it stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.simulators import loopback
from tests.simulators.protocol_fal import STANDARD
from tests.studio.gateway.live import LiveGateway, documented
from tests.support.node import JsClient, js_client

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("live-gateway")]

CLIENTS = ["@fal-ai/client", "@fal-ai/serverless-client"]
ABOVE_ONE_PIECE = 90 * 1024 * 1024 + 1


@pytest.fixture
def site(live: LiveGateway) -> LiveGateway:
    return live


@pytest.fixture
def made(site: LiveGateway, tmp_path: Path) -> Iterator[Callable[..., JsClient]]:
    with ExitStack() as stack:

        def make(name: str, **options: Any) -> JsClient:
            return stack.enter_context(js_client(name, {"credentials": site.key} | options, log=tmp_path / "node.log"))

        yield make


@pytest.mark.parametrize("name", CLIENTS)
def test_the_middleware_serves_requests_and_uploads(
    site: LiveGateway, made: Callable[..., JsClient], name: str
) -> None:
    fal = made(name, middleware=documented(site.live.address))
    url = fal.call("storage.upload", {"$zeros": 1_000, "name": "портрет.jpg", "type": "image/jpg"})
    assert (loopback.get(url).content, url.startswith(site.live.address)) == (bytes(1_000), True)
    given = {"image_url": site.portrait, "audio_url": site.voice(4_000)}
    output = fal.call("subscribe", STANDARD, {"input": given, "pollInterval": 50})
    assert output.get("data", output)["duration"] == 4.0


def test_what_is_too_large_for_one_piece_comes_in_parts(site: LiveGateway, made: Callable[..., JsClient]) -> None:
    fal = made(CLIENTS[0], middleware=documented(site.live.address))
    url = fal.call("storage.upload", {"$zeros": ABOVE_ONE_PIECE, "name": "voice.wav", "type": "audio/wav"})
    assert len(loopback.get(url).content) == ABOVE_ONE_PIECE


def test_the_proxys_address_serves_both(site: LiveGateway, made: Callable[..., JsClient]) -> None:
    fal = made(CLIENTS[0], proxyUrl={"url": f"{site.live.address}/compat/fal/proxy", "when": "always"})
    url = fal.call("storage.upload", {"$zeros": 1_000, "name": "a.jpg", "type": "image/jpeg"})
    assert loopback.get(url).content == bytes(1_000)
    given = {"image_url": site.portrait, "audio_url": site.voice(4_000)}
    output = fal.call("subscribe", STANDARD, {"input": given, "mode": "streaming"})
    assert output["data"]["duration"] == 4.0
