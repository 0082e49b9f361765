"""fal's stand-in: its protocol, then each of its faults, headers and settings."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from tests.simulators import loopback
from tests.simulators.fal_words import MODEL_ERRORS, REQUEST_ERRORS
from tests.simulators.fixture import Inbox, Simulators, eventually
from tests.simulators.measure import fetch_and_measure
from tests.simulators.protocol_fal import PRO, STANDARD, FalClient, FalProtocol, fal, is_sealed

pytest_plugins = ["tests.simulators.fixture"]
__all__ = ["fal"]

LOCK = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
REFUSALS: tuple[tuple[tuple[str, dict[str, Any]], tuple[int, str, str | None]], ...] = (
    (("bad_key", {}), (401, "No user found for Key ID and Secret", None)),
    (("forbidden", {}), (403, "The API key does not have access to this endpoint.", None)),
    (("out_of_credit", {}), (403, LOCK, None)),
    (("out_of_credit", {"reason": "TOP_UP"}), (403, "User is locked. Reason: TOP_UP.", None)),
    (("rate_limit", {}), (429, "Rate limit exceeded", "rate_limit")),
    (("server_error", {"status": 500}), (500, "Internal error", "internal_error")),
    (("server_error", {"status": 503}), (503, "Runner could not be scheduled", "runner_scheduling_failure")),
    (("refused", {"status": 400, "message": "No."}), (400, "No.", None)),
)


class TestProtocol(FalProtocol):
    """On the simulator."""


@pytest.mark.parametrize(("fault", "said"), REFUSALS)
def test_a_refused_submit_makes_no_job(
    simulators: Simulators, fal: FalClient, fault: tuple[str, dict[str, Any]], said: tuple[int, str, str | None]
) -> None:
    simulators.fal.fault(fault[0], times=1, **fault[1])
    answer = fal.post(fal.arguments())
    assert (answer.status_code, answer.json()["detail"], answer.json().get("error_type")) == said
    assert answer.headers.get("X-Fal-Error-Type") == said[2]
    assert simulators.fal.jobs() == []
    assert fal.submit()["status"] == "IN_QUEUE"


def test_the_ingress_answers_with_its_own_page(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.fault("ingress_error", times=1)
    answer = fal.post(fal.arguments())
    assert (answer.status_code, "nginx" in answer.text, "x-fal-request-id" in answer.headers) == (502, True, False)


@pytest.mark.parametrize(
    ("name", "params", "seen"),
    [
        ("lost_response", {}, httpx.RemoteProtocolError),
        ("server_error_after_accept", {"status": 504}, 504),
        ("garbled_accept", {}, 200),
        ("slow_accept", {"seconds": 60}, httpx.ReadTimeout),
    ],
)
def test_a_job_whose_answer_was_lost_is_found_by_our_reference(
    simulators: Simulators, fal: FalClient, name: str, params: dict[str, Any], seen: Any
) -> None:
    simulators.fal.fault(name, times=1, **params)
    arguments = fal.arguments(audio_url=fal.door.voice(4000) + "?a=01HZX3V6Q8W9RJ5T2K4M7N0PBC")
    headers = {"Authorization": f"Key {fal.door.key}"}
    if isinstance(seen, int):
        assert loopback.post(f"{fal.queue}/{STANDARD}", json=arguments, headers=headers).status_code == seen
    else:
        patience = 0.5 if seen is httpx.ReadTimeout else 30
        with pytest.raises(seen):
            loopback.post(f"{fal.queue}/{STANDARD}", json=arguments, headers=headers, timeout=patience)
    eventually(simulators.fal.accepted, "the job")
    assert simulators.fal.accepted() == {"01HZX3V6Q8W9RJ5T2K4M7N0PBC": 1}
    assert simulators.fal.times_accepted("?a=01HZX3V6Q8") == 1


def test_the_same_submit_twice_is_two_jobs(simulators: Simulators, fal: FalClient) -> None:
    first, second = fal.submit(), fal.submit()
    assert first["request_id"] != second["request_id"]
    assert sum(simulators.fal.accepted().values()) == 2


def test_a_locked_account_may_still_ask(simulators: Simulators, fal: FalClient) -> None:
    job = fal.submit()
    simulators.fal.fault("out_of_credit")
    assert fal.post(fal.arguments()).status_code == 403
    fal.until_over(job)
    assert fal.result(job).status_code == 200


@pytest.mark.parametrize("error_type", REQUEST_ERRORS)
def test_each_platform_failure_shows_in_status_and_result(
    simulators: Simulators, fal: FalClient, error_type: str
) -> None:
    simulators.fal.fault("fail", code=error_type)
    job = fal.submit()
    assert fal.until_over(job)["error_type"] == error_type
    answer = fal.result(job)
    status, sentence = REQUEST_ERRORS[error_type]
    assert (answer.status_code, answer.json()) == (status, {"detail": sentence, "error_type": error_type})
    assert answer.headers["X-Fal-Error-Type"] == error_type


@pytest.mark.parametrize("kind", MODEL_ERRORS)
def test_each_model_failure_shows_in_the_result_only(simulators: Simulators, fal: FalClient, kind: str) -> None:
    simulators.fal.fault("fail", code=kind)
    job = fal.submit()
    assert "error" not in fal.until_over(job)
    answer = fal.result(job)
    status, retryable, _ = MODEL_ERRORS[kind]
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (status, kind)
    assert answer.headers["X-Fal-Needs-Retry"] == ("1" if retryable else "0")


def test_a_model_failure_can_show_in_the_status_and_as_text(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.settings(model_error_in_status=True, retry_header="both")
    simulators.fal.fault("fail", code="generation_timeout", shape="string", message="Gave up.")
    job = fal.submit()
    assert fal.until_over(job)["error"] == "Invalid status code: 504"
    answer = fal.result(job)
    assert answer.json() == {"detail": "Gave up."}
    assert (answer.headers["X-Fal-Needs-Retry"], answer.headers["X-Fal-Retryable"]) == ("1", "true")


def test_moderated_content_is_a_policy_violation(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.fault("moderated")
    answer = fal.finished()
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "content_policy_violation")


@pytest.mark.parametrize(
    ("image", "voice", "said"),
    [
        ("portrait-299x600.png", "voice-4000.mp3", ("image_url", "image_too_small")),
        ("portrait-1400x500.png", "voice-4000.mp3", ("image_url", "image_load_error")),
        ("voice-4000.wav", "voice-4000.mp3", ("image_url", "image_load_error")),
        ("portrait-600x600.png", "voice-1000.wav", ("audio_url", "audio_duration_too_short")),
        ("portrait-600x600.png", "voice-120000.wav", ("audio_url", "file_too_large")),
        ("portrait-600x600.png", "portrait-600x600.png", ("audio_url", "unsupported_audio_format")),
        ("portrait-600x600.webp", "voice-4000.ogg", None),
        ("portrait-600x600.gif", "voice-4000.m4a", None),
    ],
)
def test_inputs_are_judged_as_kling_does(
    simulators: Simulators, fal: FalClient, image: str, voice: str, said: tuple[str, str] | None
) -> None:
    arguments = {"image_url": simulators.sample(image), "audio_url": simulators.sample(voice)}
    job = fal.post(arguments).raise_for_status().json()
    fal.until_over(job)
    body = fal.result(job).json()
    if said is None:
        assert body["video"]["content_type"] == "video/mp4"
    else:
        assert (body["detail"][0]["loc"], body["detail"][0]["type"]) == (["body", said[0]], said[1])


# --- Request headers


def test_a_request_that_does_not_start_in_time_is_given_up(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.settings(queue_seconds=600.0)
    job = fal.submit(headers={"X-Fal-Request-Timeout": "2"})
    assert fal.until_over(job)["error_type"] == "request_timeout"
    answer = fal.result(job)
    assert (answer.status_code, answer.headers["X-Fal-Request-Timeout-Type"]) == (504, "user")


def test_a_runner_that_breaks_is_replaced_inside(simulators: Simulators, fal: FalClient, inbox: Inbox) -> None:
    simulators.fal.fault("runner_fails", tries=2)
    job = fal.submit(webhook=inbox.url)
    told = inbox.wait()[0].json
    assert (told["status"], told["request_id"]) == ("OK", job["request_id"])
    assert told["gateway_request_id"] != job["request_id"]


def test_no_retry_lets_a_broken_runner_show(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.fault("runner_fails", tries=2)
    job = fal.submit(headers={"X-Fal-No-Retry": "true"})
    assert fal.until_over(job)["error_type"] == "runner_disconnected"


def test_low_priority_waits_behind_normal(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.settings(places=1, queue_seconds=1.0, run_seconds=600.0)
    simulators.fal.speed(0.001)
    first, low = fal.submit(), fal.submit(headers={"X-Fal-Queue-Priority": "low"})
    normal = fal.submit()
    simulators.fal.jump(2)
    simulators.fal.finish(first["request_id"])
    phases = [simulators.fal.job(job["request_id"])["phase"] for job in (first, normal, low)]
    assert phases == ["succeeded", "running", "queued"]


def test_the_queue_counts_down_where_places_are_few(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.settings(places=1, queue_seconds=0.0, run_seconds=100_000.0)
    jobs = [fal.submit() for _ in range(3)]
    eventually(lambda: simulators.fal.counts()["jobs"]["running"] == 1, "the first start")
    assert [fal.status(job).json().get("queue_position") for job in jobs] == [None, 0, 1]


@pytest.mark.parametrize(("headers", "seconds", "status"), [({}, 7200, 200), ({"X-Fal-Store-IO": "0"}, 3601, 404)])
def test_a_result_without_stored_payloads_expires(
    simulators: Simulators, fal: FalClient, headers: dict[str, str], seconds: float, status: int
) -> None:
    job = fal.submit(headers=headers)
    fal.until_over(job)
    assert fal.result(job).status_code == 200
    simulators.fal.speed(1)
    simulators.fal.jump(seconds)
    assert fal.result(job).status_code == status


def test_the_file_dies_as_the_lifecycle_says(simulators: Simulators, fal: FalClient) -> None:
    wish = '{"expiration_duration_seconds": 60}'
    url = fal.finished(headers={"X-Fal-Object-Lifecycle-Preference": wish}).json()["video"]["url"]
    simulators.fal.speed(1)
    simulators.fal.jump(61)
    assert loopback.get(url).status_code == 403


def test_headers_are_on_record(simulators: Simulators, fal: FalClient) -> None:
    job = fal.submit(headers={"X-Fal-Runner-Hint": "warm"})
    assert simulators.fal.job(job["request_id"])["headers"]["x-fal-runner-hint"] == "warm"


def test_a_nonsensical_header_is_refused(fal: FalClient) -> None:
    assert fal.post(fal.arguments(), headers={"X-Fal-Queue-Priority": "urgent"}).status_code == 400


# --- Life and result


def test_a_running_request_may_stop_or_complete(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.settings(queue_seconds=0.0, run_seconds=4000.0)
    stopped = _running(simulators, fal)
    answer = fal.http.put(stopped["cancel_url"])
    assert (answer.status_code, answer.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    assert fal.until_over(stopped)["error_type"] == "client_cancelled"
    simulators.fal.settings(cancel_running="completes")
    finished = _running(simulators, fal)
    assert fal.http.put(finished["cancel_url"]).status_code == 202
    simulators.fal.finish(finished["request_id"])
    assert "error" not in fal.until_over(finished)


def _running(simulators: Simulators, fal: FalClient) -> dict[str, Any]:
    job = fal.submit()
    eventually(lambda: simulators.fal.job(job["request_id"])["phase"] == "running", "the start")
    return job


def test_an_unknown_word_can_stay_for_ever(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.fault("unknown_status", word="HIBERNATING", forever=True)
    job = fal.submit()
    eventually(lambda: simulators.fal.job(job["request_id"])["phase"] == "succeeded", "the end")
    assert fal.status(job).json()["status"] == "HIBERNATING"


@pytest.mark.parametrize(
    ("name", "seen"),
    [("absurd_duration", 10_272.0), ("no_duration", None)],
)
def test_the_reported_length_can_be_absurd_or_missing(
    simulators: Simulators, fal: FalClient, name: str, seen: float | None
) -> None:
    simulators.fal.fault(name)
    output = fal.finished().json()
    assert output.get("duration") == seen
    assert fetch_and_measure(output["video"]["url"]).ms == 4000


def test_a_success_can_lack_its_video(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.fault("no_video")
    assert fal.finished().json()["video"] is None


def test_conflicting_sources_are_settings(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.settings(submit_status=202, polite_status_codes=False, response_suffix=True)
    answer = fal.post(fal.arguments(), model=PRO)
    assert (answer.status_code, answer.json()["response_url"].endswith("/response")) == (202, True)
    assert fal.status(answer.json()).status_code == 200


def test_the_synchronous_door_has_a_limit(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.settings(places=1, queue_seconds=0.0, run_seconds=100_000.0)
    job = _running(simulators, fal)
    answer = fal.http.post(f"{fal.door.hosts['run']}/{STANDARD}", json=fal.arguments())
    assert (answer.status_code, answer.json()["error_type"]) == (429, "concurrent_requests_limit")
    assert answer.headers["X-Fal-needs-retry"] == "1"
    fal.http.put(job["cancel_url"])


def test_a_client_that_hangs_up_on_the_synchronous_door_ends_the_job(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.settings(run_seconds=100_000.0)
    with pytest.raises(httpx.ReadTimeout):
        fal.http.post(f"{fal.door.hosts['run']}/{STANDARD}", json=fal.arguments(), timeout=0.5)
    job = eventually(lambda: simulators.fal.jobs(phase="cancelled"), "the end of the job")[0]
    assert job["failure"]["error_type"] == "client_disconnected"


# --- Letters


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("webhook_lost", []),
        ("webhook_late", [("OK", True)]),
        ("webhook_duplicate", [("OK", True)] * 3),
        ("webhook_out_of_order", [("OK", True), ("ERROR", True)]),
        ("webhook_forged", [("OK", False)]),
        ("webhook_stale", [("OK", False)]),
    ],
)
def test_letters_go_astray(
    simulators: Simulators, fal: FalClient, inbox: Inbox, name: str, told: list[tuple[str, bool]]
) -> None:
    simulators.fal.fault(name)
    fal.submit(webhook=inbox.url)
    eventually(simulators.fal.webhooks, "a letter")
    simulators.fal.webhooks(settled=True)
    jwks = loopback.get(fal.door.hosts["rest"] + "/.well-known/jwks.json").json()
    assert [(letter.json["status"], is_sealed(letter, jwks)) for letter in inbox.letters] == told


def test_a_letter_may_have_no_payload(simulators: Simulators, fal: FalClient, inbox: Inbox) -> None:
    simulators.fal.fault("webhook_no_payload")
    fal.submit(webhook=inbox.url)
    told = inbox.wait()[0].json
    assert (told["status"], told["payload"], type(told["payload_error"])) == ("OK", None, str)


def test_a_letter_is_tried_eleven_times(simulators: Simulators, fal: FalClient, inbox: Inbox) -> None:
    simulators.fal.speed(20_000)
    inbox.answers += [500] * 99
    fal.submit(webhook=inbox.url)
    inbox.wait(11)
    letter = simulators.fal.webhooks(settled=True)[0]
    assert (letter["state"], [attempt["status"] for attempt in letter["tries"]]) == ("given_up", [500] * 11)
    assert letter["tries"][-1]["at"] - letter["tries"][0]["at"] >= 7200


def test_the_letter_can_come_before_the_answer(simulators: Simulators, fal: FalClient, inbox: Inbox) -> None:
    simulators.fal.fault("webhook_before_answer")
    job = fal.submit(webhook=inbox.url)
    assert [letter.json["request_id"] for letter in inbox.letters] == [job["request_id"]]


# --- Uploads and lists


def test_a_broken_cdn_leaves_the_fallback(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.fault("upload_fails", match="cdn", status=503)
    rest, cdn = fal.door.hosts["rest"], fal.door.hosts["cdn"]
    token = fal.http.post(f"{rest}/storage/auth/token?storage_type=fal-cdn-v3", json={}).json()["token"]
    answer = loopback.post(f"{cdn}/files/upload", content=b"x", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    wanted = {"file_name": "a.mp3", "content_type": "audio/mpeg"}
    assert fal.http.post(f"{rest}/storage/upload/initiate?storage_type=gcs", json=wanted).status_code == 200


def test_the_list_holds_only_what_is_over_and_pages(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.fault("fail", times=1, code="generation_timeout")
    jobs = [fal.submit() for _ in range(3)]
    for job in jobs:
        fal.until_over(job)
    simulators.fal.settings(queue_seconds=100_000.0)
    fal.submit()
    url = fal.door.hosts["platform"] + "/v1/models/requests/by-endpoint"
    asked: dict[str, Any] = {"endpoint_id": STANDARD, "limit": 2}
    first = fal.http.get(url, params=asked).json()
    second = fal.http.get(url, params=asked | {"cursor": first["next_cursor"]}).json()
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    listed = {row["request_id"] for row in first["items"] + second["items"]}
    assert listed == {job["request_id"] for job in jobs}
    failed = fal.http.get(url, params=asked | {"status": "error"}).json()["items"]
    assert [row["status_code"] for row in failed] == [504]


def test_a_job_can_be_missing_from_the_list(simulators: Simulators, fal: FalClient) -> None:
    simulators.fal.fault("not_in_ledger")
    fal.finished()
    url = fal.door.hosts["platform"] + "/v1/models/requests/by-endpoint"
    assert fal.http.get(url, params={"endpoint_id": STANDARD}).json()["items"] == []


def test_many_submits_at_once_are_all_counted(simulators: Simulators, fal: FalClient) -> None:
    threads = [threading.Thread(target=fal.submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert simulators.fal.counts()["requests"]["submit"] == 8
    assert len(simulators.fal.jobs()) == 8
