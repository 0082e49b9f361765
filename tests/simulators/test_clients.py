"""The providers' own clients accept the simulators: code that nobody here wrote submits, watches, fetches, cancels."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import fal_client
import pytest
from fal_client import client as fal_module
from runware import Runware, RunwareError

from tests.simulators import loopback
from tests.simulators.clients import run_with_older_runware
from tests.simulators.fixture import Door, Inbox, Simulators
from tests.simulators.measure import fetch_and_measure
from tests.simulators.protocol_fal import STANDARD as FAL_STANDARD
from tests.simulators.protocol_fal import is_sealed
from tests.simulators.protocol_runware import STANDARD as RUNWARE_STANDARD
from tests.simulators.sdks import fal_arguments, runware_order, with_runware
from tests.support.paths import ROOT

pytest_plugins = ["tests.simulators.fixture", "tests.simulators.sdks"]

OLDER_SCRIPT = ROOT / "tests" / "simulators" / "older_runware.py"

# --- fal-client 1.0.3


def test_fal_client_subscribes_and_sees_each_state(fal_sdk: fal_client.SyncClient, fal_hosts: Door) -> None:
    seen: list[Any] = []
    output = fal_sdk.subscribe(
        FAL_STANDARD, fal_arguments(fal_hosts), with_logs=True, interval=0.02, on_queue_update=seen.append
    )
    assert isinstance(seen[-1], fal_client.Completed)
    assert [line["message"] for line in seen[-1].logs or []][-1] == "Done"
    assert (output["duration"], fetch_and_measure(output["video"]["url"]).ms) == (12.266, 12_266)


def test_fal_client_submits_with_a_webhook_and_fetches_later(
    fal_sdk: fal_client.SyncClient, fal_hosts: Door, inbox: Inbox
) -> None:
    handle = fal_sdk.submit(FAL_STANDARD, fal_arguments(fal_hosts), webhook_url=inbox.url + "/hook?attempt=1&token=x")
    letter = inbox.wait()[0]
    assert (letter.path, letter.json["request_id"]) == ("/hook?attempt=1&token=x", handle.request_id)
    assert is_sealed(letter, loopback.get(fal_hosts.hosts["rest"] + "/.well-known/jwks.json").json())
    assert letter.json["payload"] == fal_sdk.result(FAL_STANDARD, handle.request_id)


@pytest.mark.usefixtures("in_no_hurry")
def test_fal_client_sees_the_queue_and_cancels(
    simulators: Simulators, fal_sdk: fal_client.SyncClient, fal_hosts: Door
) -> None:
    handle = fal_sdk.submit(FAL_STANDARD, fal_arguments(fal_hosts), priority="low", hint="warm", start_timeout=600)
    assert isinstance(handle.status(), fal_client.Queued)
    handle.cancel()
    status = handle.status(with_logs=True)
    assert isinstance(status, fal_client.Completed)
    assert (status.error_type, simulators.fal.job(handle.request_id)["phase"]) == ("client_cancelled", "cancelled")
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        fal_sdk.cancel(FAL_STANDARD, handle.request_id)
    assert caught.value.status_code == 400


def test_fal_client_runs_synchronously(fal_sdk: fal_client.SyncClient, fal_hosts: Door) -> None:
    assert fal_sdk.run(FAL_STANDARD, fal_arguments(fal_hosts, 4000))["duration"] == 4.0


def test_fal_client_in_asyncio(fal_hosts: Door) -> None:
    async def main() -> dict[str, Any]:
        client = fal_client.AsyncClient(key=fal_hosts.key)
        try:
            return await client.subscribe(FAL_STANDARD, fal_arguments(fal_hosts, 4000), interval=0.02)
        finally:
            await (await client._client).aclose()

    assert asyncio.run(main())["duration"] == 4.0


@pytest.mark.parametrize(
    ("fault", "status", "error_type"),
    [
        (("out_of_credit", {}), 403, None),
        (("bad_key", {}), 401, None),
        (("fail", {"code": "runner_server_error"}), 500, "runner_server_error"),
        (("fail", {"code": "face_detection_error"}), 422, None),
        (("moderated", {}), 422, None),
    ],
)
def test_fal_client_raises_what_the_simulator_says(
    simulators: Simulators,
    fal_sdk: fal_client.SyncClient,
    fault: tuple[str, dict[str, Any]],
    status: int,
    error_type: str | None,
) -> None:
    simulators.fal.fault(fault[0], **fault[1])
    arguments = {
        "image_url": simulators.sample("portrait-600x600.jpg"),
        "audio_url": simulators.sample("voice-4000.mp3"),
    }
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        fal_sdk.subscribe(FAL_STANDARD, arguments, interval=0.02)
    assert (caught.value.status_code, caught.value.error_type) == (status, error_type)


def test_fal_client_sends_a_lost_submit_again_and_pays_twice(
    simulators: Simulators, fal_sdk: fal_client.SyncClient, fal_hosts: Door
) -> None:
    simulators.fal.fault("lost_response", times=1)
    fal_sdk.submit(FAL_STANDARD, fal_arguments(fal_hosts))
    assert sum(simulators.fal.accepted().values()) == 2


def test_fal_client_uploads_to_the_cdn(fal_sdk: fal_client.SyncClient, fal_hosts: Door) -> None:
    sound = loopback.get(fal_hosts.voice(4000)).content
    lifecycle = fal_client.StorageSettings(expires_in="1h")
    url = fal_sdk.upload(sound, "audio/mpeg", "voice.mp3", lifecycle=lifecycle)
    output = fal_sdk.subscribe(FAL_STANDARD, {"image_url": fal_hosts.portrait, "audio_url": url}, interval=0.02)
    assert (loopback.get(url).content == sound, output["duration"]) == (True, 4.0)


def test_fal_client_uploads_large_files_in_parts(
    fal_sdk: fal_client.SyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fal_module, "MULTIPART_THRESHOLD", 1000)
    monkeypatch.setattr(fal_module, "MULTIPART_CHUNK_SIZE", 1000)
    content = bytes(range(250)) * 18
    assert loopback.get(fal_sdk.upload(content, "application/octet-stream", "big.bin")).content == content


def test_fal_client_falls_back_to_the_initiated_upload(simulators: Simulators, fal_sdk: fal_client.SyncClient) -> None:
    simulators.fal.fault("upload_fails", match="cdn", status=500)
    url = fal_sdk.upload(b"some sound", "audio/mpeg", "voice.mp3")
    assert (loopback.get(url).content, url.endswith("voice.mp3")) == (b"some sound", True)


# --- runware-sdk 1.8.0


@pytest.mark.parametrize("transport", ["rest", "websocket"])
def test_runware_sdk_runs(runware_door: Door, transport: str) -> None:
    items = with_runware(runware_door, lambda client: client.run(runware_order(runware_door)), transport=transport)
    assert [(item["status"], item["cost"]) for item in items] == [("success", 0.5397)]
    assert fetch_and_measure(items[0]["videoURL"]).ms == 12_266


@pytest.mark.parametrize("transport", ["rest", "websocket"])
def test_runware_sdk_collects_several_results(runware_door: Door, transport: str) -> None:
    items = with_runware(
        runware_door, lambda client: client.run(runware_order(runware_door, numberResults=2)), transport=transport
    )
    assert len({item["videoUUID"] for item in items}) == 2


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (("fail", {"code": "providerError", "shape": "errors"}), "provider"),
        (("fail", {"code": "providerError", "shape": "item"}), "provider"),
        (("moderated", {"shape": "error"}), "safety"),
        (("out_of_credit", {}), "quota"),
        (("bad_key", {"route": "submit"}), "auth"),
    ],
)
@pytest.mark.parametrize("transport", ["rest", "websocket"])
def test_runware_sdk_raises_what_the_simulator_says(
    simulators: Simulators, runware_door: Door, transport: str, fault: tuple[str, dict[str, Any]], code: str
) -> None:
    simulators.runware.fault(fault[0], **fault[1])
    with pytest.raises(RunwareError) as caught:
        with_runware(runware_door, lambda client: client.run(runware_order(runware_door)), transport=transport)
    assert caught.value.code == code


def test_runware_sdk_takes_a_conflict_after_a_lost_answer_for_the_acknowledgement(
    simulators: Simulators, runware_door: Door
) -> None:
    simulators.runware.fault("lost_response", times=1)
    order = runware_order(runware_door)
    items = with_runware(runware_door, lambda client: client.run(order), transport="websocket")
    assert [item["status"] for item in items] == ["success"]
    assert simulators.runware.accepted() == {order["taskUUID"]: 1}


def test_runware_sdk_meets_a_conflict_on_a_used_uuid(runware_door: Door) -> None:
    async def twice(client: Runware) -> None:
        order = runware_order(runware_door)
        await client.run(order)
        await client.run(order)

    with pytest.raises(RunwareError) as caught:
        with_runware(runware_door, twice)
    assert (caught.value.code, caught.value.status_code, caught.value.parameter) == ("validation", 400, "taskUUID")


def test_runware_sdk_uses_storage_archive_and_account(runware_door: Door) -> None:
    async def tour(client: Runware) -> tuple[Any, ...]:
        media = (await client.media_storage({"operation": "upload", "media": runware_door.portrait}))[0]
        image = (await client.image_upload({"image": runware_door.portrait}))[0]
        order = runware_order(runware_door)
        order["inputs"]["image"] = media["mediaUUID"]
        item = (await client.run(order))[0]
        again = (await client.get_response({"taskUUID": order["taskUUID"]}))[0]
        details = (await client.get_task_details({"taskUUID": order["taskUUID"]}))[0]
        account = (await client.account_management({"operation": "getDetails"}))[0]
        await client.media_storage({"operation": "delete", "media": media["mediaUUID"]})
        return item, again, details, account, image

    item, again, details, account, image = with_runware(runware_door, tour)
    assert item == again == details["response"]["data"][0]
    assert (account["operation"], set(image) >= {"imageUUID", "imageURL"}) == ("getDetails", True)


def test_runware_sdk_gets_a_webhook(runware_door: Door, inbox: Inbox) -> None:
    order = runware_order(runware_door, webhookURL=inbox.url + "/hook?token=secret")
    items = with_runware(runware_door, lambda client: client.run(order))
    assert inbox.wait()[0].json == items[0]


def test_runware_sdk_is_refused_with_a_wrong_key(runware_door: Door) -> None:
    wrong = Door("wrong", runware_door.hosts, runware_door.portrait, runware_door.voice)
    with pytest.raises(RunwareError) as caught:
        with_runware(wrong, lambda client: client.run(runware_order(runware_door)), transport="websocket")
    assert caught.value.code == "auth"


# --- runware 0.5.24, in a folder and a process of its own


def _older(door: Door, key: str, webhook: str = "", **environment: str) -> dict[str, Any]:
    address = door.hosts["api"].replace("http", "ws", 1) + "/v1"
    brisk = {"RUNWARE_VIDEO_POLLING_DELAY": "50"}
    done = run_with_older_runware(
        OLDER_SCRIPT, address, key, door.portrait, door.voice(12_300), webhook, **(brisk | environment)
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_older_client_renders_over_the_socket(runware_door: Door) -> None:
    told = _older(runware_door, runware_door.key)
    video = told["videos"][0]
    assert (video["status"], video["cost"], told["model"]) == ("success", 0.5397, RUNWARE_STANDARD)
    assert fetch_and_measure(video["url"]).ms == 12_266


def test_the_older_client_gets_a_webhook(runware_door: Door, inbox: Inbox) -> None:
    told = _older(runware_door, runware_door.key, inbox.url)
    assert inbox.wait()[0].json["taskUUID"] == told["taskUUID"]


def test_the_older_client_waits_longer_where_progress_has_no_uuid(simulators: Simulators, runware_door: Door) -> None:
    simulators.runware.settings(processing_uuid="never")
    told = _older(runware_door, runware_door.key, RUNWARE_VIDEO_INITIAL_TIMEOUT="1500")
    assert told["videos"][0]["status"] == "success"


def test_the_older_client_reports_a_failure(simulators: Simulators, runware_door: Door) -> None:
    simulators.runware.fault("fail", code="providerError")
    assert _older(runware_door, runware_door.key)["error"] == "providerError"
