"""The limits of drafts in each protocol's own words: at once where that can be known, else where a failure is told."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from studio.gateway.intake import start_request
from studio.gateway.models import GatewayRequest
from studio.models import Render
from studio.uploads.samples import add_samples
from tests.simulators import loopback
from tests.studio.gateway.conftest import Gateway

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_no_hurry")]
SENTENCE = "At most 1 draft of this token may wait; with 1 waiting now, this asks for 1 more. Ask again in 5 s."


@pytest.fixture
def key(gateway: Gateway, settings: Any) -> str:
    """A test token with one place to wait."""
    settings.DRAFTS_WAITING = {"workspace": 0, "token": 1}
    return gateway.token(test=True)


def call(gateway: Gateway, key: str, method: str, path: str, **options: Any) -> httpx.Response:
    scheme = "Key" if "/fal/" in path else "Bearer"
    headers = {"Authorization": f"{scheme} {key}"}
    return loopback.request(method, f"{gateway.url}/compat{path}", headers=headers, timeout=60, **options)


def fal(gateway: Gateway, key: str) -> httpx.Response:
    body = {"image_url": gateway.portrait, "audio_url": gateway.voice(2_100)}
    return call(gateway, key, "POST", "/fal/fal-ai/kling-video/ai-avatar/v2/standard", json=body)


def runware(gateway: Gateway, key: str) -> httpx.Response:
    inputs = {"image": gateway.portrait, "audio": gateway.voice(2_100)}
    task = {"taskType": "videoInference", "taskUUID": str(uuid4()), "model": "avatarstudio:draft@1", "inputs": inputs}
    return call(gateway, key, "POST", "/runware/v1", json=[task])


def aimlapi(gateway: Gateway, key: str) -> httpx.Response:
    body = {"model": "avatar-studio/draft", "image_url": gateway.portrait, "audio_url": gateway.voice(2_100)}
    return call(gateway, key, "POST", "/aimlapi/v2/video/generations", json=body)


def fill(gateway: Gateway, key: str) -> None:
    portrait, voice = add_samples(gateway.workspace)
    asked = {"portrait": portrait.pk, "voice": voice.pk, "model": "draft"}
    headers = {"Authorization": f"Bearer {key}"}
    loopback.post(f"{gateway.url}/api/v1/renders", json=asked, headers=headers, timeout=60).raise_for_status()


def test_a_request_above_the_limit_is_refused_at_once(gateway: Gateway, key: str) -> None:
    fill(gateway, key)
    refused = [door(gateway, key) for door in (fal, runware, aimlapi)]
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in refused] == [(429, "5")] * 3
    of_fal, of_runware, of_aimlapi = (answer.json() for answer in refused)
    assert of_fal == {"detail": SENTENCE, "error_type": "concurrent_requests_limit"}
    assert refused[0].headers["X-Fal-Error-Type"] == "concurrent_requests_limit"
    (error,) = of_runware["errors"]
    assert (error["code"], error["message"]) == ("rateLimitExceeded", SENTENCE)
    assert SENTENCE in str(of_aimlapi)
    assert (GatewayRequest.objects.count(), Render.objects.count()) == (0, 1)


def test_a_limit_that_is_met_later_is_told_as_a_failure_that_passes(gateway: Gateway, key: str) -> None:
    accepted = [door(gateway, key) for door in (fal, runware, aimlapi)]
    assert [answer.status_code for answer in accepted] == [200] * 3
    fill(gateway, key)
    for row in GatewayRequest.objects.all():
        assert start_request(row.pk) is True
    named = accepted[0].json()["request_id"]
    told = call(gateway, key, "GET", f"/fal/fal-ai/kling-video/requests/{named}")
    assert (told.status_code, told.headers["X-Fal-Needs-Retry"]) == (500, "1")
    assert [(one["type"], one["msg"]) for one in told.json()["detail"]] == [
        ("downstream_service_unavailable", SENTENCE)
    ]
    task = accepted[1].json()["data"][0]["taskUUID"]
    poll = call(gateway, key, "POST", "/runware/v1", json=[{"taskType": "getResponse", "taskUUID": task}]).json()
    assert [(error["code"], error["message"]) for error in poll["errors"]] == [("rateLimitExceeded", SENTENCE)]
    asked = {"generation_id": accepted[2].json()["id"]}
    path = "/aimlapi/v2/video/generations"
    assert call(gateway, key, "GET", path, params=asked).json()["error"] == {
        "name": "TooManyRequestsError",
        "message": SENTENCE,
    }
    assert Render.objects.count() == 1
