"""This site beside the providers' stand-ins, for the flows that go through them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from studio.providers import registry
from tests.simulators.fixture import Simulators


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
