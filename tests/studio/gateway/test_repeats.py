"""What a client sends again because its answer was lost: one request, one video, one charge."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import fal_client
import httpx
import pytest
from fal_client import client as fal_module

from avatarsite.workspaces.models import ApiToken
from studio.gateway.intake import start_request
from studio.gateway.models import GatewayRequest
from studio.models import Render
from tests.simulators import loopback
from tests.simulators.fixture import Door
from tests.studio.gateway.conftest import Gateway
from tests.studio.gateway.driver import driver
from tests.studio.gateway.test_rules import FAL, arguments, fal

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True)]
KEY = {"Idempotency-Key": "order-4711"}


def aimlapi(gateway: Gateway, **also: Any) -> httpx.Response:
    body = arguments(gateway, model="klingai/avatar-standard") | also
    headers = {"Authorization": f"Bearer {gateway.key}"} | KEY
    return loopback.post(f"{gateway.url}/compat/aimlapi/v2/video/generations", json=body, headers=headers)


def test_a_submit_to_fal_with_a_key_is_one_request(gateway: Gateway) -> None:
    first, again = (fal(gateway, "POST", FAL, json=arguments(gateway), headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["request_id"] == again.json()["request_id"]
    assert UUID(first.json()["request_id"]).version == 4
    driver.turn()
    assert (
        fal(gateway, "POST", FAL, json=arguments(gateway), headers=KEY).json()["request_id"]
        == (first.json()["request_id"])
    )
    assert (GatewayRequest.objects.count(), Render.objects.count()) == (1, 1)


def test_a_run_with_a_key_gives_the_same_video_again(gateway: Gateway) -> None:
    first, again = (fal(gateway, "POST", f"run/{FAL}", json=arguments(gateway), headers=KEY) for _ in range(2))
    assert (first.json(), again.status_code, Render.objects.count()) == (again.json(), 200, 1)


def test_a_generation_with_a_key_is_one(gateway: Gateway, settings: Any) -> None:
    settings.PUBLIC_URL = gateway.url  # this provider fetches its inputs from us
    first, again = aimlapi(gateway), aimlapi(gateway)
    assert (first.json()["id"], GatewayRequest.objects.count()) == (again.json()["id"], 1)
    refused = aimlapi(gateway, prompt="Something else.")
    assert (refused.status_code, "Idempotency-Key" in refused.json()["message"]) == (400, True)


@pytest.mark.parametrize("change", [{"prompt": "Something else."}, {"audio_url": 1}])
def test_a_key_is_not_used_for_something_else(gateway: Gateway, change: dict[str, Any]) -> None:
    fal(gateway, "POST", FAL, json=arguments(gateway), headers=KEY).raise_for_status()
    refused = fal(gateway, "POST", FAL, json=arguments(gateway) | change, headers=KEY)
    assert (refused.status_code, "Idempotency-Key" in refused.json()["detail"]) == (422, True)
    by_test = fal(gateway, "POST", FAL, json=arguments(gateway), headers=KEY, key=gateway.token(test=True))
    assert (by_test.status_code, GatewayRequest.objects.count()) == (422, 1)


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "caf\u00e9"])
def test_a_key_that_is_none_is_refused(gateway: Gateway, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = fal(gateway, "POST", FAL, json=arguments(gateway), headers=headers)
    assert (answer.status_code, GatewayRequest.objects.count()) == (422, 0)


def test_fal_client_may_lose_every_other_answer(
    gateway: Gateway, fal_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client sends a submit again by itself when the connection breaks; with a key that is one video."""
    monkeypatch.setattr(fal_module, "QUEUE_URL_FORMAT", fal_door.hosts["queue"] + "/")
    sent: list[str] = []

    def lose(response: httpx.Response) -> None:
        sent.append(response.request.method)
        if sent.count("POST") == 1:
            raise httpx.ReadTimeout("the answer was lost", request=response.request)

    client = fal_client.SyncClient(key=gateway.key)
    with client._client:
        client._client.event_hooks = {"response": [lose]}
        handle = client.submit(FAL, arguments(gateway), headers=KEY)
        assert handle.get()["duration"] == 4.0
    assert (sent[:2], Render.objects.count()) == (["POST", "POST"], 1)


@pytest.mark.usefixtures("in_no_hurry")
def test_a_request_whose_token_is_gone_is_not_charged_for_real(gateway: Gateway) -> None:
    job = fal(gateway, "POST", FAL, json=arguments(gateway), key=gateway.token(test=True)).json()
    ApiToken.objects.filter(test=True).delete()
    assert start_request(GatewayRequest.objects.get().pk) is True
    assert (fal(gateway, "GET", job["response_url"]).status_code, Render.objects.count()) == (500, 0)


def test_what_is_not_to_be_kept_is_forgotten(gateway: Gateway) -> None:
    fal(gateway, "POST", FAL, json=arguments(gateway), headers={"X-Fal-Store-IO": "0"} | KEY).raise_for_status()
    driver.turn()
    row = GatewayRequest.objects.get()
    assert (row.body, row.params.keys(), Render.objects.count()) == ({}, {"digest"}, 1)
