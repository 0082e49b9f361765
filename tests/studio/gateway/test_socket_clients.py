"""Runware's own clients that speak WebSocket, unmodified: ``@runware/sdk-js``, ``runware`` 0.5 and ``runware-sdk``."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from runware import RunOptions, Runware, RunwareError

from tests.simulators import loopback
from tests.simulators.clients import run_with_older_runware
from tests.simulators.fixture import Door, eventually
from tests.simulators.measure import fetch_and_measure
from tests.simulators.sdks import runware_order, with_runware
from tests.studio.gateway.live import LiveGateway
from tests.support.node import ClientError, JsClient, js_client
from tests.support.paths import ROOT

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("live-gateway")]
OLDER = ROOT / "tests" / "simulators" / "older_runware.py"
COST = 0.2248  # 4 s at fal's price
COST_MICROS = 224_800


def wish(live: LiveGateway, **options: Any) -> dict[str, Any]:
    wanted = runware_order(live, **options)
    wanted["inputs"]["audio"] = live.voice()
    return wanted


def has_job(live: LiveGateway) -> bool:
    return bool(live.simulators.fal.jobs())


# --- @runware/sdk-js


@pytest.fixture
def made(live: LiveGateway, tmp_path: Path) -> Iterator[Callable[..., JsClient]]:
    with ExitStack() as stack:

        def make(**options: Any) -> JsClient:
            wanted = {"apiKey": live.key, "url": live.socket} | options
            return stack.enter_context(js_client("@runware/sdk-js", wanted, log=tmp_path / "node.log"))

        yield make


def js_wish(live: LiveGateway, **options: Any) -> dict[str, Any]:
    return {name: value for name, value in wish(live, **options).items() if name != "taskType"}


def test_js_renders(live: LiveGateway, made: Callable[..., JsClient]) -> None:
    wanted = js_wish(live)
    (video,) = made().call("videoInference", wanted)
    assert (video["taskUUID"], video["status"], video["cost"]) == (wanted["taskUUID"], "success", COST)
    assert fetch_and_measure(video["videoURL"]).ms == 4_000
    live.nothing_is_held()


def test_js_renders_two_takes(live: LiveGateway, made: Callable[..., JsClient]) -> None:
    videos = made().call("videoInference", js_wish(live, numberResults=2))
    assert [video["cost"] for video in videos] == [COST, COST]
    assert len({video["videoUUID"] for video in videos}) == 2


def test_js_submits_with_a_webhook_and_asks_later(live: LiveGateway, made: Callable[..., JsClient]) -> None:
    js, wanted = made(), js_wish(live, webhookURL=live.inbox.url + "/hook?token=secret")
    taken = js.call("videoInference", wanted | {"skipResponse": True})
    assert taken == {"taskType": "videoInference", "taskUUID": wanted["taskUUID"]}
    letter = live.letter("taskUUID", wanted["taskUUID"])
    assert (letter.path, js.call("getResponse", {"taskUUID": wanted["taskUUID"]})) == (
        "/hook?token=secret", [letter.json],
    )  # fmt: skip
    details = js.call("getTaskDetails", {"taskUUID": wanted["taskUUID"]})
    assert details["response"]["data"] == [letter.json]


def test_js_uploads_what_it_then_uses(live: LiveGateway, made: Callable[..., JsClient]) -> None:
    js = made()
    portrait = js.call("imageUpload", {"image": live.portrait})
    voice = js.call("mediaStorage", {"media": live.voice()})
    inputs = {"image": portrait["imageUUID"], "audio": voice["mediaUUID"]}
    (video,) = js.call("videoInference", js_wish(live) | {"inputs": inputs})
    assert video["cost"] == COST
    assert loopback.get(voice["mediaURL"]).content == loopback.get(live.voice()).content


JS_TROUBLES = {
    "invalidModel": {"model": "klingai:9@9"},
    "invalidOutputQuality": {"outputQuality": 1},
    "unknownParameter": {"speed": 2},
    "missingInputs.audio": {"inputs": {"image": "x"}},
}


@pytest.mark.parametrize("trouble", [*JS_TROUBLES, "downloadFailed", "contentPolicyViolation", "conflictTaskUUID"])
def test_js_rejects_with_the_servers_code(live: LiveGateway, made: Callable[..., JsClient], trouble: str) -> None:
    js, wanted = made(), js_wish(live) | JS_TROUBLES.get(trouble, {})
    if trouble == "downloadFailed":
        wanted["inputs"]["audio"] = live.simulators.runware.base + "/nothing.mp3"
    elif trouble == "contentPolicyViolation":
        live.simulators.fal.fault("moderated")
    elif trouble == "conflictTaskUUID":
        js.call("videoInference", wanted | {"skipResponse": True})
        eventually(lambda: has_job(live), "the job")
    with pytest.raises(ClientError) as caught:
        js.call("videoInference", wanted)
    error = caught.value.told["error"]
    assert (error["code"].replace("InputsAudio", "Inputs.audio"), error["taskUUID"]) == (trouble, wanted["taskUUID"])


def test_js_with_a_bad_key_is_not_connected(made: Callable[..., JsClient]) -> None:
    with pytest.raises(ClientError) as caught:
        made(apiKey="wrong")
    assert (caught.value.told["error"]["code"], caught.value.told["error"]["taskType"]) == (
        "invalidApiKey", "authentication",
    )  # fmt: skip


def test_js_gives_up_by_its_own_time_limit(live: LiveGateway, made: Callable[..., JsClient]) -> None:
    js = made(timeoutDuration=1_000, globalMaxRetries=1)
    with pytest.raises(ClientError) as caught:
        js.call("mediaStorage", {"media": f"{live.silent}/voice.mp3"})
    assert caught.value.told == {"message": "Response could not be received from server for media-storage"}


def test_js_finds_its_video_after_the_server_was_gone(live: LiveGateway, made: Callable[..., JsClient]) -> None:
    js, wanted = made(), js_wish(live)
    live.slowly()
    js.call("videoInference", wanted | {"skipResponse": True})
    eventually(lambda: has_job(live), "the job")
    live.drop_sockets()
    live.finish()
    live.start_sockets()
    eventually(
        lambda: js.call("getResponse", {"taskUUID": wanted["taskUUID"]})[0]["status"] == "success", "it", seconds=60
    )
    assert len(live.simulators.fal.jobs()) == 1


# --- runware 0.5


def older(live: LiveGateway, *, key: str = "", voice: str = "", webhook: str = "", **environment: str) -> Any:
    brisk = {"RUNWARE_VIDEO_POLLING_DELAY": "200"}
    arguments = (live.socket, key or live.key, live.portrait, voice or live.voice(), webhook)
    done = run_with_older_runware(OLDER, *arguments, **(brisk | environment))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_older_client_uploads_and_renders_with_a_webhook(live: LiveGateway) -> None:
    told = older(live, webhook=live.inbox.url + "/hook")
    (video,) = told["videos"]
    assert (video["status"], video["cost"], told["model"]) == ("success", COST, "klingai:avatar@2.0-standard")
    assert live.letter("taskUUID", told["taskUUID"]).json["videoURL"] == video["url"]
    assert fetch_and_measure(video["url"]).ms == 4_000


@pytest.mark.parametrize("trouble", ["contentPolicyViolation", "downloadFailed"])
def test_the_older_client_reports_the_servers_code(live: LiveGateway, trouble: str) -> None:
    if trouble == "contentPolicyViolation":
        live.simulators.fal.fault("moderated")
    nothing = live.simulators.runware.base + "/nothing.mp3"
    told = older(live, voice=nothing if trouble == "downloadFailed" else "", RUNWARE_VIDEO_INITIAL_TIMEOUT="2000")
    assert told["error"] == trouble


def test_the_older_client_gives_up_by_its_own_time_limit(live: LiveGateway) -> None:
    live.slowly()
    with live.charged(COST_MICROS):
        told = older(live, RUNWARE_VIDEO_INITIAL_TIMEOUT="500", RUNWARE_MAX_POLLS_VIDEO_GENERATION="2",
                     RUNWARE_MAX_POLLS="2", RUNWARE_MAX_POLLS_AUDIO_GENERATION="2", RUNWARE_MAX_POLLS_3D_GENERATION="2",
                     RUNWARE_MAX_POLLS_IMAGE_GENERATION="2")  # fmt: skip
    assert told["error"] == "Exception"
    assert told["message"].startswith("Timeout waiting for poll response")


def test_the_older_client_gets_its_video_though_the_server_was_gone(live: LiveGateway) -> None:
    live.slowly()
    told: list[Any] = []
    client = threading.Thread(target=lambda: told.append(older(live, RUNWARE_VIDEO_INITIAL_TIMEOUT="2000")))
    client.start()
    eventually(lambda: has_job(live), "the job", seconds=60)
    live.drop_sockets()
    live.start_sockets()
    live.finish()
    client.join(100)
    assert told[0]["videos"][0]["status"] == "success"
    assert len(live.simulators.fal.jobs()) == 1


def test_the_older_client_with_a_bad_key_is_told_so(live: LiveGateway) -> None:
    told = older(live, key="wrong")
    assert (told["error"], told["message"].endswith("Last error: Invalid API key.")) == ("ConnectionError", True)


# --- runware-sdk, which speaks WebSocket unless it is told to use REST


def sdk(live: LiveGateway, work: Callable[[Runware], Coroutine[Any, Any, Any]], key: str = "") -> Any:
    door = Door(live.key, {"api": live.socket.replace("ws", "http", 1).removesuffix("/v1")}, live.portrait, live.voice)
    return with_runware(door, work, transport="websocket", key=key)


def test_the_sdk_uploads_renders_and_looks_up(live: LiveGateway) -> None:
    async def tour(client: Runware) -> Any:
        media = (await client.media_storage({"operation": "upload", "media": live.portrait}))[0]
        wanted = wish(live, webhookURL=live.inbox.url + "/hook")
        wanted["inputs"]["image"] = media["mediaUUID"]
        item = (await client.run(wanted))[0]
        again = (await client.get_response({"taskUUID": wanted["taskUUID"]}))[0]
        details = (await client.get_task_details({"taskUUID": wanted["taskUUID"]}))[0]
        account = (await client.account_management({"operation": "getDetails"}))[0]
        return item, again, details["response"]["data"][0], account["balance"]["amount"]

    item, again, detail, balance = sdk(live, tour)
    assert item == again == detail == live.letter("taskUUID", item["taskUUID"]).json
    assert balance == live.money()[0] / 1_000_000


@pytest.mark.parametrize(
    ("trouble", "code"),
    [("bad key", "auth"), ("wrong option", "validation"), ("no such file", "provider"), ("moderated", "safety")],
)
def test_the_sdk_raises_its_own_exception(live: LiveGateway, trouble: str, code: str) -> None:
    wanted = wish(live)
    if trouble == "wrong option":
        wanted["outputQuality"] = 1
    elif trouble == "no such file":
        wanted["inputs"]["audio"] = live.simulators.runware.base + "/nothing.mp3"
    elif trouble == "moderated":
        live.simulators.fal.fault("moderated")
    with pytest.raises(RunwareError) as caught:
        sdk(live, lambda client: client.run(wanted), "wrong" if trouble == "bad key" else "")
    assert caught.value.code == code


def test_one_failure_of_the_sdk_leaves_its_other_tasks_alone(live: LiveGateway) -> None:
    """It takes an error about a task that it no longer waits for as every other task's."""
    wanted = [wish(live) for _ in range(4)]
    wanted[1]["inputs"]["audio"] = live.simulators.runware.base + "/nothing.mp3"

    async def together(client: Runware) -> Any:
        return await asyncio.gather(*(client.run(each) for each in wanted), return_exceptions=True)

    told = sdk(live, together)
    assert [type(each) for each in told] == [list, RunwareError, list, list]


def test_the_sdk_gives_up_by_its_own_time_limit(live: LiveGateway) -> None:
    live.slowly()
    with live.charged(COST_MICROS), pytest.raises(RunwareError) as caught:
        sdk(live, lambda client: client.run(wish(live), RunOptions(timeout=2_000)))
    assert caught.value.code == "timeout"


def test_the_sdk_resumes_its_session_and_gets_what_was_paid_for(live: LiveGateway) -> None:
    live.slowly()

    async def through_a_drop(client: Runware) -> Any:
        running = asyncio.create_task(client.run(wish(live)))
        await asyncio.to_thread(eventually, lambda: has_job(live), "the job")
        await asyncio.to_thread(live.drop_sockets)
        live.finish()
        await asyncio.to_thread(live.start_sockets)
        return await asyncio.wait_for(running, 90)

    (item,) = sdk(live, through_a_drop)
    assert (item["status"], item["cost"]) == ("success", COST)
    assert len(live.simulators.fal.jobs()) == 1
