"""fal's clients in a page: everything posted to one address with the target in a header, and asked across origins."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from studio.gateway.models import GatewayRequest
from tests.simulators import loopback
from tests.simulators.fixture import eventually
from tests.studio.gateway.conftest import Gateway
from tests.studio.gateway.driver import driver

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True)]
FAL = "fal-ai/kling-video/ai-avatar/v2/standard"
APP = "https://queue.fal.run/fal-ai/kling-video"


def through(gateway: Gateway, method: str, target: str, *, key: str = "", **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Key {key or gateway.key}", "x-fal-target-url": target}
    return loopback.request(method, f"{gateway.url}/compat/fal/proxy", headers=headers, timeout=60, **options)


def arguments(gateway: Gateway) -> dict[str, str]:
    return {"image_url": gateway.portrait, "audio_url": gateway.voice()}


def test_a_whole_way_by_the_proxys_address(gateway: Gateway) -> None:
    job = through(gateway, "POST", f"https://queue.fal.run/{FAL}", json=arguments(gateway)).json()
    assert job["status_url"] == f"{gateway.url}/compat/fal/fal-ai/kling-video/requests/{job['request_id']}/status"

    def done() -> Any:
        driver.turn()
        told = through(gateway, "GET", f"{APP}/requests/{job['request_id']}/status?logs=1").json()
        return told if told["status"] == "COMPLETED" else None

    assert [line["message"] for line in eventually(done, "the end")["logs"]][-1] == "Ready"
    result = through(gateway, "GET", f"{APP}/requests/{job['request_id']}")
    assert (result.status_code, result.json()["duration"]) == (200, 4.0)
    assert through(gateway, "PUT", f"{APP}/requests/{job['request_id']}/cancel").json() == {
        "status": "ALREADY_COMPLETED"
    }


def test_the_query_of_the_target_counts_and_not_the_proxys(gateway: Gateway) -> None:
    hook = "https://hooks.example.com/in?a=b&c=d"
    target = str(httpx.URL(f"https://queue.fal.run/{FAL}", params={"fal_webhook": hook}))
    through(gateway, "POST", target, json=arguments(gateway), params={"fal_webhook": "https://other.example.com"})
    assert GatewayRequest.objects.get().webhook_url == hook


@pytest.mark.parametrize("host", ["rest.fal.ai", "rest.alpha.fal.ai"])
def test_uploads_begin_by_it(gateway: Gateway, host: str) -> None:
    begun = through(gateway, "POST", f"https://{host}/storage/upload/initiate", json={"file_name": "a.jpg"}).json()
    assert loopback.put(begun["upload_url"], content=b"hello").status_code == 200
    assert loopback.get(begun["file_url"]).content == b"hello"


@pytest.mark.parametrize(
    "target",
    [
        "",
        "queue.fal.run/x",
        "https://queue.fal.run",
        "https://queue.fal.run/",
        "ftp://queue.fal.run/x",
        "https://[broken/x",
        "https://evil.example/x",
        "https://queue.fal.run.evil.example/x",
        "https://queue.fal.run@evil.example/x",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_an_address_that_is_not_fals_leads_nowhere(gateway: Gateway, target: str) -> None:
    answer = through(gateway, "POST", target, json=arguments(gateway))
    assert (answer.status_code, answer.json()["detail"][:30]) == (400, "Say in x-fal-target-url which ")


@pytest.mark.parametrize("path", ["/../../admin/", "/%2e%2e/%2e%2e/api/v1/renders", "//api/v1/renders"])
def test_a_target_leads_to_fals_routes_alone(gateway: Gateway, path: str) -> None:
    answer = through(gateway, "GET", f"https://queue.fal.run{path}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/json")


def test_a_key_is_needed_as_at_the_routes_themselves(gateway: Gateway) -> None:
    answer = through(gateway, "GET", f"{APP}/requests/{uuid4()}/status", key="ast_live_no")
    assert (answer.status_code, answer.json()) == (401, {"detail": "No user found for Key ID and Secret"})


@pytest.mark.parametrize("path", [FAL, "proxy", "rest/storage/upload/initiate", "cdn/upload/x/1", "run/" + FAL])
def test_a_page_of_any_site_may_ask(gateway: Gateway, path: str) -> None:
    url, origin = f"{gateway.url}/compat/fal/{path}", {"Origin": "https://shop.example.org"}
    wanted = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type,x-fal-target-url,x-fal-queue-priority",
    }
    before = loopback.request("OPTIONS", url, headers=origin | wanted)
    allowed = {word.strip() for word in before.headers["Access-Control-Allow-Headers"].split(",")}
    assert (before.status_code, before.headers["Access-Control-Allow-Origin"]) == (200, origin["Origin"])
    assert set(wanted["Access-Control-Request-Headers"].split(",")) <= allowed
    assert "PUT" in before.headers["Access-Control-Allow-Methods"]
    answer = loopback.post(url, headers=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == origin["Origin"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/api/v1/renders", "/accounts/login/", "/compat/runware/v1"])
def test_no_other_door_is_opened_to_pages_by_that(gateway: Gateway, path: str) -> None:
    answer = loopback.get(gateway.url + path, headers={"Origin": "https://shop.example.org"})
    assert "access-control-allow-origin" not in answer.headers
