"""What fal says, word by word: error types of the request and of the model, locks, headers, statuses."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from studio.providers import http
from studio.providers.fal import FalProvider
from studio.providers.fal.codes import CANCEL_ANSWERS, CANCEL_STATUSES, FAULTS, STATUSES, why, why_of
from studio.providers.http import Answer
from studio.providers.types import (
    CancelAnswer,
    Failure,
    Fault,
    JobHandle,
    JobReport,
    JobStatus,
    Outcome,
    ProviderError,
    Submission,
)
from tests.simulators.fal_words import MODEL_ERRORS, REQUEST_ERRORS
from tests.simulators.fixture import Simulators
from tests.studio.providers.orders import accepted, check, order_for, use, without_raw

pytest_plugins = ["tests.simulators.fixture"]
MODEL = "fal-ai/kling-video/ai-avatar/v2/standard"
Row = tuple[str, Fault, bool]

OF_THE_REQUEST: tuple[Row, ...] = (
    ("request_timeout", Fault.TIMEOUT, True),
    ("startup_timeout", Fault.TIMEOUT, True),
    ("runner_scheduling_failure", Fault.PROVIDER, True),
    ("runner_connection_timeout", Fault.TIMEOUT, True),
    ("runner_disconnected", Fault.PROVIDER, True),
    ("runner_connection_refused", Fault.PROVIDER, True),
    ("runner_connection_error", Fault.PROVIDER, True),
    ("runner_incomplete_response", Fault.PROVIDER, True),
    ("runner_server_error", Fault.PROVIDER, True),
    ("internal_error", Fault.PROVIDER, True),
    ("client_disconnected", Fault.PROVIDER, False),
    ("client_cancelled", Fault.PROVIDER, False),
    ("bad_request", Fault.INPUT, False),
)
OF_THE_MODEL: tuple[Row, ...] = (
    ("internal_server_error", Fault.PROVIDER, True),
    ("generation_timeout", Fault.TIMEOUT, True),
    ("downstream_service_error", Fault.PROVIDER, True),
    ("downstream_service_unavailable", Fault.PROVIDER, True),
    ("content_policy_violation", Fault.MODERATION, False),
    ("no_media_generated", Fault.PROVIDER, False),
    ("image_too_small", Fault.INPUT, False),
    ("image_too_large", Fault.INPUT, False),
    ("image_load_error", Fault.INPUT, False),
    ("file_download_error", Fault.PROVIDER, False),
    ("face_detection_error", Fault.INPUT, False),
    ("file_too_large", Fault.INPUT, False),
    ("audio_duration_too_long", Fault.INPUT, False),
    ("audio_duration_too_short", Fault.INPUT, False),
    ("unsupported_audio_format", Fault.INPUT, False),
    ("unsupported_image_format", Fault.INPUT, False),
    ("missing", Fault.INPUT, False),
    ("string_too_long", Fault.INPUT, False),
    ("literal_error", Fault.INPUT, False),
    ("one_of", Fault.INPUT, False),
    ("greater_than", Fault.INPUT, False),
    ("greater_than_equal", Fault.INPUT, False),
    ("less_than", Fault.INPUT, False),
    ("less_than_equal", Fault.INPUT, False),
    ("sequence_too_long", Fault.INPUT, False),
    ("sequence_too_short", Fault.INPUT, False),
    ("feature_not_supported", Fault.INPUT, False),
    ("flux_capacitor_empty", Fault.UNKNOWN, False),
)


@pytest.fixture
def fal(settings: Any, simulators: Simulators) -> FalProvider:
    use(settings, simulators)
    simulators.fal.settings(inputs="assume", queue_seconds=1e6)
    return FalProvider()


def test_every_word_of_the_contract_is_known_and_tried_here() -> None:
    tried = {code for code, _, _ in (*OF_THE_REQUEST, *OF_THE_MODEL)}
    assert tried - {"flux_capacitor_empty"} == set(FAULTS) - {"concurrent_requests_limit"}
    assert set(REQUEST_ERRORS) <= tried
    assert set(MODEL_ERRORS) - {"string_type"} <= tried


@pytest.mark.parametrize(("code", "fault", "retryable"), OF_THE_REQUEST)
def test_a_request_that_failed_says_so_in_its_status(
    simulators: Simulators, fal: FalProvider, *, code: str, fault: Fault, retryable: bool
) -> None:
    job = accepted(fal, order_for(MODEL, simulators=simulators))
    simulators.fal.finish(job.provider_job_id, code=code, message="It broke.")
    assert check(fal, job) == JobReport(
        JobStatus.CANCELLED if code == "client_cancelled" else JobStatus.FAILED,
        provider_job_id=job.provider_job_id,
        failure=Failure(fault, code, "It broke.", retryable=retryable),
        raw=_asked(simulators, job, "status_url"),
    )


@pytest.mark.parametrize(("code", "fault", "retryable"), OF_THE_MODEL)
def test_a_model_that_failed_says_so_in_the_place_of_its_result(
    simulators: Simulators, fal: FalProvider, *, code: str, fault: Fault, retryable: bool
) -> None:
    job = accepted(fal, order_for(MODEL, simulators=simulators))
    simulators.fal.finish(job.provider_job_id, code=code, message="It broke.")
    assert check(fal, job) == JobReport(
        JobStatus.FAILED,
        provider_job_id=job.provider_job_id,
        failure=Failure(fault, code, "It broke.", retryable=retryable),
        raw=_asked(simulators, job, "response_url"),
    )


@pytest.mark.parametrize("header", ["needs", "retryable", "both"])
@pytest.mark.parametrize("retryable", [True, False])
@pytest.mark.parametrize("in_status", [True, False])
def test_a_header_of_either_name_says_whether_it_is_worth_another_try(
    simulators: Simulators, fal: FalProvider, *, header: str, retryable: bool, in_status: bool
) -> None:
    simulators.fal.settings(retry_header=header, model_error_in_status=in_status)
    job = accepted(fal, order_for(MODEL, simulators=simulators))
    simulators.fal.finish(job.provider_job_id, code="face_detection_error", message="No face.", retryable=retryable)
    assert check(fal, job).failure == Failure(Fault.INPUT, "face_detection_error", "No face.", retryable=retryable)


def test_a_detail_that_is_a_sentence_goes_by_the_status(simulators: Simulators, fal: FalProvider) -> None:
    job = accepted(fal, order_for(MODEL, simulators=simulators))
    simulators.fal.finish(job.provider_job_id, code="image_too_small", message="Too small.", shape="string")
    assert without_raw(check(fal, job)) == without_raw(
        JobReport(
            JobStatus.FAILED,
            provider_job_id=job.provider_job_id,
            failure=Failure(Fault.INPUT, "http_422", "Too small.", retryable=False),
        )
    )


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (401, {"detail": "No user found for Key ID and Secret"}, {}, (Fault.AUTH, "http_401", True)),
        (402, {"detail": "Pay."}, {}, (Fault.QUOTA, "http_402", True)),
        (403, {"detail": "User is locked. Reason: Exhausted balance. Top up."}, {}, (Fault.QUOTA, "http_403", True)),
        (403, {"detail": "User is locked. Reason: Admin lock."}, {}, (Fault.QUOTA, "http_403", True)),
        (403, {"detail": "User is locked. Reason: TOP_UP."}, {}, (Fault.QUOTA, "http_403", True)),
        (403, {"detail": "Missing scope"}, {}, (Fault.AUTH, "http_403", True)),
        (404, {"detail": "Application 'x' not found"}, {}, (Fault.PROVIDER, "http_404", True)),
        (422, {"detail": "Bad."}, {}, (Fault.INPUT, "http_422", False)),
        (429, {}, {}, (Fault.RATE_LIMIT, "http_429", True)),
        (429, {"error_type": "concurrent_requests_limit"}, {}, (Fault.RATE_LIMIT, "concurrent_requests_limit", True)),
        (429, {"error_type": "rate_limit"}, {}, (Fault.RATE_LIMIT, "rate_limit", True)),
        (500, {}, {}, (Fault.PROVIDER, "http_500", True)),
        (504, {}, {}, (Fault.TIMEOUT, "http_504", True)),
        (503, {}, {"x-fal-error-type": "runner_disconnected"}, (Fault.PROVIDER, "runner_disconnected", True)),
        (418, {}, {}, (Fault.UNKNOWN, "http_418", True)),
        (500, {"error_type": "brand_new"}, {}, (Fault.UNKNOWN, "brand_new", True)),
        (
            422,
            {"detail": [{"type": "missing"}, {"type": "content_policy_violation"}, {"type": "brand_new"}]},
            {},
            (Fault.MODERATION, "content_policy_violation", False),
        ),
        (422, {"detail": [{"type": "brand_new"}, {"type": "missing"}]}, {}, (Fault.INPUT, "missing", False)),
        (422, {"detail": [{"type": "brand_new"}, 7, None]}, {}, (Fault.UNKNOWN, "brand_new", True)),
        (422, {"detail": []}, {}, (Fault.INPUT, "http_422", False)),
        (422, {"detail": 7}, {}, (Fault.INPUT, "http_422", False)),
    ],
)
def test_an_error_is_read_whatever_its_shape(
    *, status: int, body: dict[str, Any], headers: dict[str, str], expected: tuple[Any, ...]
) -> None:
    found = why_of(body, status, headers)
    assert (found.fault, found.code, found.retryable) == expected


def test_of_several_details_the_operator_reads_all() -> None:
    detail = [
        {"loc": ["body", "image_url"], "msg": "Field required", "type": "missing"},
        {"loc": "x", "msg": "Odd", "type": "missing"},
    ]
    assert why_of({"detail": detail}, 422).message == "image_url: Field required; Odd"


def test_a_page_of_the_ingress_is_kept_as_text() -> None:
    page = b"<html><center>nginx</center></html>"
    assert why(Answer(502, {}, page)) == Failure(Fault.PROVIDER, "http_502", page.decode(), retryable=True)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((word, status) for word, status in STATUSES.items() if word != "COMPLETED"),
        ("FAILED", JobStatus.UNKNOWN),
        ("paused", JobStatus.UNKNOWN),
    ],
)
def test_each_status_word_is_one_of_ours_and_a_new_one_is_unknown(
    simulators: Simulators, fal: FalProvider, *, word: str, status: JobStatus
) -> None:
    simulators.fal.fault("unknown_status", word=word, forever=True)
    job = accepted(fal, order_for(MODEL, simulators=simulators))
    assert check(fal, job) == JobReport(
        status, provider_job_id=job.provider_job_id, raw=_asked(simulators, job, "status_url")
    )


@pytest.mark.parametrize(
    ("fault", "params", "why"),
    [
        (
            "bad_key",
            {},
            Failure(Fault.AUTH, "http_401", "No user found for Key ID and Secret", retryable=True),
        ),
        (
            "out_of_credit",
            {},
            Failure(
                Fault.QUOTA,
                "http_403",
                "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.",
                retryable=True,
            ),
        ),
        (
            "out_of_credit",
            {"reason": "TOP_UP"},
            Failure(Fault.QUOTA, "http_403", "User is locked. Reason: TOP_UP.", retryable=True),
        ),
        (
            "rate_limit",
            {"retry_after": 5},
            Failure(Fault.RATE_LIMIT, "rate_limit", "Rate limit exceeded", retryable=True),
        ),
    ],
)
def test_a_clean_refusal_says_why(
    simulators: Simulators, fal: FalProvider, *, fault: str, params: dict[str, Any], why: Failure
) -> None:
    simulators.fal.fault(fault, times=1, **params)
    found = http.run(fal.submit, order_for(MODEL, simulators=simulators))
    assert without_raw(found) == without_raw(
        Submission(Outcome.REJECTED, failure=why, retry_after_seconds=params.get("retry_after"))
    )
    assert simulators.fal.accepted() == {}


@pytest.mark.parametrize(
    ("status", "fault", "retryable"),
    [
        (400, Fault.INPUT, False),
        (404, Fault.PROVIDER, True),
        (413, Fault.INPUT, False),
        (418, Fault.UNKNOWN, True),
        (422, Fault.INPUT, False),
    ],
)
def test_a_submit_that_is_refused_with_a_sentence_goes_by_its_status(
    simulators: Simulators, fal: FalProvider, *, status: int, fault: Fault, retryable: bool
) -> None:
    simulators.fal.fault("refused", times=1, status=status, message="No.")
    found = http.run(fal.submit, order_for(MODEL, simulators=simulators))
    assert without_raw(found) == without_raw(
        Submission(Outcome.REJECTED, failure=Failure(fault, f"http_{status}", "No.", retryable=retryable))
    )


@pytest.mark.parametrize(
    ("fault", "params", "expected"),
    [
        ("bad_key", {}, (Fault.AUTH, "http_401", None)),
        ("forbidden", {}, (Fault.AUTH, "http_403", None)),
        ("rate_limit", {"retry_after": 7}, (Fault.RATE_LIMIT, "rate_limit", 7.0)),
        ("server_error", {"status": 500}, (Fault.PROVIDER, "internal_error", None)),
        ("server_error", {"status": 503, "retry_after": 3}, (Fault.PROVIDER, "runner_scheduling_failure", 3.0)),
        ("server_error", {"status": 504}, (Fault.TIMEOUT, "startup_timeout", None)),
        ("ingress_error", {"status": 502}, (Fault.PROVIDER, "http_502", None)),
        ("ingress_error", {"status": 504}, (Fault.TIMEOUT, "http_504", None)),
        ("drop_connection", {}, (Fault.PROVIDER, "RemoteProtocolError", None)),
        ("not_json", {}, (Fault.UNKNOWN, "http_200", None)),
    ],
)
@pytest.mark.parametrize("route", ["status", "result"])
def test_a_question_that_is_not_answered_says_nothing_about_the_job(
    simulators: Simulators,
    fal: FalProvider,
    *,
    fault: str,
    params: dict[str, Any],
    expected: tuple[Any, ...],
    route: str,
) -> None:
    simulators.fal.fault("not_in_ledger")
    job = accepted(fal, order_for(MODEL, simulators=simulators))
    simulators.fal.finish(job.provider_job_id)
    simulators.fal.fault(fault, route=route, **params)
    with pytest.raises(ProviderError) as caught:
        check(fal, job)
    error = caught.value
    assert (error.failure.fault, error.failure.code, error.retry_after_seconds) == expected
    simulators.fal.no_faults()
    assert check(fal, job).status is JobStatus.DONE


def test_each_answer_to_a_cancel_is_one_of_ours() -> None:
    assert dict(CANCEL_ANSWERS) == {
        "OK": CancelAnswer.CANCELLED,
        "CANCELLATION_REQUESTED": CancelAnswer.REQUESTED,
        "ALREADY_COMPLETED": CancelAnswer.TOO_LATE,
        "NOT_FOUND": CancelAnswer.TOO_LATE,
    }
    assert dict(CANCEL_STATUSES) == {
        200: CancelAnswer.REQUESTED,
        202: CancelAnswer.REQUESTED,
        400: CancelAnswer.TOO_LATE,
        404: CancelAnswer.TOO_LATE,
    }


def _asked(simulators: Simulators, job: JobHandle, link: str) -> dict[str, Any]:
    """What fal says there, asked beside the adapter."""
    headers = {"Authorization": f"Key {simulators.environment['FAL_KEY']}"}
    answer = httpx.get(str(job.handle[link]), headers=headers, params={"logs": "0"} if link == "status_url" else None)
    return {"http_status": answer.status_code, "body": answer.json()}
