"""This site beside the providers' stand-ins, for the flows that go through them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.servers.basehttp import ServerHandler

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
def site(settings: Any, simulators: Simulators, server_that_hangs_up: None, live_server: Any) -> Simulators:
    """This site as the providers see it: their keys and addresses set, ours reachable."""
    for name, value in simulators.environment.items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = live_server.url
    return simulators
