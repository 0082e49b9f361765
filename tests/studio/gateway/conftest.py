"""The gateway as a client sees it: a real server, a workspace with credit, and providers that are our stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from avatarsite.workspaces.models import Scope, User, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.ledger import posting
from billing.prices import price_book
from billing.verify import verification
from studio.gateway.fal import sync
from tests.simulators.fixture import Door, Inbox, Simulators, eventually, open_inbox
from tests.studio.gateway.driver import driven, driver
from tests.studio.gateway.live import LiveGateway, live_gateway

BALANCE = 100_000_000


@dataclass(frozen=True)
class Gateway:
    """Our server, who asks, and with what."""

    url: str
    workspace: Workspace
    owner: User
    key: str
    source: str  # where portraits and voices are

    @property
    def portrait(self) -> str:
        return f"{self.source}/_samples/portrait-768x1024.jpg"

    def voice(self, ms: int = 4_000) -> str:
        return f"{self.source}/_samples/voice-{ms}.mp3"

    def token(self, *scopes: Scope, **options: Any) -> str:
        return make_token(self.workspace, user=self.owner, name="Another", scopes=scopes or list(Scope), **options)[1]

    def door(self, protocol: str, hosts: dict[str, str]) -> Door:
        base = f"{self.url}/compat/{protocol}"
        return Door(self.key, {name: base + path for name, path in hosts.items()}, self.portrait, self.voice)


@pytest.fixture(scope="session")
def live_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """One site with its processes, for all tests of the group ``live-gateway``."""
    with live_gateway(tmp_path_factory.mktemp("live-gateway")) as opened:
        yield opened


@pytest.fixture
def live(live_site: LiveGateway) -> Iterator[LiveGateway]:
    """No test leaves money on hold to the next."""
    live_site.as_new()
    yield live_site
    live_site.let_end()


class DrivingInbox(Inbox):
    """Waiting for a letter lets the worker work."""

    def wait(self, count: int = 1) -> list[Any]:
        def arrived() -> bool:
            driver.turn()
            return len(self.letters) >= count

        eventually(arrived, f"{count} letter(s)")
        return self.letters[:]


@pytest.fixture
def gateway(  # noqa: PLR0917 -- fixtures
    settings: Any,
    simulators: Simulators,
    server_that_hangs_up: None,
    live_server: Any,
    workspace: Workspace,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Gateway]:
    """Our server beside the stand-ins, with their keys. Nothing runs but when a client asks."""
    for name, value in simulators.environment.items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = ""  # their letters would come in beside the client's requests
    settings.SITE_URL = live_server.url
    settings.TRUSTED_MEDIA_SOURCES = [simulators.runware.base]
    # The server has read its middleware long ago, so its handler is what is changed.
    monkeypatch.setattr(WSGIHandler, "get_response", driven(WSGIHandler.get_response))
    monkeypatch.setattr(sync, "pause", driver.turn)
    monkeypatch.setattr(driver, "stopped", False)
    price_book.seed_prices()
    posting.grant(workspace, BALANCE, key="gateway", reason="a test")
    secret = make_token(workspace, user=alice, name="The client", scopes=list(Scope))[1]
    yield Gateway(live_server.url, workspace, alice, secret, simulators.runware.base)
    assert verification.verify() == []


@pytest.fixture
def inbox(gateway: Gateway, settings: Any) -> Iterator[Inbox]:
    with open_inbox(DrivingInbox) as opened:
        settings.TRUSTED_UPLOAD_ENDPOINTS = [opened.url]
        yield opened


@pytest.fixture
def in_no_hurry(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs: whatever is asked for waits."""
    monkeypatch.setattr(driver, "stopped", True)


@pytest.fixture
def runware_door(gateway: Gateway, simulators: Simulators) -> Door:
    return gateway.door("runware", {"api": "", "files": "/nothing"})


@pytest.fixture
def fal_door(gateway: Gateway) -> Door:
    parts = {"queue": "", "run": "/run", "rest": "/rest", "cdn": "/cdn", "platform": "/platform"}
    return gateway.door("fal", parts)


@pytest.fixture
def aimlapi_door(gateway: Gateway, settings: Any) -> Door:
    settings.PUBLIC_URL = gateway.url  # this provider fetches its inputs from us
    return gateway.door("aimlapi", {"api": "", "files": "/nothing"})
