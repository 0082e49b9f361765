"""The providers' own clients, unmodified, render through this product: at the stand-ins, and with the draft engine."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import fal_client
import pytest
from runware import Runware, RunwareError

from billing.holds.holds import place_hold, settle_hold
from billing.ledger import posting
from billing.models import Usage
from billing.prices import price_book
from studio.gateway.models import GatewayRequest
from studio.models import Render, RenderState
from tests.simulators import loopback
from tests.simulators.fixture import Door, Inbox, Simulators, eventually
from tests.simulators.measure import fetch_and_measure, measure
from tests.simulators.protocol_fal import STANDARD as FAL_STANDARD
from tests.simulators.protocol_fal import is_sealed
from tests.simulators.sdks import fal_arguments, runware_order, with_runware
from tests.studio.gateway.conftest import Gateway
from tests.studio.gateway.tls import tls_before

pytest_plugins = ["tests.simulators.fixture", "tests.simulators.sdks"]
pytestmark = [pytest.mark.django_db(transaction=True)]
SCRIPT = Path(__file__).with_name("fal_by_environment.py")
DRAFT_MICROS = 10_000


@pytest.fixture
def draft_costs() -> None:
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=DRAFT_MICROS, source="a test")


def charged() -> int:
    """What the ledger says that the one render here has cost, in micro-dollars."""
    render = Render.objects.get()
    usage = Usage.objects.get(subject=f"render:{render.pk}")
    assert (render.state, render.charge_micros) == (RenderState.READY, usage.amount_micros)
    return usage.amount_micros


# --- fal-client


def test_fal_client_subscribes_with_logs(fal_sdk: fal_client.SyncClient, gateway: Gateway) -> None:
    seen: list[Any] = []
    output = fal_sdk.subscribe(
        FAL_STANDARD, fal_arguments(gateway), with_logs=True, interval=0.02, on_queue_update=seen.append
    )
    assert {type(update) for update in seen} >= {fal_client.Queued, fal_client.Completed}
    assert [line["message"] for line in seen[-1].logs] == [
        "Waiting for its turn", "Sending to the provider", "Rendering", "Copying and checking", "Ready",
    ]  # fmt: skip
    assert (output["duration"], fetch_and_measure(output["video"]["url"]).ms) == (12.266, 12_266)
    assert charged() == 539_704  # 12.266 s at $0.044


def test_fal_client_renders_a_draft(fal_sdk: fal_client.SyncClient, gateway: Gateway, draft_costs: None) -> None:
    output = fal_sdk.subscribe("avatar-studio/draft", fal_arguments(gateway, 2_000), interval=0.1)
    assert charged() == output["duration"] * DRAFT_MICROS
    assert measure(loopback.get(output["video"]["url"]).content).ms == round(output["duration"] * 1000)


def test_fal_client_submits_with_a_webhook(fal_sdk: fal_client.SyncClient, gateway: Gateway, inbox: Inbox) -> None:
    handle = fal_sdk.submit(FAL_STANDARD, fal_arguments(gateway), webhook_url=inbox.url + "/hook?attempt=1&token=x")
    letter = inbox.wait()[0]
    assert (letter.path, letter.json["request_id"]) == ("/hook?attempt=1&token=x", handle.request_id)
    assert is_sealed(letter, loopback.get(f"{gateway.url}/compat/fal/rest/.well-known/jwks.json").json())
    assert letter.json["payload"] == fal_sdk.result(FAL_STANDARD, handle.request_id)


@pytest.mark.usefixtures("in_no_hurry")
def test_fal_client_sees_the_queue_and_cancels(fal_sdk: fal_client.SyncClient, gateway: Gateway) -> None:
    first, handle = (
        fal_sdk.submit(FAL_STANDARD, fal_arguments(gateway), priority="low", hint="warm", start_timeout=600)
        for _ in range(2)
    )
    assert [found.status() for found in (first, handle)] == [fal_client.Queued(0), fal_client.Queued(1)]
    handle.cancel()
    status = handle.status(with_logs=True)
    assert isinstance(status, fal_client.Completed)
    assert (status.error_type, Render.objects.count()) == ("client_cancelled", 0)
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        fal_sdk.cancel(FAL_STANDARD, handle.request_id)
    assert caught.value.status_code == 400


def test_fal_client_cancels_at_the_provider(
    simulators: Simulators, fal_sdk: fal_client.SyncClient, gateway: Gateway, settings: Any
) -> None:
    settings.RUNWARE_API_KEY = ""
    simulators.fal.speed(0.001)
    handle = fal_sdk.submit(FAL_STANDARD, fal_arguments(gateway))
    assert handle.status() == fal_client.Queued(0)
    handle.cancel()
    status = handle.status()
    assert (type(status), status.error_type) == (fal_client.Completed, "client_cancelled")
    assert posting.balance(gateway.workspace).held_micros == 0


@pytest.mark.parametrize("model", [FAL_STANDARD, "avatar-studio/draft"], ids=["provider", "draft"])
def test_fal_client_runs_synchronously(fal_sdk: fal_client.SyncClient, gateway: Gateway, model: str) -> None:
    output = fal_sdk.run(model, fal_arguments(gateway, 4_000))
    assert (output["duration"], fetch_and_measure(output["video"]["url"]).ms) == (4.0, 4_000)


def in_asyncio(gateway: Gateway, work: Callable[[fal_client.AsyncClient], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        client = fal_client.AsyncClient(key=gateway.key)
        try:
            return await work(client)
        finally:
            await (await client._client).aclose()

    return asyncio.run(main())


@pytest.mark.usefixtures("fal_hosts")
@pytest.mark.parametrize("model", [FAL_STANDARD, "avatar-studio/draft"], ids=["provider", "draft"])
def test_fal_client_does_all_of_it_in_asyncio(gateway: Gateway, tmp_path: Path, draft_costs: None, model: str) -> None:
    (tmp_path / "voice.mp3").write_bytes(loopback.get(gateway.voice()).content)

    async def work(client: fal_client.AsyncClient) -> tuple[Any, ...]:
        voice = await client.upload_file(tmp_path / "voice.mp3")
        handle = await client.submit(model, fal_arguments(gateway) | {"audio_url": voice}, start_timeout=600)
        updates = [update async for update in handle.iter_events(with_logs=True, interval=0.02)]
        status = await client.status(model, handle.request_id, with_logs=True)
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            await handle.cancel()
        return updates, status, await handle.get(), await client.result(model, handle.request_id), caught.value

    updates, status, output, again, refusal = in_asyncio(gateway, work)
    assert (type(updates[-1]), type(status), status.error) == (fal_client.Completed, fal_client.Completed, None)
    assert status.logs[-1]["message"] == "Ready"
    assert (output, output["duration"], refusal.status_code) == (again, 4.0, 400)
    assert charged() == {FAL_STANDARD: 176_000, "avatar-studio/draft": 4 * DRAFT_MICROS}[model]


@pytest.mark.usefixtures("fal_hosts")
def test_fal_client_subscribes_and_fails_in_asyncio(gateway: Gateway, simulators: Simulators) -> None:
    given = fal_arguments(gateway, 4_000)
    assert in_asyncio(gateway, lambda client: client.subscribe(FAL_STANDARD, given, interval=0.02))["duration"] == 4.0
    simulators.runware.fault("fail")
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        in_asyncio(gateway, lambda client: client.subscribe(FAL_STANDARD, given, interval=0.02))
    assert caught.value.status_code == 500


def test_fal_client_uploads_what_it_then_uses(
    fal_sdk: fal_client.SyncClient,
    gateway: Gateway,
    tmp_path: Path,
) -> None:
    for name, url in (("face.jpg", gateway.portrait), ("voice.mp3", gateway.voice())):
        (tmp_path / name).write_bytes(loopback.get(url).content)
    given = {
        "image_url": fal_sdk.upload_file(tmp_path / "face.jpg"),
        "audio_url": fal_sdk.upload_file(tmp_path / "voice.mp3", repository="fal"),
    }
    assert fal_sdk.subscribe(FAL_STANDARD, given, interval=0.02)["duration"] == 4.0
    assert loopback.get(given["audio_url"]).headers["Content-Type"] == "audio/mpeg"
    inline = {**given, "image_url": fal_client.encode_file(tmp_path / "face.jpg")}
    assert fal_sdk.subscribe(FAL_STANDARD, inline, interval=0.02)["duration"] == 4.0


@pytest.mark.parametrize(
    ("trouble", "status", "kind"),
    [
        ("bad key", 401, None),
        ("no credit", 403, None),
        ("unknown model", 404, None),
        ("no such file", 422, "file_download_error"),
        ("not a picture", 422, "unsupported_image_format"),
        ("too short", 422, "audio_duration_too_short"),
        ("moderated", 422, "content_policy_violation"),
        ("failed", 500, "internal_server_error"),
    ],
)
def test_fal_client_raises_its_own_exception(  # noqa: PLR0917 -- fixtures and cases
    simulators: Simulators, gateway: Gateway, fal_hosts: Door, closing: Callable[[Any], Any],
    trouble: str, status: int, kind: str | None,
) -> None:  # fmt: skip
    client = fal_client.SyncClient(key="nobody" if trouble == "bad key" else gateway.key)
    closing(client._client)
    given, model = fal_arguments(gateway, 4_000), FAL_STANDARD
    if trouble == "no credit":
        spend_all(gateway)
    elif trouble == "unknown model":
        model = "fal-ai/flux/dev"
    elif trouble in ("moderated", "failed"):
        simulators.runware.fault("moderated" if trouble == "moderated" else "fail")
    else:
        given |= {
            "no such file": {"audio_url": gateway.source + "/nothing.mp3"},
            "not a picture": {"image_url": gateway.voice()},
            "too short": {"audio_url": gateway.voice(1_000)},
        }.get(trouble, {})
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        client.subscribe(model, given, interval=0.02)
    assert caught.value.status_code == status
    detail = caught.value.response.json()["detail"]
    assert (detail[0]["type"] if isinstance(detail, list) else None) == kind
    assert posting.balance(gateway.workspace).held_micros == 0


def spend_all(gateway: Gateway) -> None:
    """Leave nothing to spend."""
    left = posting.balance(gateway.workspace).available_micros
    settle_hold(place_hold(gateway.workspace, left, key="all", subject="render:all"), left)


@pytest.mark.process
@pytest.mark.parametrize(("run", "queue"), [("", ""), ("/compat/fal/run", "/compat/fal")], ids=["hosts", "paths"])
def test_fal_client_needs_two_variables_and_no_change(
    gateway: Gateway, settings: Any, tmp_path: Path, run: str, queue: str
) -> None:
    """In a process of its own, with nothing but its environment, over TLS as it insists on."""
    with tls_before(gateway.url, tmp_path) as (port, certificate):
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        if not run:
            settings.GATEWAY_FAL_RUN_HOST, settings.GATEWAY_FAL_QUEUE_HOST = f"127.0.0.1:{port}", f"localhost:{port}"
        environment = os.environ | {
            "FAL_KEY": gateway.key,
            "FAL_RUN_HOST": f"127.0.0.1:{port}{run}",
            "FAL_QUEUE_RUN_HOST": f"localhost:{port}{queue}",
            "SSL_CERT_FILE": str(certificate),
        }
        command = [sys.executable, "-P", str(SCRIPT), gateway.portrait, gateway.voice()]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["4.0", "4.0", "404"]), done.stderr
    assert [row.model for row in GatewayRequest.objects.all()] == [FAL_STANDARD, FAL_STANDARD]


# --- runware-sdk over REST


def with_our_runware(gateway: Gateway, work: Callable[[Runware], Coroutine[Any, Any, Any]], key: str = "") -> Any:
    return with_runware(gateway.door("runware", {"api": ""}), work, key=key)


def test_runware_sdk_runs(gateway: Gateway, inbox: Inbox) -> None:
    wanted = runware_order(gateway, webhookURL=inbox.url + "/hook?token=secret")
    items = with_our_runware(gateway, lambda client: client.run(wanted))
    assert [(item["status"], item["cost"]) for item in items] == [("success", 0.539704)]
    assert (fetch_and_measure(items[0]["videoURL"]).ms, charged()) == (12_266, 539_704)
    assert (inbox.wait()[0].path, inbox.letters[0].json) == ("/hook?token=secret", items[0])


def test_runware_sdk_renders_a_draft_with_every_option(gateway: Gateway, inbox: Inbox, draft_costs: None) -> None:
    options = {
        "model": "avatarstudio:draft@1",
        "outputType": "URL",
        "outputFormat": "MOV",
        "outputQuality": 60,
        "deliveryMethod": "async",
        "uploadEndpoint": f"{inbox.url}/put",
        "webhookURL": f"{inbox.url}/hook",
        "ttl": 3600,
        "numberResults": 2,
        "positivePrompt": "Warmly.",
        "inputs": {"image": gateway.portrait, "audio": gateway.voice(2_000)},
    }
    items = with_our_runware(gateway, lambda client: client.run(runware_order(gateway, **options)))
    assert len({item["videoUUID"] for item in items}) == 2
    assert {item["cost"] for item in items} == {DRAFT_MICROS * 2.0 / 1_000_000}
    assert all(item["videoURL"].endswith(".mov") for item in items)
    received = {letter.path for letter in inbox.wait(4)}
    assert (received, len(inbox.letters)) == ({"/put", "/hook"}, 4)
    assert {render.delete_at is not None for render in Render.objects.all()} == {True}


def test_runware_sdk_uses_storage_archive_and_account(gateway: Gateway) -> None:
    async def tour(client: Runware) -> tuple[Any, ...]:
        media = (await client.media_storage({"operation": "upload", "media": gateway.portrait}))[0]
        wanted = runware_order(gateway)
        wanted["inputs"]["image"] = media["mediaUUID"]
        item = (await client.run(wanted))[0]
        again = (await client.get_response({"taskUUID": wanted["taskUUID"]}))[0]
        details = (await client.get_task_details({"taskUUID": wanted["taskUUID"]}))[0]
        account = (await client.account_management({"operation": "getDetails"}))[0]
        await client.media_storage({"operation": "delete", "media": media["mediaUUID"]})
        return item, again, details, account

    item, again, details, account = with_our_runware(gateway, tour)
    assert item == again == details["response"]["data"][0]
    assert account["balance"]["amount"] == posting.balance(gateway.workspace).available_micros / 1_000_000


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ("bad key", "auth"),
        ("no credit", "quota"),
        ("wrong option", "validation"),
        ("used uuid", "validation"),
        ("no such file", "provider"),
        ("moderated", "safety"),
        ("failed", "provider"),
    ],
)
def test_runware_sdk_raises_its_own_exception(
    simulators: Simulators, gateway: Gateway, trouble: str, code: str
) -> None:
    wanted = runware_order(gateway)
    if trouble == "no credit":
        spend_all(gateway)
    elif trouble == "wrong option":
        wanted["outputQuality"] = 1
    elif trouble == "used uuid":
        with_our_runware(gateway, lambda client: client.run(wanted))
    elif trouble == "no such file":
        wanted["inputs"]["audio"] = gateway.source + "/nothing.mp3"
    elif trouble in ("moderated", "failed"):
        simulators.runware.fault({"moderated": "moderated", "failed": "fail"}[trouble])
    with pytest.raises(RunwareError) as caught:
        with_our_runware(gateway, lambda client: client.run(wanted), "wrong" if trouble == "bad key" else "")
    assert caught.value.code == code


# --- AI/ML API, which has no client: its page says to create, and then to ask until it is over


@pytest.mark.parametrize(
    ("model", "voice_ms", "micros"),
    [("klingai/avatar-standard", 12_300, 723_817), ("avatar-studio/draft", 4_000, 4 * DRAFT_MICROS)],
)
def test_the_two_calls_of_aimlapis_page(  # noqa: PLR0917 -- fixtures and cases
    gateway: Gateway, aimlapi_door: Door, draft_costs: None, model: str, voice_ms: int, micros: int
) -> None:
    url, headers = f"{aimlapi_door.hosts['api']}/v2/video/generations", {"Authorization": f"Bearer {gateway.key}"}
    body = {"model": model, "image_url": gateway.portrait, "audio_url": gateway.voice(voice_ms)}
    created = loopback.post(url, json=body, headers=headers).raise_for_status().json()

    def over() -> Any:
        found = loopback.get(url, params={"generation_id": created["id"]}, headers=headers).raise_for_status().json()
        return found if found["status"] not in ("queued", "generating") else None

    found = eventually(over, "the end")
    assert (found["status"], charged(), found["meta"]["usage"]["credits_used"]) == ("completed", micros, 2 * micros)
    render = Render.objects.get()
    assert fetch_and_measure(found["video"]["url"]).ms == render.measured_ms
