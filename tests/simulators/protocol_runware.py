"""What anything that speaks Runware's protocol must do. Subclass in a test module and give a ``runware_door``."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.sync.client import connect

from tests.simulators import loopback
from tests.simulators.fixture import Door, eventually
from tests.simulators.measure import fetch_and_measure

STANDARD, PRO = "klingai:avatar@2.0-standard", "klingai:avatar@2.0-pro"
# The six examples of the provider's own pages: model, milliseconds of voice, dollars.
EXAMPLES = (
    (PRO, 13_866, 1.20634),
    (PRO, 14_933, 1.29917),
    (PRO, 22_400, 1.9488),
    (STANDARD, 12_266, 0.5397),
    (STANDARD, 17_333, 0.76265),
    (STANDARD, 19_200, 0.8448),
)
WRONG_OPTIONS = (
    ({"taskUUID": "not-a-uuid"}, "invalidTaskUUID", "taskUUID"),
    ({"taskUUID": "5a3d1c0e-4f0b-1e3a-9a51-3c2f6d1b8e77"}, "invalidTaskUUID", "taskUUID"),
    ({"model": "klingai:avatar@9"}, "invalidModel", "model"),
    ({"outputFormat": "AVI"}, "invalidOutputFormat", "outputFormat"),
    ({"outputQuality": 19}, "invalidOutputQuality", "outputQuality"),
    ({"outputQuality": 100}, "invalidOutputQuality", "outputQuality"),
    ({"outputType": "base64Data"}, "invalidOutputType", "outputType"),
    ({"numberResults": 0}, "invalidNumberResults", "numberResults"),
    ({"numberResults": 5}, "invalidNumberResults", "numberResults"),
    ({"ttl": 59}, "invalidTtl", "ttl"),
    ({"deliveryMethod": "sync"}, "invalidDeliveryMethod", "deliveryMethod"),
    ({"webhookURL": "nowhere"}, "invalidWebhookURL", "webhookURL"),
    ({"positivePrompt": ""}, "invalidPositivePrompt", "positivePrompt"),
    ({"positivePrompt": "x" * 2501}, "invalidPositivePrompt", "positivePrompt"),
    ({"safety": {"mode": "slow"}}, "invalidSafetyMode", "safety.mode"),
    ({"includeCost": "yes"}, "invalidIncludeCost", "includeCost"),
    ({"inputs": {"image": "https://a.example/a.jpg"}}, "missingInputsAudio", "inputs.audio"),
    ({"inputs": None}, "missingInputs", "inputs"),
    ({"seed": 7}, "unknownParameter", "seed"),
)


class RunwareClient:
    """The least that is needed to speak to a door."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.url = door.hosts["api"] + "/v1"
        self._http = loopback.Client(headers={"Authorization": f"Bearer {door.key}"}, timeout=30)

    def post(self, *tasks: Any) -> httpx.Response:
        return self._http.post(self.url, json=list(tasks))

    def task(self, voice_ms: int = 4000, **options: Any) -> dict[str, Any]:
        task = {
            "taskType": "videoInference",
            "taskUUID": str(uuid4()),
            "model": STANDARD,
            "deliveryMethod": "async",
            "includeCost": True,
            "inputs": {"image": self.door.portrait, "audio": self.door.voice(voice_ms)},
        }
        return {name: value for name, value in (task | options).items() if value is not None}

    def poll(self, task_uuid: str) -> dict[str, Any]:
        return dict(self.post({"taskType": "getResponse", "taskUUID": task_uuid}).raise_for_status().json())

    def until_over(self, task_uuid: str, *, results: int = 1) -> dict[str, Any]:
        """The first poll in which every result is final, or that has errors."""

        def is_over() -> dict[str, Any] | None:
            body = self.poll(task_uuid)
            final = [item for item in body.get("data", []) if item["status"] in ("success", "error")]
            return body if body.get("errors") or len(final) == results else None

        return dict(eventually(is_over, "the end of the task"))

    def render(self, voice_ms: int = 4000, **options: Any) -> dict[str, Any]:
        """Submit, wait, and give the one item."""
        task = self.task(voice_ms, **options)
        self.post(task).raise_for_status()
        return dict(self.until_over(task["taskUUID"])["data"][0])

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def runware(runware_door: Door) -> Iterator[RunwareClient]:
    client = RunwareClient(runware_door)
    yield client
    client.close()


class RunwareProtocol:
    @pytest.mark.parametrize("body", [{}, "text", [], [1], {"taskType": "ping"}])
    def test_a_body_that_is_no_array_of_tasks_is_refused(self, runware: RunwareClient, body: Any) -> None:
        answer = loopback.post(runware.url, json=body, headers={"Authorization": f"Bearer {runware.door.key}"})
        assert (answer.status_code, list(answer.json())) == (400, ["errors"])

    @pytest.mark.parametrize("header", [None, "Bearer wrong", "Key wrong", "Bearer"])
    def test_a_wrong_key_is_401_invalid_api_key(self, runware: RunwareClient, header: str | None) -> None:
        headers = {"Authorization": header} if header else {}
        answer = loopback.post(runware.url, json=[runware.task()], headers=headers)
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["code"]) == (401, "invalidApiKey")

    def test_the_key_may_come_as_the_first_task(self, runware: RunwareClient) -> None:
        task = runware.task()
        first = {"taskType": "authentication", "apiKey": runware.door.key}
        data = loopback.post(runware.url, json=[first, task]).raise_for_status().json()["data"]
        assert [item["taskType"] for item in data] == ["authentication", "videoInference"]

    @pytest.mark.parametrize(("wrong", "code", "parameter"), WRONG_OPTIONS)
    def test_a_wrong_option_is_named(
        self, runware: RunwareClient, wrong: dict[str, Any], code: str, parameter: str
    ) -> None:
        answer = runware.post(runware.task(**wrong))
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["code"], error["parameter"]) == (400, code, parameter)

    def test_the_acknowledgement_has_type_and_uuid(self, runware: RunwareClient) -> None:
        task = runware.task()
        answer = runware.post(task)
        assert answer.status_code == 200
        assert answer.json()["data"] == [{"taskType": "videoInference", "taskUUID": task["taskUUID"]}]

    def test_one_array_may_have_good_and_bad_tasks(self, runware: RunwareClient) -> None:
        good, bad = runware.task(), runware.task(outputQuality=1)
        body = runware.post(good, bad).raise_for_status().json()
        assert [item["taskUUID"] for item in body["data"]] == [good["taskUUID"]]
        assert [error["taskUUID"] for error in body["errors"]] == [bad["taskUUID"]]

    @pytest.mark.parametrize(("model", "ms", "dollars"), EXAMPLES)
    def test_the_documents_examples_cost_what_they_say(
        self, runware: RunwareClient, model: str, ms: int, dollars: float
    ) -> None:
        item = runware.render(ms, model=model)
        # To the five places that the provider rounds to; what is charged may be told more exactly.
        assert (item["status"], round(item["cost"], 5)) == ("success", dollars)
        assert fetch_and_measure(item["videoURL"]).ms == ms

    def test_the_cost_is_only_told_when_asked_for(self, runware: RunwareClient) -> None:
        assert "cost" not in runware.render(includeCost=False)

    @pytest.mark.parametrize(("name", "container"), [("MP4", "mp4"), ("MOV", "mov"), ("WEBM", "webm")])
    def test_each_output_format_is_what_it_says(self, runware: RunwareClient, name: str, container: str) -> None:
        item = runware.render(outputFormat=name)
        measured = fetch_and_measure(item["videoURL"])
        assert item["videoURL"].endswith("." + container)
        assert container in measured.container
        assert (measured.ms, measured.sound_seconds > 3.9) == (4000, True)

    def test_the_same_uuid_again_is_a_conflict_and_no_second_job(self, runware: RunwareClient) -> None:
        task = runware.task()
        runware.post(task).raise_for_status()
        again = runware.post(task)
        error = again.json()["errors"][0]
        assert (again.status_code, error["code"]) == (400, "conflictTaskUUID")
        assert error["context"]["taskUUID"] == task["taskUUID"]
        assert len(runware.until_over(task["taskUUID"])["data"]) == 1

    def test_an_unknown_uuid_gets_empty_data(self, runware: RunwareClient) -> None:
        assert runware.poll(str(uuid4())) == {"data": []}

    def test_several_results_share_the_uuid(self, runware: RunwareClient) -> None:
        task = runware.task(numberResults=3)
        runware.post(task).raise_for_status()
        items = runware.until_over(task["taskUUID"], results=3)["data"]
        assert {item["taskUUID"] for item in items} == {task["taskUUID"]}
        assert len({item["videoUUID"] for item in items}) == 3

    def test_an_input_that_cannot_be_fetched_fails_the_task(self, runware: RunwareClient) -> None:
        task = runware.task(inputs={"image": runware.door.portrait, "audio": runware.door.hosts["files"] + "/no/a.mp3"})
        runware.post(task).raise_for_status()
        error = runware.until_over(task["taskUUID"])["errors"][0]
        assert (error["code"], error["parameter"], error["taskUUID"]) == (
            "downloadFailed",
            "inputs.audio",
            task["taskUUID"],
        )

    def test_a_data_uri_is_a_voice(self, runware: RunwareClient) -> None:
        sound = base64.b64encode(loopback.get(runware.door.voice(4000)).content).decode()
        inputs = {"image": runware.door.portrait, "audio": f"data:audio/mpeg;base64,{sound}"}
        assert runware.render(inputs=inputs)["status"] == "success"

    def test_stored_media_is_used_by_its_uuid_and_deleted(self, runware: RunwareClient) -> None:
        stored = [self._stored(runware, url) for url in (runware.door.portrait, runware.door.voice(4000))]
        assert runware.render(inputs={"image": stored[0], "audio": stored[1]})["status"] == "success"
        gone = runware.post(self._media("delete", stored[1])).raise_for_status().json()["data"][0]
        assert (gone["operation"], gone["mediaUUID"]) == ("delete", stored[1])
        assert runware.post(self._media("delete", stored[1])).json()["errors"][0]["code"] == "mediaNotFound"

    def test_an_uploaded_image_is_a_portrait(self, runware: RunwareClient) -> None:
        upload = {"taskType": "imageUpload", "taskUUID": str(uuid4()), "image": runware.door.portrait}
        data = runware.post(upload).raise_for_status().json()["data"][0]
        inputs = {"image": data["imageUUID"], "audio": runware.door.voice(4000)}
        assert runware.render(inputs=inputs)["status"] == "success"

    def test_the_archive_keeps_request_and_response(self, runware: RunwareClient) -> None:
        item = runware.render()
        asked = {"taskType": "getTaskDetails", "taskUUID": item["taskUUID"]}
        details = runware.post(asked).raise_for_status().json()["data"][0]
        assert details["request"][0]["model"] == STANDARD
        assert details["response"]["data"][0]["videoUUID"] == item["videoUUID"]

    def test_the_balance_falls_by_the_cost(self, runware: RunwareClient) -> None:
        before = self._balance(runware)
        cost = runware.render()["cost"]
        assert round(before - self._balance(runware), 5) == cost

    def test_the_socket_speaks_the_same_tasks(self, runware: RunwareClient) -> None:
        task = runware.task()
        with connect(runware.url.replace("http", "ws", 1)) as socket:
            ask = _asker(socket)
            session = ask({"taskType": "authentication", "apiKey": runware.door.key})["data"][0]
            assert session["connectionSessionUUID"]
            assert ask({"taskType": "ping", "ping": True}) == {"data": [{"taskType": "ping", "pong": True}]}
            assert ask(task)["data"][0]["taskUUID"] == task["taskUUID"]
            assert ask(task)["errors"][0]["code"] == "conflictTaskUUID"
            poll = {"taskType": "getResponse", "taskUUID": task["taskUUID"]}
            eventually(lambda: ask(poll)["data"][0]["status"] == "success", "the end of the task")

    def test_the_socket_wants_the_key_first(self, runware: RunwareClient) -> None:
        with connect(runware.url.replace("http", "ws", 1)) as socket:
            ask = _asker(socket)
            assert ask(runware.task())["errors"][0]["taskType"] == "authentication"
            assert ask({"taskType": "authentication", "apiKey": "wrong"})["errors"][0]["code"] == "invalidApiKey"

    def _stored(self, runware: RunwareClient, source: str) -> str:
        return str(runware.post(self._media("upload", source)).raise_for_status().json()["data"][0]["mediaUUID"])

    def _media(self, operation: str, media: str) -> dict[str, str]:
        return {"taskType": "mediaStorage", "taskUUID": str(uuid4()), "operation": operation, "media": media}

    def _balance(self, runware: RunwareClient) -> float:
        asked = {"taskType": "accountManagement", "taskUUID": str(uuid4()), "operation": "getDetails"}
        return float(runware.post(asked).raise_for_status().json()["data"][0]["balance"]["amount"])


def _asker(socket: Any) -> Any:
    def ask(task: dict[str, Any]) -> dict[str, Any]:
        socket.send(json.dumps([task]))
        return dict(json.loads(socket.recv(timeout=20)))

    return ask
