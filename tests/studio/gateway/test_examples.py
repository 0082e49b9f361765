"""The request examples of the providers' own pages, as they stand but for the address of their media."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.gateway.models import GatewayRequest
from studio.models import Render
from tests.simulators import loopback
from tests.simulators.fixture import Inbox
from tests.studio.gateway.conftest import Gateway
from tests.studio.gateway.driver import driver

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True)]
EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "examples.json").read_text(encoding="utf-8"))
CONTRACT = EXAMPLES["contract"]


def bearer(gateway: Gateway) -> dict[str, str]:
    return {"Authorization": f"Bearer {gateway.key}"}


def rendered() -> Render:
    """The render that the one request here has become, with the inputs that it named."""
    driver.turn()
    row = GatewayRequest.objects.select_related("render").get()
    assert row.render is not None, row.error
    assert {row.render.portrait.name, row.render.voice.name} == {"portrait-768x1024.jpg", "voice-4000.mp3"}
    return row.render


@pytest.mark.parametrize("task", [*EXAMPLES["runware"], CONTRACT["runware"]], ids=lambda task: task["taskUUID"][:8])
def test_each_example_of_runware_is_accepted(gateway: Gateway, inbox: Inbox, task: dict[str, Any]) -> None:
    task = task | {"inputs": {"image": gateway.portrait, "audio": gateway.voice()}}
    if "webhookURL" in task:
        task["webhookURL"] = f"{inbox.url}/hooks/runware?job=1&token=2"
    answer = loopback.post(f"{gateway.url}/compat/runware/v1", json=[task], headers=bearer(gateway))
    acknowledged = {"taskType": "videoInference", "taskUUID": task["taskUUID"]}
    assert (answer.status_code, answer.json()) == (200, {"data": [acknowledged]})
    render = rendered()
    assert (render.prompt, render.reference) == (task["positivePrompt"], task["taskUUID"])
    assert render.offer == f"runware:{task['model']}"


@pytest.mark.parametrize("form", ["", "/run"])
@pytest.mark.parametrize("example", EXAMPLES["fal"], ids=lambda example: example["endpoint"].rpartition("/")[2])
def test_each_example_of_fal_is_accepted(gateway: Gateway, example: dict[str, Any], form: str) -> None:
    arguments = example["arguments"] | {"image_url": gateway.portrait, "audio_url": gateway.voice()}
    url = f"{gateway.url}/compat/fal{form}/{example['endpoint']}"
    answer = loopback.post(url, json=arguments, headers={"Authorization": f"Key {gateway.key}"}, timeout=60)
    assert answer.status_code == 200
    assert (answer.json().get("status"), answer.json().get("duration")) in [("IN_QUEUE", None), (None, 4.0)]
    assert rendered().prompt == ""


def test_the_example_of_aimlapi_is_accepted(gateway: Gateway, settings: Any) -> None:
    settings.PUBLIC_URL = gateway.url  # this provider fetches its inputs from us
    body = CONTRACT["aimlapi"] | {"image_url": gateway.portrait, "audio_url": gateway.voice()}
    url = f"{gateway.url}/compat/aimlapi/v2/video/generations"
    answer = loopback.post(url, json=body, headers=bearer(gateway))
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert rendered().prompt == body["prompt"]
