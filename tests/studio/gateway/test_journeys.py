"""Every kind of token through every door to every end, by the real watch: also the draft of a test token has an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from avatarsite.models import Alert
from avatarsite.queue.sweeping import sweep
from avatarsite.workspaces.models import Scope
from billing.ledger import posting
from billing.prices import price_book
from studio.models import Outcome, Render
from studio.pipeline.drive import drive
from studio.pipeline.watch.loop import watch
from studio.providers import local, registry
from studio.uploads.samples import add_samples
from tests.simulators import loopback
from tests.studio.gateway.conftest import BALANCE, Gateway
from tests.studio.gateway.driver import driver

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_no_hurry")]
ENDS = ("ready", "failed", "cancelled", "timed out")
CANCELLED_IN = {"fal": "PUT", "api": "POST"}  # the other two protocols have no cancel: that is done on the page


@dataclass
class Engine:
    """The draft engine itself, whose jobs begin when we say so."""

    begin: Callable[[Path], None]
    held: dict[str, Path] = field(default_factory=dict)

    def hold(self, folder: Path) -> None:
        self.held[folder.name] = folder

    def let_go(self, render: Render, *, spoilt: bool = False) -> None:
        folder = self.held[render.jobs.get().reference]
        if spoilt:
            next(folder.glob("portrait*")).write_bytes(b"not a picture any more")
        self.begin(folder)


@pytest.fixture
def engine(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    settings.PROVIDERS_AT_ONCE = {}  # all of them are held at the engine at once
    found = Engine(local.engine.start_job)
    monkeypatch.setattr(local.engine, "start_job", found.hold)
    return found


class Doors:
    """What a program with this token says at each door."""

    def __init__(self, gateway: Gateway, key: str) -> None:
        self.gateway, self.key = gateway, key
        self.references: dict[tuple[str, str], str] = {}
        self.portrait, self.voice = (upload.pk for upload in add_samples(gateway.workspace))

    def ask(self, door: str, end: str) -> None:
        self.references[door, end] = getattr(self, f"_{door}")()

    def call(self, method: str, path: str, scheme: str = "Bearer", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"{scheme} {self.key}"}
        return loopback.request(method, f"{self.gateway.url}{path}", headers=headers, timeout=60, **options)

    def _api(self) -> str:
        wish = {"portrait": self.portrait, "voice": self.voice, "model": "draft"}
        return str(self.call("POST", "/api/v1/renders", json=wish).raise_for_status().json()["id"])

    def _fal(self) -> str:
        body = {"image_url": self.gateway.portrait, "audio_url": self.gateway.voice(2_100)}
        made = self.call("POST", "/compat/fal/avatar-studio/draft", "Key", json=body).raise_for_status()
        return str(made.json()["request_id"])

    def _runware(self) -> str:
        inputs = {"image": self.gateway.portrait, "audio": self.gateway.voice(2_100)}
        task = {"taskType": "videoInference", "taskUUID": str(uuid4()), "model": "avatarstudio:draft@1"}
        self.call("POST", "/compat/runware/v1", json=[task | {"inputs": inputs}]).raise_for_status()
        return task["taskUUID"]

    def _aimlapi(self) -> str:
        body = {"model": "avatar-studio/draft", "image_url": self.gateway.portrait}
        body["audio_url"] = self.gateway.voice(2_100)
        made = self.call("POST", "/compat/aimlapi/v2/video/generations", json=body).raise_for_status()
        return str(made.json()["id"])

    def render(self, door: str, end: str) -> Render:
        named = self.references[door, end]
        return Render.objects.get(pk=named) if door == "api" else Render.objects.get(reference=named)

    def cancel(self, door: str, page: Client) -> None:
        named = self.references[door, "cancelled"]
        if door == "api":
            self.call("POST", f"/api/v1/renders/{named}/cancel").raise_for_status()
        elif door == "fal":
            said = self.call("PUT", f"/compat/fal/avatar-studio/draft/requests/{named}/cancel", "Key")
            assert (said.status_code, said.json()["status"]) == (202, "CANCELLATION_REQUESTED")
        else:
            address = f"/w/{self.gateway.workspace.slug}/videos/{self.render(door, 'cancelled').pk}/cancel/"
            assert page.post(address).status_code == 302

    def word_of(self, door: str, end: str) -> str:
        """The door's own word for how it ended."""
        named = self.references[door, end]
        if door == "api":
            return str(self.call("GET", f"/api/v1/renders/{named}").json()["state"])
        if door == "fal":
            path = f"/compat/fal/avatar-studio/draft/requests/{named}"
            assert self.call("GET", f"{path}/status", "Key").json()["status"] == "COMPLETED"
            return str(self.call("GET", path, "Key").status_code)
        if door == "runware":
            poll = [{"taskType": "getResponse", "taskUUID": named}]
            body = self.call("POST", "/compat/runware/v1", json=poll).json()
            return str([item["status"] for item in body["data"]] or [error["code"] for error in body["errors"]])
        path = "/compat/aimlapi/v2/video/generations"
        return str(self.call("GET", path, params={"generation_id": named}).json()["status"])


WORDS = {
    "api": ("ready", "failed", "cancelled", "failed"),
    "fal": ("200", "422", "499", "504"),
    "runware": ("['success']", "['invalidProviderInput']", "['taskCancelled']", "['timeoutProvider']"),
    "aimlapi": ("completed", "error", "error", "error"),
}


@pytest.mark.parametrize("scope", [Scope.RENDER, Scope.ADMIN])
@pytest.mark.parametrize("test", [True, False], ids=["test token", "live token"])
def test_a_render_of_any_token_by_any_door_comes_to_its_end(
    test: bool, scope: Scope, gateway: Gateway, engine: Engine
) -> None:
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=10_000, source="a test")
    doors, page = Doors(gateway, gateway.token(scope, test=test)), Client()
    page.force_login(gateway.owner, backend="avatarsite.workspaces.signing_in.known.SignedIn")
    for door in WORDS:
        for end in ENDS:
            doors.ask(door, end)
    driver._tasks()  # the gateway's requests become renders
    watch(run_seconds=3.0)
    offer = registry.TEST_OFFER if test else "local:draft"
    stand = Render.objects.values_list("state", "offer", "test", "jobs__outcome")
    assert list(stand) == [("rendering", offer, test, Outcome.ACCEPTED)] * len(doors.references)

    for door in WORDS:
        engine.let_go(doors.render(door, "ready"))
        engine.let_go(doors.render(door, "failed"), spoilt=True)
        doors.cancel(door, page)
        Render.objects.filter(pk=doors.render(door, "timed out").pk).update(deadline_at=timezone.now())
    assert sweep()["overdue"] == 0  # the engine is asked to stop first
    ends = time.monotonic() + 600
    while Render.objects.exclude(state__in=("ready", "failed", "cancelled")).exists():
        assert time.monotonic() < ends
        watch(run_seconds=3.0)
        driver._tasks()

    for door, words in WORDS.items():
        assert (door, tuple(doors.word_of(door, end) for end in ENDS)) == (door, words)
        renders = [doors.render(door, end) for end in ENDS]
        assert [render.state for render in renders] == ["ready", "failed", "cancelled", "failed"]
        assert [render.failure_code for render in renders] == ["", "input", "", "overdue"]
        assert all(page.get(f"/w/{gateway.workspace.slug}/videos/{one.pk}/").status_code == 200 for one in renders)
    charged = sum(render.charge_micros or 0 for render in Render.objects.all())
    balance = posting.balance(gateway.workspace)
    assert (balance.posted_micros, balance.held_micros) == (BALANCE - charged, 0)
    assert (charged == 0) == test
    assert not Alert.objects.exists()


def test_a_test_is_asked_for_again_on_its_page_and_driven_without_a_worker(
    gateway: Gateway, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors, page = Doors(gateway, gateway.token(Scope.RENDER, test=True)), Client()
    page.force_login(gateway.owner, backend="avatarsite.workspaces.signing_in.known.SignedIn")
    doors.ask("api", "ready")
    monkeypatch.setattr(local.engine, "start_job", engine.begin)
    first = drive(doors.render("api", "ready").pk)
    page.post(f"/w/{gateway.workspace.slug}/videos/{first.pk}/retry/")
    second = drive(Render.objects.exclude(pk=first.pk).get().pk)
    assert [(one.state, one.test, one.charge_micros) for one in (first, second)] == [("ready", True, 0)] * 2
