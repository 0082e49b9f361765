"""The providers' own clients, unmodified, pointed at a door: the stand-ins', or our gateway's.

In a test module: ``pytest_plugins = ["tests.simulators.sdks"]``, then ask for ``fal_sdk``, or call ``with_runware``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol
from uuid import uuid4

import fal_client
import pytest
from fal_client import client as fal_module
from runware import Runware

from tests.simulators.fixture import Door
from tests.simulators.protocol_runware import STANDARD

VOICE_MS = 12_300


class Samples(Protocol):
    """A door, or whatever else knows a portrait and voices by their addresses."""

    @property
    def portrait(self) -> str: ...

    @property
    def voice(self) -> Callable[[int], str]: ...


@pytest.fixture
def fal_hosts(fal_door: Door, monkeypatch: pytest.MonkeyPatch) -> Door:
    """The client builds https addresses only, so its module's own constants point to the door."""
    monkeypatch.setattr(fal_module, "QUEUE_URL_FORMAT", fal_door.hosts["queue"] + "/")
    monkeypatch.setattr(fal_module, "RUN_URL_FORMAT", fal_door.hosts["run"] + "/")
    monkeypatch.setattr(fal_module, "REST_URL", fal_door.hosts["rest"])
    monkeypatch.setattr(fal_module, "CDN_URL", fal_door.hosts["cdn"])
    return fal_door


@pytest.fixture
def fal_sdk(fal_hosts: Door, closing: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> fal_client.SyncClient:
    """It leaves its CDN connections to the garbage collector, which our tests take for a leak."""
    client = fal_client.SyncClient(key=fal_hosts.key)
    closing(client._client)
    make = client._get_cdn_client
    monkeypatch.setattr(type(client), "_get_cdn_client", lambda _: closing(make()))
    return client


@pytest.fixture
def closing(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    def close_later(opened: Any) -> Any:
        request.addfinalizer(opened.close)
        return opened

    return close_later


def fal_arguments(samples: Samples, voice_ms: int = VOICE_MS) -> dict[str, Any]:
    return {"image_url": samples.portrait, "audio_url": samples.voice(voice_ms), "prompt": "."}


def with_runware(
    door: Door, work: Callable[[Runware], Coroutine[Any, Any, Any]], *, transport: str = "rest", key: str = ""
) -> Any:
    """What ``work`` gives, done with a client that is open meanwhile."""
    base = door.hosts["api"] + "/v1"

    async def main() -> Any:
        async with Runware(
            api_key=key or door.key,
            transport=transport,
            http_base_url=base,
            ws_base_url=base.replace("http", "ws", 1),
            retry_delay=20,
        ) as client:
            return await work(client)

    return asyncio.run(main())


def runware_order(samples: Samples, **options: Any) -> dict[str, Any]:
    return {
        "taskType": "videoInference",
        "taskUUID": str(uuid4()),
        "model": STANDARD,
        "includeCost": True,
        "inputs": {"image": samples.portrait, "audio": samples.voice(VOICE_MS)},
    } | options
