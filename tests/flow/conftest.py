"""This site beside the providers' stand-ins, for the flows that go through them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from studio.media import portraits
from studio.media.faces import find_face
from studio.providers import registry
from tests.simulators.fixture import Simulators


@pytest.fixture(autouse=True, scope="session")
def _one_look_for_each_face() -> Iterator[None]:
    """Nearly every test here brings the same portrait, and to find its face takes a tenth of a second."""
    known: dict[bytes, Any] = {}

    def find_once(pixels: Any) -> Any:
        key = sha256(pixels).digest()
        if key not in known:
            known[key] = find_face(pixels)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portraits, "find_face", find_once)
        yield


@pytest.fixture
def site(
    settings: Any,
    simulators: Simulators,
    server_that_hangs_up: None,
    live_server: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Simulators:
    """This site as the providers see it: their keys and addresses set, ours reachable.

    The stand-ins' clocks run fast, so they are asked more often than the real ones would be.
    """
    for name in registry.PROVIDERS:
        provider = registry.provider(name)
        hurried = replace(provider.capabilities, poll_seconds=(0.1, 0.5))
        monkeypatch.setattr(provider, "capabilities", hurried, raising=False)
    for name, value in simulators.environment.items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = live_server.url
    return simulators
