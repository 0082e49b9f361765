"""Runware's stand-in: its protocol, then each of its faults and settings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.simulators import loopback
from tests.simulators.fixture import Inbox, Simulators, eventually
from tests.simulators.measure import fetch_and_measure, measure
from tests.simulators.protocol_runware import RunwareClient, RunwareProtocol, _asker, runware
from tests.support.boxes import digest_of_film

pytest_plugins = ["tests.simulators.fixture"]
__all__ = ["runware"]

REFUSALS: tuple[tuple[tuple[str, dict[str, Any]], int, str], ...] = (
    (("bad_key", {}), 401, "invalidApiKey"),
    (("forbidden", {}), 403, "insufficientPermissions"),
    (("out_of_credit", {}), 402, "insufficientCredits"),
    (("rate_limit", {"retry_after": 7}), 429, "rateLimitExceeded"),
    (("server_error", {"status": 500}), 500, "internalServerError"),
    (("server_error", {"status": 503}), 503, "serviceUnavailable"),
    (("server_error", {"status": 504}), 504, "timeoutProvider"),
    (("refused", {"code": "invalidInputsImage"}), 400, "invalidInputsImage"),
)


class TestProtocol(RunwareProtocol):
    """On the simulator."""


@pytest.mark.parametrize(("fault", "status", "code"), REFUSALS)
def test_a_refused_submit_makes_no_job(
    simulators: Simulators, runware: RunwareClient, fault: tuple[str, dict[str, Any]], status: int, code: str
) -> None:
    name, params = fault
    simulators.runware.fault(name, times=1, **params)
    task = runware.task()
    answer = runware.post(task)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    assert answer.headers.get("Retry-After") == ("7" if "retry_after" in params else None)
    assert simulators.runware.accepted() == {}
    runware.post(task).raise_for_status()
    assert simulators.runware.accepted() == {task["taskUUID"]: 1}


@pytest.mark.parametrize(
    ("name", "params", "seen"),
    [
        ("lost_response", {}, httpx.RemoteProtocolError),
        ("server_error_after_accept", {"status": 502}, 502),
        ("garbled_accept", {}, 200),
        ("slow_accept", {"seconds": 60}, httpx.ReadTimeout),
    ],
)
def test_an_accepted_job_survives_a_lost_answer(
    simulators: Simulators, runware: RunwareClient, name: str, params: dict[str, Any], seen: Any
) -> None:
    simulators.runware.fault(name, times=1, **params)
    task = runware.task()
    headers = {"Authorization": f"Bearer {runware.door.key}"}
    if isinstance(seen, int):
        assert loopback.post(runware.url, json=[task], headers=headers).status_code == seen
    else:
        patience = 0.5 if seen is httpx.ReadTimeout else 30
        with pytest.raises(seen):
            loopback.post(runware.url, json=[task], headers=headers, timeout=patience)
    assert runware.post(task).json()["errors"][0]["code"] == "conflictTaskUUID"
    assert runware.until_over(task["taskUUID"])["data"][0]["status"] == "success"
    assert simulators.runware.accepted() == {task["taskUUID"]: 1}


def test_a_dropped_connection_accepts_nothing(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.fault("drop_connection", times=1, route="submit")
    with pytest.raises(httpx.RemoteProtocolError):
        runware.post(runware.task())
    assert simulators.runware.accepted() == {}


def test_a_fault_strikes_only_where_it_matches(simulators: Simulators, runware: RunwareClient) -> None:
    struck, spared = runware.task(), runware.task()
    simulators.runware.fault("out_of_credit", match=struck["taskUUID"])
    assert (runware.post(spared).status_code, runware.post(struck).status_code) == (200, 402)


def test_a_fault_strikes_each_job_so_often(simulators: Simulators, runware: RunwareClient) -> None:
    tasks = runware.task(), runware.task()
    simulators.runware.fault("rate_limit", route="submit", each=1)
    assert [runware.post(task).status_code for task in (*tasks, *tasks)] == [429, 429, 200, 200]


def test_the_books_know_each_film(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.settings(own_films=True)
    films = [loopback.get(runware.render()["videoURL"]).content for _ in range(2)]
    told = [(job["phase"], job["film"]) for job in simulators.runware.books()]
    assert told == [("succeeded", digest_of_film(film)) for film in films]
    assert films[0] != films[1]


def test_a_job_is_invisible_at_first(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.settings(visible_after_seconds=3600.0)
    task = runware.task()
    runware.post(task)
    assert runware.poll(task["taskUUID"]) == {"data": []}
    simulators.runware.jump(3600)
    assert runware.until_over(task["taskUUID"])["data"][0]["status"] == "success"


def test_progress_rises_while_the_task_runs(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.speed(0.01)
    task = runware.task()
    runware.post(task)
    assert "progress" not in runware.poll(task["taskUUID"])["data"][0]
    simulators.runware.jump(4)
    eventually(lambda: simulators.runware.job(task["taskUUID"])["phase"] == "running", "the start")
    simulators.runware.jump(8)
    item = runware.poll(task["taskUUID"])["data"][0]
    assert (item["status"], 45 <= item["progress"] <= 55) == ("processing", True)


@pytest.mark.parametrize("shape", ["errors", "item"])
def test_a_failure_has_two_shapes(simulators: Simulators, runware: RunwareClient, shape: str) -> None:
    simulators.runware.fault("fail", code="timeoutProvider", message="Too slow.", shape=shape)
    task = runware.task()
    runware.post(task)
    body = runware.until_over(task["taskUUID"])
    error = body["errors"][0] if shape == "errors" else body["data"][0]["error"]
    assert (error["code"], error["message"]) == ("timeoutProvider", "Too slow.")
    assert simulators.runware.counts()["spent_usd"] == 0


def test_flagged_content_is_marked(simulators: Simulators, runware: RunwareClient) -> None:
    assert runware.render(safety={"checkContent": True})["NSFWContent"] is False
    simulators.runware.fault("moderated")
    assert runware.render(safety={"mode": "full"})["NSFWContent"] is True
    task = runware.task()
    runware.post(task)
    assert runware.until_over(task["taskUUID"])["errors"][0]["code"] == "contentPolicyViolation"


@pytest.mark.usefixtures("in_no_hurry")
def test_an_unknown_word_is_said_until_the_end(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.fault("unknown_status", word="meditating")
    task = runware.task()
    runware.post(task)
    assert runware.poll(task["taskUUID"])["data"][0]["status"] == "meditating"
    simulators.runware.finish(task["taskUUID"])
    assert runware.poll(task["taskUUID"])["data"][0]["status"] == "success"


def test_the_reported_length_can_be_absurd(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.fault("absurd_duration", seconds=10_272)
    item = runware.render()
    assert item["cost"] == 451.968
    assert fetch_and_measure(item["videoURL"]).ms == 4000


@pytest.mark.parametrize(
    ("name", "field", "value"), [("no_video", "videoURL", None), ("no_cost", "cost", None), ("zero_cost", "cost", 0)]
)
def test_a_success_can_lack_something(
    simulators: Simulators, runware: RunwareClient, name: str, field: str, value: Any
) -> None:
    simulators.runware.fault(name)
    assert runware.render().get(field) == value


def test_a_forgotten_job_is_still_in_the_archive(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.fault("forgotten")
    task = runware.task()
    runware.post(task)
    eventually(lambda: simulators.runware.job(task["taskUUID"])["phase"] == "succeeded", "the end")
    assert runware.poll(task["taskUUID"]) == {"data": []}
    details = runware.post({"taskType": "getTaskDetails", "taskUUID": task["taskUUID"]}).json()["data"][0]
    assert details["response"]["data"][0]["status"] == "success"


def test_too_small_a_portrait_is_an_invalid_width(simulators: Simulators, runware: RunwareClient) -> None:
    inputs = {"image": simulators.sample("portrait-400x400.png"), "audio": runware.door.voice(4000)}
    task = runware.task(inputs=inputs)
    runware.post(task)
    assert runware.until_over(task["taskUUID"])["errors"][0]["code"] == "invalidWidth"


@pytest.mark.parametrize(
    ("name", "voice", "code"),
    [
        ("too short", "voice-1500.mp3", "invalidAudioDuration"),
        ("too long", "voice-5500.mp3", "maxAudioDurationExceeded"),
        ("no audio", "portrait-600x600.jpg", "invalidAudio"),
        ("opus", "voice-4000.ogg", "unsupportedAudioFormat"),
    ],
)
def test_a_voice_out_of_bounds_fails(
    simulators: Simulators, runware: RunwareClient, name: str, voice: str, code: str
) -> None:
    simulators.runware.settings(most_voice_seconds=5.0)
    task = runware.task(inputs={"image": runware.door.portrait, "audio": simulators.sample(voice)})
    runware.post(task)
    assert runware.until_over(task["taskUUID"])["errors"][0]["code"] == code, name


# --- Files


def _status(answer: httpx.Response) -> Any:
    return answer.status_code


@pytest.mark.parametrize(
    ("fault", "look", "seen"),
    [
        (("file_forbidden", {}), _status, 403),
        (("file_missing", {}), _status, 404),
        (("file_server_error", {"status": 500}), _status, 500),
        (("file_redirect", {}), _status, 302),
        (("file_empty", {}), lambda answer: (answer.status_code, answer.content), (200, b"")),
        (("file_wrong_type", {}), lambda answer: answer.headers["Content-Type"].partition(";")[0], "text/html"),
        (("file_garbage", {}), lambda answer: answer.content[:4], b"\x00\x01\x02\x03"),
        (("file_slow", {"seconds": 0.05}), _status, 200),
    ],
)
def test_a_file_fault_heals(
    simulators: Simulators,
    runware: RunwareClient,
    fault: tuple[str, dict[str, Any]],
    look: Callable[[httpx.Response], Any],
    seen: Any,
) -> None:
    url = runware.render()["videoURL"]
    simulators.runware.fault(fault[0], times=1, **fault[1])
    assert look(loopback.get(url, follow_redirects=False)) == seen
    assert measure(loopback.get(url).content).ms == 4000


def test_a_truncated_file_breaks_off(simulators: Simulators, runware: RunwareClient) -> None:
    url = runware.render()["videoURL"]
    whole = loopback.get(url).content
    simulators.runware.fault("file_truncated", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        loopback.get(url)
    simulators.runware.fault("file_truncated", times=1, honest=True, share=0.25)
    assert loopback.get(url).content == whole[: int(len(whole) * 0.25)]


@pytest.mark.parametrize(
    ("name", "frames", "has_sound"), [("silent_video", 120, False), ("blind_video", 0, True), ("short_video", 24, True)]
)
def test_a_video_can_lack_picture_sound_or_length(
    simulators: Simulators, runware: RunwareClient, name: str, frames: int, *, has_sound: bool
) -> None:
    simulators.runware.fault(name)
    measured = fetch_and_measure(runware.render()["videoURL"])
    assert (measured.frames, measured.sound_seconds > 0) == (frames, has_sound)


def test_the_url_dies_after_its_ttl(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.speed(1)
    task = runware.task(ttl=60)
    runware.post(task)
    simulators.runware.finish(task["taskUUID"])
    url = runware.poll(task["taskUUID"])["data"][0]["videoURL"]
    assert loopback.get(url).status_code == 200
    simulators.runware.jump(61)
    assert loopback.get(url).status_code == 403


def test_a_file_answers_byte_ranges_and_can_be_large(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.settings(padding_bytes=50_000_000)
    url = runware.render()["videoURL"]
    answer = loopback.get(url, headers={"Range": "bytes=4-7"})
    assert (answer.status_code, answer.content) == (206, b"ftyp")
    assert int(loopback.head(url).headers["Content-Length"]) > 50_000_000
    assert fetch_and_measure(url).ms == 4000


def test_a_key_that_is_sent_to_the_file_host_is_noticed(simulators: Simulators, runware: RunwareClient) -> None:
    url = runware.render()["videoURL"]
    loopback.get(url)
    assert simulators.runware.counts()["keys_leaked_to_files"] == 0
    loopback.get(url, headers={"Authorization": "Bearer leaked"})
    assert simulators.runware.counts()["keys_leaked_to_files"] == 1


# --- Letters and uploads


def test_the_webhook_is_flat(runware: RunwareClient, inbox: Inbox) -> None:
    task = runware.task(webhookURL=inbox.url + "/hook?token=secret")
    runware.post(task)
    letter = inbox.wait()[0]
    assert letter.path == "/hook?token=secret"
    assert (letter.json["taskUUID"], letter.json["status"]) == (task["taskUUID"], "success")
    assert letter.json["videoURL"] == runware.poll(task["taskUUID"])["data"][0]["videoURL"]


def test_each_result_has_its_own_letter(runware: RunwareClient, inbox: Inbox) -> None:
    runware.post(runware.task(numberResults=2, webhookURL=inbox.url))
    assert len({letter.json["videoUUID"] for letter in inbox.wait(2)}) == 2


def test_a_failure_is_told_too(simulators: Simulators, runware: RunwareClient, inbox: Inbox) -> None:
    simulators.runware.fault("fail", code="providerError")
    runware.post(runware.task(webhookURL=inbox.url))
    assert (inbox.wait()[0].json["status"], inbox.letters[0].json["code"]) == ("error", "providerError")


def test_the_letter_can_be_wrapped(simulators: Simulators, runware: RunwareClient, inbox: Inbox) -> None:
    simulators.runware.settings(webhook_body="wrapped")
    runware.post(runware.task(webhookURL=inbox.url))
    assert inbox.wait()[0].json["data"][0]["status"] == "success"


def test_a_letter_that_is_not_taken_comes_again(simulators: Simulators, runware: RunwareClient, inbox: Inbox) -> None:
    inbox.answers += [500, 404, 302]
    runware.post(runware.task(webhookURL=inbox.url))
    inbox.wait(4)
    letters = simulators.runware.webhooks(settled=True)
    assert [attempt["status"] for attempt in letters[0]["tries"]] == [500, 404, 302, 200]
    times = [attempt["at"] for attempt in letters[0]["tries"]]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert [wait >= least for wait, least in zip(waits, (0.25, 0.5, 1.0), strict=True)] == [True] * 3


def test_letters_end_when_nobody_takes_them(simulators: Simulators, runware: RunwareClient) -> None:
    runware.post(runware.task(webhookURL="http://127.0.0.1:9/closed"))
    eventually(simulators.runware.webhooks, "a letter")
    letter = simulators.runware.webhooks(settled=True)[0]
    assert (letter["state"], len(letter["tries"])) == ("given_up", 10)


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("webhook_lost", []),
        ("webhook_late", ["success"]),
        ("webhook_duplicate", ["success"] * 3),
        ("webhook_out_of_order", ["success", "processing"]),
    ],
)
def test_letters_go_astray(
    simulators: Simulators, runware: RunwareClient, inbox: Inbox, name: str, statuses: list[str]
) -> None:
    simulators.runware.fault(name)
    runware.post(runware.task(webhookURL=inbox.url))
    eventually(simulators.runware.webhooks, "a letter")
    simulators.runware.webhooks(settled=True)
    assert [letter.json["status"] for letter in inbox.letters] == statuses


def test_the_letter_can_come_before_the_answer(simulators: Simulators, runware: RunwareClient, inbox: Inbox) -> None:
    simulators.runware.fault("webhook_before_answer")
    runware.post(runware.task(webhookURL=inbox.url)).raise_for_status()
    assert [letter.json["status"] for letter in inbox.letters] == ["success"]


def test_the_file_is_put_where_we_ask(simulators: Simulators, runware: RunwareClient, inbox: Inbox) -> None:
    task = runware.task(uploadEndpoint=inbox.url + "/bucket/video.mp4?signature=1")
    runware.post(task)
    put = inbox.wait()[0]
    assert (put.path, measure(put.body).ms) == ("/bucket/video.mp4?signature=1", 4000)
    eventually(lambda: simulators.runware.job(task["taskUUID"])["notes"].get("uploads") == [200], "the note")


# --- The socket


def test_a_lost_answer_on_the_socket_closes_it(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.fault("lost_response", times=1)
    task = runware.task()
    with connect(runware.url.replace("http", "ws", 1)) as socket:
        ask = _asker(socket)
        ask({"taskType": "authentication", "apiKey": runware.door.key})
        with pytest.raises(ConnectionClosed):
            ask(task)
    assert simulators.runware.accepted() == {task["taskUUID"]: 1}


# --- The back door


def test_a_job_can_be_ended_by_hand(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.speed(0.001)
    good, bad = runware.task(), runware.task()
    runware.post(good, bad)
    assert simulators.runware.finish(good["taskUUID"])["phase"] == "succeeded"
    assert simulators.runware.finish(bad["taskUUID"], code="inferenceError")["phase"] == "failed"
    assert runware.poll(bad["taskUUID"])["errors"][0]["code"] == "inferenceError"


def test_only_so_many_run_at_once(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.settings(places=2, queue_seconds=0.0, run_seconds=40.0)
    runware.post(*[runware.task() for _ in range(6)])
    eventually(lambda: simulators.runware.counts()["jobs"]["succeeded"] == 6, "the end of six")
    started = sorted(job["started_at"] for job in simulators.runware.jobs())
    assert [second - first >= 40 for first, second in zip(started, started[2:], strict=False)] == [True] * 4


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "faults", {"name": "earthquake"}),
        ("POST", "faults", {"name": "webhook_forged"}),
        ("POST", "faults", {"name": "rate_limit", "params": {"colour": 1}}),
        ("PATCH", "settings", {"places": "many"}),
        ("PATCH", "settings", {"length": "longer"}),
        ("POST", "clock", {"speed": 0}),
    ],
)
def test_the_back_door_refuses_nonsense(simulators: Simulators, method: str, path: str, body: Any) -> None:
    answer = loopback.request(method, f"{simulators.runware.base}/_control/{path}", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_a_reset_forgets_everything(simulators: Simulators, runware: RunwareClient) -> None:
    simulators.runware.fault("out_of_credit")
    simulators.runware.settings(places=3)
    simulators.reset()
    assert runware.post(runware.task()).status_code == 200
    assert (len(simulators.runware.jobs()), simulators.runware.settings()["places"]) == (1, 0)
    assert runware.poll(str(uuid4())) == {"data": []}


@pytest.mark.usefixtures("in_no_hurry")
def test_a_job_can_be_moved_on_phase_by_phase(simulators: Simulators, runware: RunwareClient) -> None:
    task = runware.task()
    runware.post(task)
    phases = [simulators.runware.advance(task["taskUUID"])["phase"] for _ in range(2)]
    assert phases == ["running", "succeeded"]
