"""The Runware adapter on the stand-in: submits, what becomes of them, inputs, options, webhooks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.providers import http
from studio.providers.base import InvalidSignature, webhook_token
from studio.providers.http import Answer
from studio.providers.remote import MIN_FILE_LIFE, scaled
from studio.providers.runware import RunwareProvider, tasks
from studio.providers.runware.adapter import _bodies
from studio.providers.runware.reading import report_of
from studio.providers.types import (
    CancelAnswer,
    Failure,
    Fault,
    JobReport,
    JobStatus,
    Outcome,
    ProviderError,
    Submission,
    WebhookNews,
)
from tests.simulators.fixture import Inbox, Simulators
from tests.studio.providers.orders import accepted, check, fetch, older, order_for, until_over, use, without_raw
from tests.studio.providers.wire import closed_port

pytest_plugins = ["tests.simulators.fixture"]
PRO, STANDARD = "klingai:avatar@2.0-pro", "klingai:avatar@2.0-standard"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def seed_in(report: JobReport) -> int:
    """The seed that stood in the answer."""
    (found,) = re.findall(r'"seed": ([0-9]+)', json.dumps(report.raw))
    return int(found)


@pytest.fixture
def runware(settings: Any, simulators: Simulators) -> RunwareProvider:
    use(settings, simulators)
    return RunwareProvider()


def sent(simulators: Simulators, reference: str) -> dict[str, Any]:
    """The task as the provider got it."""
    request: dict[str, Any] = simulators.runware.job(reference)["request"]
    return request


# --- Submit -----------------------------------------------------------------------------------------------------------


def test_a_render_goes_the_whole_way(simulators: Simulators, runware: RunwareProvider) -> None:
    order = order_for(PRO, simulators=simulators)
    job = accepted(runware, order)
    report = until_over(runware, job)
    found = simulators.runware.job(order.reference)
    expected = JobReport(
        JobStatus.DONE,
        provider_job_id=order.reference,
        result_url=report.result_url,
        reported_cost_micros=348_000,  # 4.000 s at $0.087
        seed=seed_in(report),
    )
    assert (without_raw(report), found["output_ms"]) == (without_raw(expected), 4_000)
    assert fetch(runware, report.result_url)[4:8] == b"ftyp"
    assert simulators.runware.counts()["keys_leaked_to_files"] == 0


def test_every_field_of_the_request_page_comes_from_our_option(
    simulators: Simulators, runware: RunwareProvider
) -> None:
    order = order_for(
        STANDARD,
        simulators=simulators,
        prompt="  Speaks warmly to camera ",
        output_format="webm",
        output_quality=73,
        options={"content_check": "full", "ttl_seconds": 90_000, "upload_endpoint": "https://bucket.example/put"},
        webhook="http://127.0.0.1:9/hooks/runware",
    )
    accepted(runware, order)
    assert sent(simulators, order.reference) == {
        "taskType": "videoInference",
        "taskUUID": order.reference,
        "model": STANDARD,
        "deliveryMethod": "async",
        "includeCost": True,
        "numberResults": 1,
        "outputType": "URL",
        "outputFormat": "WEBM",
        "outputQuality": 73,
        "inputs": {"image": order.portrait.url, "audio": order.voice.url},
        "positivePrompt": "Speaks warmly to camera",
        "webhookURL": order.webhook_url,
        "safety": {"checkContent": True, "mode": "full"},
        "ttl": 90_000,
    }


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, {}),
        ({"content_check": "none"}, {"safety": {"checkContent": False, "mode": "none"}}),
        ({"content_check": "fast"}, {"safety": {"checkContent": True, "mode": "fast"}}),
        ({"ttl_seconds": 60}, {"ttl": MIN_FILE_LIFE}),
        ({"ttl_seconds": None, "content_check": None}, {}),
    ],
)
def test_an_option_that_is_not_given_is_not_sent(options: dict[str, Any], fields: dict[str, Any]) -> None:
    task = tasks.video(order_for(PRO, options=options), prompt="")
    bare = {"taskType", "taskUUID", "model", "deliveryMethod", "includeCost", "numberResults", "outputType"}
    bare |= {"outputFormat", "outputQuality", "inputs"}
    assert {name: task[name] for name in task.keys() - bare} == fields


@pytest.mark.parametrize("webhook", ["", "http://127.0.0.1:9/hooks/runware"])
def test_where_a_prompt_is_insisted_on_one_that_says_nothing_is_sent(
    simulators: Simulators, runware: RunwareProvider, webhook: str
) -> None:
    simulators.runware.settings(prompt_required=True)
    order = order_for(PRO, simulators=simulators, webhook=webhook)
    accepted(runware, order)
    assert sent(simulators, order.reference)["positivePrompt"] == "."
    assert simulators.runware.times_accepted(order.reference) == 1


@pytest.mark.parametrize("has_status", [False, True])
def test_an_acknowledgement_with_or_without_a_status_is_one(
    simulators: Simulators, runware: RunwareProvider, has_status: bool
) -> None:
    simulators.runware.settings(ack_has_status=has_status)
    order = order_for(PRO, simulators=simulators)
    submission = http.run(runware.submit, order)
    assert (submission.outcome, submission.provider_job_id) == (Outcome.ACCEPTED, order.reference)


IN_DOUBT = [
    ("drop_connection", {"route": "submit"}, "RemoteProtocolError", 0),
    ("server_error", {"route": "submit", "status": 500}, "internalServerError", 0),
    ("server_error", {"route": "submit", "status": 503}, "serviceUnavailable", 0),
    ("not_json", {"route": "submit"}, "no_acknowledgement", 0),
    ("lost_response", {}, "RemoteProtocolError", 1),
    ("server_error_after_accept", {"status": 502}, "providerError", 1),
    ("garbled_accept", {}, "no_acknowledgement", 1),
    ("answer_without_id", {}, "no_acknowledgement", 1),
]


@pytest.mark.parametrize(("fault", "params", "code", "jobs"), IN_DOUBT)
def test_a_submit_whose_answer_is_lost_is_in_doubt_and_is_found_out_with_one_job_in_the_end(
    simulators: Simulators, runware: RunwareProvider, *, fault: str, params: dict[str, Any], code: str, jobs: int
) -> None:
    simulators.runware.fault(fault, times=1, **params)
    order = order_for(PRO, simulators=simulators)
    submission = http.run(runware.submit, order)
    assert submission.failure
    assert (submission.outcome, submission.failure.code) == (Outcome.UNKNOWN, code)
    assert simulators.runware.times_accepted(order.reference) == jobs
    found = http.run(runware.recover, order)
    assert (found.outcome, found.provider_job_id, found.failure) == (Outcome.ACCEPTED, order.reference, None)
    assert simulators.runware.times_accepted(order.reference) == 1


def test_a_submit_that_takes_too_long_is_in_doubt(
    simulators: Simulators, runware: RunwareProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.providers.remote.CREATE_SECONDS", 0.3)
    simulators.runware.fault("slow_accept", times=1, seconds=1.0)
    order = order_for(PRO, simulators=simulators)
    assert http.run(runware.submit, order).outcome is Outcome.UNKNOWN
    assert http.run(runware.recover, order).outcome is Outcome.ACCEPTED
    assert simulators.runware.times_accepted(order.reference) == 1


@pytest.mark.parametrize("status", [200, 400, 409])
def test_a_task_that_is_known_already_was_taken(simulators: Simulators, runware: RunwareProvider, status: int) -> None:
    simulators.runware.settings(conflict_status=status, visible_after_seconds=1e6)
    order = order_for(PRO, simulators=simulators)
    accepted(runware, order)
    for again in (runware.submit, runware.recover):
        found = http.run(again, order)
        assert (found.outcome, found.provider_job_id) == (Outcome.ACCEPTED, order.reference)
    assert simulators.runware.counts()["requests"]["conflict"] == 2
    assert simulators.runware.times_accepted(order.reference) == 1


def test_a_task_that_polls_show_is_not_sent_again(simulators: Simulators, runware: RunwareProvider) -> None:
    """So it stays one job even where the provider has forgotten that it knows the id."""
    simulators.runware.settings(forget_conflict_after_seconds=0.001)
    order = order_for(PRO, simulators=simulators)
    accepted(runware, order)
    assert http.run(runware.recover, order).outcome is Outcome.ACCEPTED
    assert simulators.runware.times_accepted(order.reference) == 1


@pytest.mark.parametrize("fault", ["bad_key", "out_of_credit", "rate_limit"])
def test_being_turned_away_at_the_door_proves_nothing_about_an_earlier_submit(
    simulators: Simulators, runware: RunwareProvider, fault: str
) -> None:
    simulators.runware.settings(visible_after_seconds=1e6)
    order = order_for(PRO, simulators=simulators)
    accepted(runware, order)
    simulators.runware.fault(fault, **({} if fault == "out_of_credit" else {"route": "submit"}))
    assert http.run(runware.recover, order).outcome is Outcome.UNKNOWN
    simulators.runware.no_faults()
    assert http.run(runware.recover, order).outcome is Outcome.ACCEPTED


def test_a_refusal_of_the_task_itself_proves_that_it_was_never_taken(
    simulators: Simulators, runware: RunwareProvider
) -> None:
    order = order_for("klingai:avatar@2.0-pro", simulators=simulators, output_quality=5)
    for ask in (runware.submit, runware.recover):
        found = http.run(ask, order)
        assert found.failure
        assert (found.outcome, found.failure.fault) == (Outcome.REJECTED, Fault.INPUT)


@pytest.mark.parametrize(
    ("fault", "params", "why", "retry_after"),
    [
        ("bad_key", {}, Failure(Fault.AUTH, "invalidApiKey", "Invalid API key.", retryable=True), None),
        (
            "out_of_credit",
            {},
            Failure(
                Fault.QUOTA, "insufficientCredits", "Insufficient credits, please top up your balance.", retryable=True
            ),
            None,
        ),
        (
            "rate_limit",
            {"retry_after": 11},
            Failure(
                Fault.RATE_LIMIT, "rateLimitExceeded", "Too many requests, please try again later.", retryable=True
            ),
            11.0,
        ),
    ],
)
def test_a_clean_refusal_says_why_and_when_to_come_back(
    simulators: Simulators,
    runware: RunwareProvider,
    *,
    fault: str,
    params: dict[str, Any],
    why: Failure,
    retry_after: float | None,
) -> None:
    simulators.runware.fault(fault, times=1, **params)
    order = order_for(PRO, simulators=simulators)
    found = http.run(runware.submit, order)
    assert without_raw(found) == without_raw(Submission(Outcome.REJECTED, failure=why, retry_after_seconds=retry_after))
    assert simulators.runware.accepted() == {}


def test_where_nobody_listens_nothing_was_taken(
    settings: Any, runware: RunwareProvider, simulators: Simulators
) -> None:
    order = order_for(PRO, simulators=simulators)
    settings.RUNWARE_URL = f"http://127.0.0.1:{closed_port()}/v1"
    submission = http.run(runware.submit, order)
    assert submission.failure is not None
    assert (submission.outcome, submission.failure.code) == (Outcome.REJECTED, "ConnectError")
    assert submission.failure.retryable


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"errors": [{"code": "invalidWidth", "message": "No."}]}, Outcome.REJECTED),
        ({"error": {"code": "invalidWidth", "message": "No."}}, Outcome.REJECTED),
        ({"error": [{"code": "invalidWidth", "message": "No."}]}, Outcome.REJECTED),
        ({"data": [{"taskUUID": "r", "error": {"code": "invalidWidth", "message": "No."}}]}, Outcome.REJECTED),
        ({"errors": [{"code": "timeoutProvider"}]}, Outcome.UNKNOWN),
        ({"errors": [{"code": "providerError"}]}, Outcome.UNKNOWN),
        ({"errors": [{"code": "internalServerError"}]}, Outcome.UNKNOWN),
        ({"errors": [{"code": "conflictTaskUUID", "taskUUID": "r"}]}, Outcome.ACCEPTED),
        ({"errors": [{"code": "conflictTaskUUID"}, {"code": "invalidWidth", "message": "No."}]}, Outcome.ACCEPTED),
        ({"errors": [{"code": "conflictTaskUUID", "taskUUID": "another"}]}, Outcome.UNKNOWN),
        ({"data": [{"taskUUID": "r"}]}, Outcome.ACCEPTED),
        ({"data": [{"taskUUID": "r"}], "errors": [{"code": "invalidWidth", "taskUUID": "another"}]}, Outcome.ACCEPTED),
        ({"data": [{"taskUUID": "another"}]}, Outcome.UNKNOWN),
        ({"data": []}, Outcome.UNKNOWN),
        ({"data": None}, Outcome.UNKNOWN),
        ([], Outcome.UNKNOWN),
    ],
)
def test_an_answer_with_status_200_is_read_whatever_its_shape(body: Any, outcome: Outcome) -> None:
    answer = Answer(200, {}, json.dumps(body).encode())
    assert RunwareProvider()._outcome(answer, "r").outcome is outcome


# --- Inputs -----------------------------------------------------------------------------------------------------------


def test_inputs_without_an_address_are_uploaded_first(simulators: Simulators, runware: RunwareProvider) -> None:
    order = order_for(PRO)
    report = until_over(runware, accepted(runware, order))
    inputs = sent(simulators, order.reference)["inputs"]
    assert report.status is JobStatus.DONE
    assert all(len(value) == 36 for value in inputs.values())
    assert simulators.runware.counts()["requests"]["upload"] == 2


def test_delivered_inputs_are_not_delivered_again(simulators: Simulators, runware: RunwareProvider) -> None:
    order = http.run(runware.deliver, order_for(PRO))
    accepted(runware, order)
    assert simulators.runware.counts()["requests"]["upload"] == 2
    assert sent(simulators, order.reference)["inputs"] == {"image": order.portrait.url, "audio": order.voice.url}


@pytest.mark.parametrize(("fault", "params"), [("upload_fails", {}), ("server_error", {"route": "upload"})])
def test_an_input_that_can_not_be_uploaded_goes_into_the_task(
    simulators: Simulators, runware: RunwareProvider, fault: str, params: dict[str, Any]
) -> None:
    simulators.runware.fault(fault, **params)
    order = order_for(PRO)
    assert until_over(runware, accepted(runware, order)).status is JobStatus.DONE
    inputs = sent(simulators, order.reference)["inputs"]
    assert [inputs[name].partition(",")[0] for name in ("image", "audio")] == [
        "data:image/jpeg;base64",
        "data:audio/mpeg;base64",
    ]


@pytest.mark.parametrize(
    ("fault", "params", "code"),
    [
        ("bad_key", {"route": "upload"}, "invalidApiKey"),
        ("rate_limit", {"route": "upload"}, "rateLimitExceeded"),
        ("drop_connection", {"route": "upload"}, "RemoteProtocolError"),
    ],
)
def test_whatever_happens_while_inputs_are_delivered_nothing_was_taken(
    simulators: Simulators, runware: RunwareProvider, fault: str, params: dict[str, Any], code: str
) -> None:
    simulators.runware.fault(fault, **params)
    found = http.run(runware.submit, order_for(PRO))
    assert found.failure
    assert (found.outcome, found.failure.code, found.failure.retryable) == (Outcome.REJECTED, code, True)
    assert simulators.runware.accepted() == {}


def test_an_input_that_can_not_be_read_here_is_no_doubt_either(runware: RunwareProvider) -> None:
    def gone() -> Any:
        raise FileNotFoundError("no such file")

    order = order_for(PRO)
    found = http.run(runware.submit, replace(order, voice=replace(order.voice, open=gone)))
    assert found == Submission(
        Outcome.REJECTED, failure=Failure(Fault.PROVIDER, "inputs_not_sent", "no such file", retryable=True)
    )


def test_an_input_that_the_provider_refuses_fails_the_job(simulators: Simulators, runware: RunwareProvider) -> None:
    order = order_for(PRO, simulators=simulators)
    small = replace(order.portrait, url=simulators.sample("portrait-400x400.jpg"))
    report = until_over(runware, accepted(runware, replace(order, portrait=small)))
    message = "Each side needs 512 px or more. (inputs.image)"
    assert (report.status, report.failure) == (JobStatus.FAILED, Failure(Fault.INPUT, "invalidWidth", message))


# --- Watch ------------------------------------------------------------------------------------------------------------


SEED_COSTS = [
    (STANDARD, 12_266, 539_700),
    (STANDARD, 17_333, 762_650),
    (STANDARD, 19_200, 844_800),
    (PRO, 13_866, 1_206_340),
    (PRO, 14_933, 1_299_170),
    (PRO, 22_400, 1_948_800),
]


@pytest.mark.parametrize(("model", "length_ms", "micros"), SEED_COSTS)
def test_the_cost_of_every_example_in_the_documents_arrives_exactly(
    simulators: Simulators, runware: RunwareProvider, model: str, length_ms: int, micros: int
) -> None:
    simulators.runware.settings(inputs="assume", assumed_voice_seconds=(length_ms + 0.5) / 1000)
    order = order_for(model, simulators=simulators)
    job = accepted(runware, order)
    simulators.runware.finish(order.reference)
    assert simulators.runware.job(order.reference)["output_ms"] == length_ms
    assert check(runware, job).reported_cost_micros == micros


@given(st.integers(min_value=1, max_value=10**11))
def test_five_decimals_of_a_dollar_are_micro_dollars_exactly(hundred_thousandths: int) -> None:
    written = Decimal(hundred_thousandths) / 100_000
    assert scaled(json.loads(str(written)), Decimal(1_000_000)) == hundred_thousandths * 10


@pytest.mark.parametrize("cost", [0, 0.0, None, True, "free", float("nan"), float("inf"), -1, [], {}])
def test_a_cost_that_is_none_is_not_booked(cost: Any) -> None:
    assert scaled(cost, Decimal(1_000_000)) is None


@pytest.mark.parametrize("fault", ["no_cost", "zero_cost"])
def test_a_render_that_says_nothing_of_its_cost_is_done_all_the_same(
    simulators: Simulators, runware: RunwareProvider, fault: str
) -> None:
    simulators.runware.fault(fault)
    report = until_over(runware, accepted(runware, order_for(PRO, simulators=simulators)))
    assert (report.status, report.reported_cost_micros) == (JobStatus.DONE, None)


def test_progress_is_passed_on(simulators: Simulators, runware: RunwareProvider) -> None:
    simulators.runware.settings(inputs="assume", queue_seconds=0.0, run_seconds=100.0)
    simulators.runware.speed(0.001)
    order = order_for(PRO, simulators=simulators)
    job = accepted(runware, order)
    simulators.runware.jump(0)
    simulators.runware.jump(42.5)
    assert without_raw(check(runware, job)) == without_raw(
        JobReport(JobStatus.RUNNING, provider_job_id=order.reference, progress=42)
    )


def test_a_success_without_a_video_is_a_failure(simulators: Simulators, runware: RunwareProvider) -> None:
    simulators.runware.fault("no_video")
    order = order_for(PRO, simulators=simulators)
    report = until_over(runware, accepted(runware, order))
    why = Failure(Fault.PROVIDER, "no_video", "It says that it is done, and gives no video.", retryable=True)
    assert without_raw(report) == without_raw(
        JobReport(
            JobStatus.FAILED,
            provider_job_id=order.reference,
            reported_cost_micros=348_000,
            seed=seed_in(report),
            failure=why,
        )
    )


@pytest.mark.parametrize(
    ("shape", "code", "message", "cost"),
    [
        ("flag", "NSFWContent", "The content check marked the video, and it is not given.", 348_000),
        ("error", "contentPolicyViolation", "The content was refused by the safety system.", None),
    ],
)
def test_a_moderated_render_fails_by_moderation(
    simulators: Simulators, runware: RunwareProvider, *, shape: str, code: str, message: str, cost: int | None
) -> None:
    simulators.runware.fault("moderated", shape=shape)
    simulators.runware.fault("no_video")
    order = order_for(PRO, simulators=simulators, options={"content_check": "full"})
    report = until_over(runware, accepted(runware, order))
    assert without_raw(report) == without_raw(
        JobReport(
            JobStatus.FAILED,
            provider_job_id=order.reference,
            reported_cost_micros=cost,
            seed=seed_in(report) if shape == "flag" else None,
            nsfw_content=True if shape == "flag" else None,
            failure=Failure(Fault.MODERATION, code, message),
        )
    )


def test_a_video_that_is_marked_and_given_is_done(simulators: Simulators, runware: RunwareProvider) -> None:
    simulators.runware.fault("moderated", shape="flag")
    order = order_for(PRO, simulators=simulators, options={"content_check": "fast"})
    report = until_over(runware, accepted(runware, order))
    assert (report.status, report.nsfw_content, report.failure) == (JobStatus.DONE, True, None)
    assert report.result_url.endswith(".mp4")


def test_an_empty_answer_is_no_verdict(simulators: Simulators, runware: RunwareProvider) -> None:
    simulators.runware.fault("invisible", seconds=1e6)
    order = order_for(PRO, simulators=simulators)
    job = accepted(runware, order)
    assert check(runware, job) == JobReport(
        JobStatus.QUEUED, provider_job_id=order.reference, raw={"http_status": 200, "body": {"data": []}}
    )


@pytest.mark.parametrize("unknown", ["empty", "error"])
def test_a_job_that_polls_have_forgotten_is_found_in_the_archive(
    simulators: Simulators, runware: RunwareProvider, unknown: str
) -> None:
    simulators.runware.settings(unknown_task=unknown)
    simulators.runware.fault("forgotten")
    order = order_for(PRO, simulators=simulators)
    job = accepted(runware, order)
    simulators.runware.finish(order.reference)
    assert check(runware, job).status is JobStatus.QUEUED
    report = check(runware, older(job, 61))
    assert (report.status, report.reported_cost_micros) == (JobStatus.DONE, 348_000)
    assert fetch(runware, report.result_url)[4:8] == b"ftyp"


def test_a_failed_job_that_polls_have_forgotten_is_found_in_the_archive(
    simulators: Simulators, runware: RunwareProvider
) -> None:
    simulators.runware.fault("forgotten")
    order = order_for(PRO, simulators=simulators)
    job = accepted(runware, order)
    simulators.runware.finish(order.reference, code="inferenceError", message="Broken.")
    report = check(runware, older(job, 61))
    why = Failure(Fault.PROVIDER, "inferenceError", "Broken.", retryable=True)
    assert (report.status, report.failure) == (JobStatus.FAILED, why)


def test_the_archive_is_read_though_it_repeats_whole_files(simulators: Simulators, runware: RunwareProvider) -> None:
    simulators.runware.settings(inputs="assume")
    simulators.runware.fault("upload_fails")
    simulators.runware.fault("forgotten")
    order = order_for(PRO)
    order = replace(order, voice=replace(order.voice, open=lambda: BytesIO(bytes(3_000_000))))
    job = accepted(runware, order)
    simulators.runware.finish(order.reference)
    report = check(runware, older(job, 61))
    assert report.status is JobStatus.DONE
    assert len(json.dumps(report.raw)) < 10_000


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ({"errors": [{"code": "inferenceError"}]}, JobStatus.FAILED),
        ({"error": {"code": "internalServerError"}}, JobStatus.FAILED),
        ([{"status": "success", "videoURL": "https://a/v.mp4"}], JobStatus.DONE),
        ({"data": [{"status": "processing"}]}, JobStatus.RUNNING),
    ],
)
def test_whatever_the_archive_keeps_of_a_task_is_about_the_task(kept: Any, expected: JobStatus) -> None:
    answer = Answer(200, {}, b"{}")
    reports = [report_of(answer, body, "r") for body in _bodies(kept, "r")]
    assert next(report.status for report in reports if report) is expected


@pytest.mark.parametrize("unknown", ["empty", "error"])
def test_a_job_that_not_even_the_archive_knows_is_lost_after_ten_minutes_and_not_before(
    simulators: Simulators, runware: RunwareProvider, unknown: str
) -> None:
    order = order_for(PRO, simulators=simulators)
    job = accepted(runware, order)
    simulators.runware.reset()
    simulators.runware.settings(unknown_task=unknown)
    assert check(runware, job).status is JobStatus.QUEUED
    assert check(runware, older(job, 590)).status is JobStatus.QUEUED
    why = Failure(Fault.NOT_FOUND, "taskNotFound", "Runware does not know the task any more.", retryable=True)
    assert without_raw(check(runware, older(job, 610))) == without_raw(
        JobReport(JobStatus.FAILED, provider_job_id=order.reference, failure=why)
    )


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"data": [{"taskUUID": "r", "videoURL": "https://a/v.mp4"}]}, JobStatus.DONE),
        (200, {"data": [{"taskUUID": "r", "status": "processing"}, {"taskUUID": "r", "status": "success",
          "videoURL": "https://a/v.mp4"}]}, JobStatus.DONE),
        (200, {"data": [{"taskUUID": "r", "status": "success", "videoURL": "javascript:alert(1)"}]}, JobStatus.FAILED),
        (200, {"data": [{"taskUUID": "r", "status": "processing"}],
               "errors": [{"taskUUID": "r", "status": "error", "code": "inferenceError"}]}, JobStatus.FAILED),
        (200, {"data": [{"taskUUID": "r", "status": "success", "videoURL": "https://a/v.mp4"}],
               "errors": [{"taskUUID": "r", "status": "error", "code": "inferenceError"}]}, JobStatus.DONE),
        (200, {"errors": [{"taskUUID": "r", "code": "inferenceError"}]}, JobStatus.FAILED),
        (200, {"errors": [{"taskUUID": "r", "code": "invalidWidth"}]}, JobStatus.FAILED),
        (200, {"errors": [{"taskUUID": "r", "code": "strange"}]}, JobStatus.FAILED),
        (200, {"errors": [{"taskUUID": "r", "code": "taskExpired"}]}, JobStatus.FAILED),
        (200, {"errors": [{"taskUUID": "r", "code": "taskCancelled"}]}, JobStatus.CANCELLED),
        (200, {"errors": [{"taskUUID": "r", "taskType": "videoInference", "code": "insufficientCredits"}]},
         JobStatus.FAILED),
        (200, {"errors": [{"taskUUID": "other", "code": "inferenceError"}]}, None),
        (200, {"errors": [{"taskUUID": "r", "code": "taskNotFound"}]}, None),
        (200, {"errors": [{"taskUUID": "r", "taskType": "getResponse", "code": "strange"}]}, None),
        (200, {"errors": [{"code": "taskNotFound"}]}, None),
        (200, {"errors": [{"taskType": "videoInference", "code": "inferenceError"}]}, JobStatus.FAILED),
        (200, {"data": [{"taskUUID": "r", "status": "processing"}], "errors": [{"code": "internalServerError"}]},
         JobStatus.RUNNING),
        (200, {"data": [{"taskUUID": "other", "status": "success", "videoURL": "https://a/v.mp4"}]}, None),
        (200, {}, None),
        (400, {"errors": [{"taskUUID": "r", "code": "timeoutProvider"}]}, JobStatus.FAILED),
        (400, {"errors": [{"taskUUID": "r", "code": "contentPolicyViolation"}]}, JobStatus.FAILED),
        (400, {"errors": [{"taskUUID": "r", "taskType": "videoInference", "code": "invalidWidth"}]}, JobStatus.FAILED),
        (404, {"errors": [{"taskUUID": "r", "code": "taskNotFound"}]}, None),
        (500, {"errors": [{"taskUUID": "r", "status": "error", "code": "inferenceError"}]}, JobStatus.FAILED),
    ],
)  # fmt: skip
def test_a_poll_is_read_whatever_its_shape(status: int, body: Any, expected: JobStatus | None) -> None:
    answer = Answer(status, {}, json.dumps(body).encode())
    report = report_of(answer, answer.body, "r")
    assert (report.status if report else None) is expected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"errors": [{"taskUUID": "r", "code": "invalidTaskUUID"}]}),
        (400, {"errors": [{"taskUUID": "r", "code": "strange"}]}),
        (401, {"errors": [{"taskUUID": "r", "code": "invalidApiKey"}]}),
        (402, {"errors": [{"taskUUID": "r", "code": "insufficientCredits"}]}),
        (429, {}),
        (502, {"errors": [{"taskUUID": "r", "code": "providerError"}]}),
        (503, "<html>"),
        # An error that names no task is about the question, whatever the status says.
        (200, {"errors": [{"code": "rateLimitExceeded"}]}),
        (200, {"errors": [{"code": "invalidApiKey", "taskType": "authentication"}]}),
        (200, {"errors": [{"code": "internalServerError"}]}),
        (200, {"errors": [{"code": "serviceUnavailable", "taskUUID": ""}]}),
        (400, {"errors": [{"code": "timeoutProvider"}]}),
    ],
)
def test_a_question_that_is_refused_is_no_verdict(status: int, body: Any) -> None:
    answer = Answer(status, {"retry-after": "4"}, json.dumps(body).encode())
    with pytest.raises(ProviderError) as caught:
        report_of(answer, answer.body, "r")
    assert caught.value.retry_after_seconds == 4.0


def test_it_can_not_be_stopped(simulators: Simulators, runware: RunwareProvider) -> None:
    job = accepted(runware, order_for(PRO, simulators=simulators))
    assert http.run(runware.cancel, job) is CancelAnswer.IMPOSSIBLE


# --- Webhooks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["flat", "wrapped"])
@pytest.mark.parametrize("failing", [None, "flat", "errors"])
def test_a_webhook_names_its_job_in_each_of_its_shapes(
    simulators: Simulators, runware: RunwareProvider, inbox: Inbox, body: str, failing: str | None
) -> None:
    simulators.runware.settings(webhook_body=body, webhook_failure=failing or "flat")
    if failing:
        simulators.runware.fault("fail", code="inferenceError")
    order = order_for(PRO, simulators=simulators, webhook=f"{inbox.url}/hooks/runware/")
    accepted(runware, order)
    letter = inbox.wait()[0]
    query = _query(letter.path)
    assert query == {"job": order.reference, "token": webhook_token(order.reference)}
    news = runware.read_webhook(letter.headers, query, letter.body, received_at=NOW)
    assert news == [
        WebhookNews(
            runware.webhook_event_id(letter.headers, query, letter.body),
            reference=order.reference,
            provider_job_id=order.reference,
        )
    ]
    assert news[0].event_id.startswith(f"{order.reference}:")


def test_repeats_of_a_webhook_are_one_event_and_an_older_letter_is_another(
    simulators: Simulators, runware: RunwareProvider, inbox: Inbox
) -> None:
    simulators.runware.fault("webhook_duplicate", copies=2)
    simulators.runware.fault("webhook_out_of_order")
    order = order_for(PRO, simulators=simulators, webhook=f"{inbox.url}/hooks/runware/")
    accepted(runware, order)
    letters = inbox.wait(4)
    events = {runware.webhook_event_id({}, _query(letter.path), letter.body) for letter in letters}
    assert len(events) == 2


def test_a_letter_that_can_not_be_read_still_says_that_something_happened() -> None:
    query = {"job": "r", "token": webhook_token("r")}
    news = RunwareProvider().read_webhook({}, query, b"{not json", received_at=NOW)
    assert [(item.reference, item.provider_job_id, len(item.event_id)) for item in news] == [("r", "r", 64)]
    assert RunwareProvider().webhook_event_id({}, query, b"{not json") == ""


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"job": "r"},
        {"token": "x"},
        {"job": "r", "token": ""},
        {"job": "r", "token": "x" * 64},
        {"job": "", "token": webhook_token("")},
        {"job": "other", "token": "of r"},
        {"job": "r", "token": "é"},
    ],
)
def test_an_address_that_we_did_not_make_is_refused(query: dict[str, str]) -> None:
    given = query | ({"token": webhook_token("r")} if query.get("token") == "of r" else {})
    with pytest.raises(InvalidSignature):
        RunwareProvider().read_webhook({}, given, b'{"taskUUID": "r"}', received_at=NOW)


def test_addresses_that_were_made_with_the_key_before_this_one_are_ours_too(settings: Any) -> None:
    query = {"job": "r", "token": webhook_token("r")}
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert webhook_token("r") != query["token"]
    assert RunwareProvider().read_webhook({}, query, b"{}", received_at=NOW)[0].reference == "r"


def test_a_stranger_can_not_file_an_event_before_the_real_one() -> None:
    body = b'{"taskUUID": "r", "status": "success", "videoUUID": "v"}'
    real = RunwareProvider().webhook_event_id({}, {"job": "r", "token": webhook_token("r")}, body)
    assert RunwareProvider().webhook_event_id({}, {"job": "r", "token": "guess"}, body) != real


def _query(path: str) -> dict[str, str]:
    return dict(parse_qsl(path.partition("?")[2]))
