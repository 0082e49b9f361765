"""Runware's WebSocket by its frames: keys, pushes, what a dropped connection costs, and what one customer can do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.simulators import loopback
from tests.simulators.fixture import eventually
from tests.simulators.measure import fetch_and_measure
from tests.simulators.sdks import runware_order
from tests.studio.gateway.live import LiveGateway
from tests.support.pace import allowed

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("live-gateway")]
PONG = {"data": [{"taskType": "ping", "pong": True}]}
PING = {"taskType": "ping", "ping": True}


class Talk:
    """A connection of which each frame is JSON."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, *tasks: Any) -> None:
        self.socket.send(json.dumps(tasks))

    def hear(self, seconds: float = 120.0) -> Any:
        return json.loads(self.socket.recv(timeout=seconds))

    def ask(self, *tasks: Any) -> Any:
        self.say(*tasks)
        return self.hear()

    def hears_nothing(self, seconds: float = 3.0) -> bool:
        try:
            self.socket.recv(timeout=seconds)
        except TimeoutError:
            return True
        return False

    def end(self) -> ConnectionClosed:
        """How the server closes, whatever it says before."""
        try:
            while self.hear(30):
                pass
        except ConnectionClosed as closed:
            return closed
        raise AssertionError("an empty frame")


@contextmanager
def talking(live: LiveGateway, key: str = "", session: str = "") -> Iterator[Talk]:
    with connect(live.socket, max_size=None) as socket:
        talk = Talk(socket)
        answer = talk.ask(authentication(key or live.key, session))
        assert answer["data"][0]["taskType"] == "authentication"
        yield talk


def authentication(key: str, session: str = "") -> dict[str, str]:
    task = {"taskType": "authentication", "apiKey": key}
    return task | {"connectionSessionUUID": session} if session else task


def order(live: LiveGateway, **options: Any) -> dict[str, Any]:
    wanted = runware_order(live, deliveryMethod="async", **options)
    wanted["inputs"]["audio"] = live.voice()
    return wanted


def codes(frame: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error.get("taskUUID")) for error in frame["errors"]]


def over_http(live: LiveGateway, task_uuid: str, key: str = "") -> Any:
    body = [{"taskType": "getResponse", "taskUUID": task_uuid}]
    headers = {"Authorization": f"Bearer {key or live.key}"}
    return loopback.post(f"{live.live.address}/compat/runware/v1", json=body, headers=headers).json()


# --- Keys


def test_a_session_is_named_and_can_be_resumed_by_its_name(live: LiveGateway) -> None:
    chosen = str(uuid4())
    with connect(live.socket) as socket:
        talk = Talk(socket)
        first = talk.ask(authentication(live.key))["data"][0]
        assert first["connectionSessionUUID"] != chosen
        assert talk.ask(authentication(live.key))["data"][0] == first
        again = talk.ask(authentication(live.key, chosen), PING)
        assert again["data"] == [{"taskType": "authentication", "connectionSessionUUID": chosen}, *PONG["data"]]


@pytest.mark.parametrize(
    "frame",
    [
        [{"taskType": "authentication", "apiKey": "wrong"}],
        [{"taskType": "authentication", "apiKey": 7}],
        [{"taskType": "authentication"}],
        [PING, {"taskType": "getResponse"}],
    ],
)
def test_whoever_has_no_key_is_told_so_and_may_try_again(live: LiveGateway, frame: Any) -> None:
    with connect(live.socket) as socket:
        talk = Talk(socket)
        error = talk.ask(*frame)["errors"][0]
        assert (error["code"], error["taskType"], error["message"]) == (
            "invalidApiKey", "authentication", "Invalid API key.",
        )  # fmt: skip
        for _ in frame[1:]:
            talk.hear()
        assert talk.ask(authentication(live.key))["data"][0]["taskType"] == "authentication"


@pytest.mark.parametrize("frame", ["{", "[]", "{}", "[1]", "null", '["\\ud800"]', '[{"a": NaN}]', "", "[" * 5_000])
def test_what_is_no_array_of_tasks_is_refused_and_the_connection_lives(live: LiveGateway, frame: str) -> None:
    with talking(live) as talk:
        talk.socket.send(frame)
        assert codes(talk.hear()) == [("invalidRequestBody", None)]
        talk.socket.send(json.dumps([PING]).encode())
        assert talk.hear() == PONG


def test_another_address_has_no_socket(live: LiveGateway) -> None:
    for path in ("/", "/compat/runware/v2", "/compat/fal"):
        with pytest.raises(InvalidStatus) as caught, connect(f"ws://127.0.0.1:{live.sockets_port}{path}"):
            pass
        assert caught.value.response.status_code == 403


def test_a_key_that_is_revoked_ends_its_connections_alone(live: LiveGateway) -> None:
    key = live.another_token()
    with talking(live, key) as talk, talking(live) as other:
        assert talk.ask(PING) == PONG
        live.revoke(key)
        ended = talk.end()
        assert ended.rcvd is not None
        assert (ended.rcvd.code, ended.rcvd.reason) == (1000, "The key does not work any more.")
        assert other.ask(PING) == PONG


# --- Results


def test_a_result_is_pushed_once_and_is_what_http_tells(live: LiveGateway) -> None:
    with talking(live) as talk:
        wanted = order(live)
        assert talk.ask(wanted) == {"data": [{"taskType": "videoInference", "taskUUID": wanted["taskUUID"]}]}
        pushed = talk.hear()
        (item,) = pushed["data"]
        assert (item["taskUUID"], item["status"], item["cost"]) == (wanted["taskUUID"], "success", 0.2248)
        assert fetch_and_measure(item["videoURL"]).ms == 4_000
        assert pushed == over_http(live, wanted["taskUUID"])
        assert talk.hears_nothing()
        assert talk.ask({"taskType": "getResponse", "taskUUID": wanted["taskUUID"]}) == pushed


def test_takes_are_pushed_together(live: LiveGateway) -> None:
    with talking(live) as talk:
        wanted = order(live, numberResults=2)
        talk.ask(wanted)
        items = talk.hear()["data"]
        assert ({item["taskUUID"] for item in items}, len({item["videoUUID"] for item in items})) == (
            {wanted["taskUUID"]}, 2,
        )  # fmt: skip


def test_a_failure_is_told_to_whoever_asks(live: LiveGateway) -> None:
    """Pushed, a client would take it for that of every task of its own that still runs."""
    live.simulators.fal.fault("moderated")
    with talking(live) as talk:
        wanted = order(live)
        talk.ask(wanted)
        eventually(lambda: "errors" in over_http(live, wanted["taskUUID"]), "the end")
        assert talk.hears_nothing()
        told = talk.ask({"taskType": "getResponse", "taskUUID": wanted["taskUUID"]})
        assert codes(told) == [("contentPolicyViolation", wanted["taskUUID"])]


def test_each_task_of_a_frame_is_done_for_itself_and_each_error_has_a_frame(live: LiveGateway) -> None:
    with talking(live) as talk:
        good, bad, worse = order(live), order(live, outputQuality=1), order(live, model="klingai:9@9")
        told = [talk.ask(bad, good, worse), talk.hear(), talk.hear()]
        assert told[0]["data"] == [{"taskType": "videoInference", "taskUUID": good["taskUUID"]}]
        assert [codes(frame) for frame in told[1:]] == [
            [("invalidOutputQuality", bad["taskUUID"])], [("invalidModel", worse["taskUUID"])],
        ]  # fmt: skip
        assert talk.hear()["data"][0]["taskUUID"] == good["taskUUID"]


# --- A connection that breaks


def test_what_ends_while_nobody_listens_is_told_to_whoever_resumes(live: LiveGateway) -> None:
    session, wanted = str(uuid4()), order(live)
    with talking(live, session=session) as talk:
        talk.ask(wanted)
        live.drop_sockets()
    eventually(lambda: over_http(live, wanted["taskUUID"])["data"][0]["status"] == "success", "the end")
    live.start_sockets()
    with talking(live) as another, talking(live, live.neighbour(), session) as stranger:
        with talking(live, session=session) as talk:
            assert talk.hear() == over_http(live, wanted["taskUUID"])
            assert talk.hears_nothing()
        assert another.hears_nothing(1)
        assert stranger.hears_nothing(1)


def test_what_was_sent_into_a_dying_connection_is_told_again(live: LiveGateway) -> None:
    session, wanted = str(uuid4()), order(live)
    with talking(live, session=session) as talk:
        talk.ask(wanted)
        pushed = talk.hear()
        live.drop_sockets()
    live.start_sockets()
    with talking(live, session=session) as talk:
        assert talk.hear() == pushed


def test_a_submit_whose_answer_was_lost_is_one_render(live: LiveGateway) -> None:
    wanted = order(live)
    with talking(live) as talk:
        talk.ask(wanted)
        live.drop_sockets()
    live.start_sockets()
    with talking(live) as talk:
        assert codes(talk.ask(wanted)) == [("conflictTaskUUID", wanted["taskUUID"])]
    eventually(lambda: over_http(live, wanted["taskUUID"])["data"][0]["status"] == "success", "the end")
    assert len(live.simulators.fal.jobs()) == 1


# --- What one customer can do to others


def test_a_flood_that_waits_for_a_silent_host_stays_its_own(live: LiveGateway) -> None:
    upload = {"taskType": "mediaStorage", "operation": "upload", "media": f"{live.silent}/voice.mp3"}
    with talking(live) as flood, talking(live, live.neighbour()) as neighbour:
        asked = [str(uuid4()) for _ in range(12)]
        for task_uuid in asked:
            flood.say(upload | {"taskUUID": task_uuid})
        began = time.monotonic()
        assert flood.ask(PING) == PONG
        assert neighbour.ask({"taskType": "getResponse", "taskUUID": str(uuid4())}) == {"data": []}
        assert time.monotonic() - began < allowed(5)
        # Four at a time, each for 20 s; none is lost.
        told = [codes(flood.hear(90)) for _ in asked]
        assert {(code, task_uuid) for ((code, task_uuid),) in told} == {("downloadFailed", name) for name in asked}


def test_a_key_has_twenty_connections(live: LiveGateway) -> None:
    key = live.neighbour()
    with ExitStack() as stack:
        opened = [Talk(stack.enter_context(connect(live.socket))) for _ in range(21)]
        told = [talk.ask(authentication(key)) for talk in opened]
        assert [list(answer) for answer in told] == [["data"]] * 20 + [["errors"]]
        assert codes(told[-1]) == [("rateLimitExceeded", None)]
        opened[0].socket.close()
        eventually(lambda: "data" in opened[-1].ask(authentication(key)), "a place")


def test_a_frame_above_the_limit_is_refused_and_one_far_above_ends_its_connection(live: LiveGateway) -> None:
    with talking(live) as talk:
        talk.socket.send(json.dumps([{"taskType": "imageUpload", "taskUUID": "x", "image": "A" * 40_000_000}]))
        assert codes(talk.hear()) == [("maxRequestSizeExceeded", None)]
        assert talk.ask(PING) == PONG
        with suppress(ConnectionClosed):  # it may break while it is still being sent
            talk.socket.send("A" * 60_000_000)
        talk.end()
