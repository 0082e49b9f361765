"""This site beside the providers' stand-ins, for the flows that go through them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.servers.basehttp import ServerHandler

from studio.providers import registry
from tests.simulators.fixture import Simulators


@pytest.fixture
def server_that_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's test server leaves connections that are kept alive unclosed behind, and that is a warning."""
    original = ServerHandler.cleanup_headers

    def hang_up(self: ServerHandler) -> None:
        original(self)
        self.headers["Connection"] = "close"
        self.request_handler.close_connection = True

    monkeypatch.setattr(ServerHandler, "cleanup_headers", hang_up)


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
