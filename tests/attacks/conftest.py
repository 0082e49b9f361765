from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.slow_host import SlowHost, slow_host
from tests.studio.api.live import LiveApi, live_api


@pytest.fixture(scope="session")
def slow() -> Iterator[SlowHost]:
    with slow_host() as host:
        yield host


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, slow: SlowHost) -> Iterator[LiveApi]:
    """No worker: what is asked for is never ready, and whoever waits for it waits to the end."""
    variables = {"TRUSTED_MEDIA_SOURCES": slow.address, "API_READS_PER_MINUTE": "0", "API_WRITES_PER_MINUTE": "0"}
    with live_api(tmp_path_factory.mktemp("attacks"), **variables) as live:
        yield live


@pytest.fixture(scope="session")
def render(site: LiveApi) -> str:
    """A render of Alice's that does not end."""
    wish = {"portrait": site.alice["portrait"], "voice": site.alice["voice"]}
    with site.client() as client:
        return str(client.post("/renders", json=wish).raise_for_status().json()["id"])
