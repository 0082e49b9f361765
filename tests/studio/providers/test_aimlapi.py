"""The AI/ML API adapter on the stand-in: submits, what becomes of them, its sentences, inputs, costs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from studio.providers import http
from studio.providers.aimlapi import STATUSES, AimlapiProvider, _honest, why, why_it_failed
from studio.providers.base import InvalidSignature
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
from tests.simulators.fixture import Simulators
from tests.studio.providers.orders import (
    accepted,
    check,
    fetch,
    handle_of,
    older,
    order_for,
    until_over,
    use,
    without_raw,
)
from tests.studio.providers.wire import answer, closed_port, wire

pytest_plugins = ["tests.simulators.fixture"]
PRO, STANDARD = "klingai/avatar-pro", "klingai/avatar-standard"
OUT_OF_CREDITS = (
    "You've run out of credits. Please top up your balance or update your payment method to continue: "
    "https://aimlapi.com/app/billing/"
)


@pytest.fixture
def aimlapi(settings: Any, simulators: Simulators) -> AimlapiProvider:
    use(settings, simulators)
    return AimlapiProvider()


# --- Submit -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("submit_status", [200, 201, 202])
@pytest.mark.parametrize("usage_word", ["credits_used", "tokens_used"])
@pytest.mark.parametrize("id_form", ["uuid:model", "short"])
def test_a_render_goes_the_whole_way_in_each_reading_of_the_documents(
    simulators: Simulators, aimlapi: AimlapiProvider, *, submit_status: int, usage_word: str, id_form: str
) -> None:
    simulators.aimlapi.settings(submit_status=submit_status, usage_word=usage_word, id_form=id_form)
    report = until_over(aimlapi, accepted(aimlapi, order_for(PRO, simulators=simulators)))
    expected = JobReport(
        JobStatus.DONE,
        provider_job_id=report.provider_job_id,
        result_url=report.result_url,
        reported_cost_micros=483_000,  # 4.000 s at $0.12075, not the 5 s that the submit set aside
    )
    assert without_raw(report) == without_raw(expected)
    assert fetch(aimlapi, report.result_url)[4:8] == b"ftyp"
    assert simulators.aimlapi.counts()["keys_leaked_to_files"] == 0


@pytest.mark.parametrize(("prompt", "fields"), [(" Speaks warmly ", {"prompt": "Speaks warmly"}), ("  ", {})])
def test_every_field_of_the_request_page_comes_from_an_option(
    simulators: Simulators, aimlapi: AimlapiProvider, *, prompt: str, fields: dict[str, str]
) -> None:
    order = order_for(STANDARD, simulators=simulators, prompt=prompt)
    job = accepted(aimlapi, order)
    found = simulators.aimlapi.job(job.provider_job_id)
    sent = {"model": STANDARD, "image_url": order.portrait.url, "audio_url": order.voice.url}
    assert (found["request"], found["reference"]) == (sent | fields, order.reference)


IN_DOUBT = [
    ("drop_connection", {"route": "submit"}, "RemoteProtocolError"),
    ("server_error", {"route": "submit", "status": 500}, "http_500"),
    ("server_error", {"route": "submit", "status": 503}, "http_503"),
    ("refused", {"status": 408}, "http_408"),
    ("not_json", {"route": "submit"}, "no_id"),
    ("lost_response", {}, "RemoteProtocolError"),
    ("server_error_after_accept", {"status": 502}, "http_502"),
    ("garbled_accept", {}, "no_id"),
]
AFTER_ACCEPTANCE = IN_DOUBT[-3:]
NOT_YET = Failure(
    Fault.NOT_FOUND, "not_logged", "AI/ML API has no such request of ours in its log yet.", retryable=True
)


@pytest.mark.parametrize(("fault", "params", "code"), IN_DOUBT)
def test_a_submit_whose_answer_is_lost_is_in_doubt_and_is_never_sent_again(
    simulators: Simulators, aimlapi: AimlapiProvider, *, fault: str, params: dict[str, Any], code: str
) -> None:
    simulators.aimlapi.settings(queue_seconds=1e6)
    simulators.aimlapi.fault(fault, times=1, **params)
    order = order_for(PRO, simulators=simulators)
    submission = http.run(aimlapi.submit, order)
    assert submission.failure
    assert (submission.outcome, submission.failure.code) == (Outcome.UNKNOWN, code)
    for _ in range(2):
        assert http.run(aimlapi.recover, order) == Submission(Outcome.UNKNOWN, failure=NOT_YET)
    jobs = 1 if (fault, params, code) in AFTER_ACCEPTANCE else 0
    assert simulators.aimlapi.times_accepted(order.reference) == jobs


def test_the_id_in_the_header_is_as_good_as_the_one_in_the_answer(
    simulators: Simulators, aimlapi: AimlapiProvider
) -> None:
    simulators.aimlapi.fault("answer_without_id")
    order = order_for(PRO, simulators=simulators)
    job = accepted(aimlapi, order)
    assert job.provider_job_id == simulators.aimlapi.jobs(order.reference)[0]["id"]


@pytest.mark.parametrize(("fault", "params", "code"), AFTER_ACCEPTANCE)
@pytest.mark.parametrize("failing", [False, True])
def test_a_job_whose_answer_was_lost_is_found_in_the_log_when_it_has_ended(
    simulators: Simulators, aimlapi: AimlapiProvider, *, fault: str, params: dict[str, Any], code: str, failing: bool
) -> None:
    simulators.aimlapi.fault(fault, times=1, **params)
    order = order_for(PRO, simulators=simulators)
    assert http.run(aimlapi.submit, order).outcome is Outcome.UNKNOWN
    job_id = simulators.aimlapi.jobs(order.reference)[0]["id"]
    simulators.aimlapi.finish(job_id, **({"code": code} if failing else {}))
    simulators.aimlapi.jump(30)
    found = http.run(aimlapi.recover, order)
    assert (found.outcome, found.provider_job_id) == (Outcome.ACCEPTED, job_id)
    assert check(aimlapi, handle_of(order, found)).status is (JobStatus.FAILED if failing else JobStatus.DONE)
    assert simulators.aimlapi.times_accepted(order.reference) == 1


def test_the_log_is_searched_page_by_page(simulators: Simulators, aimlapi: AimlapiProvider) -> None:
    simulators.aimlapi.settings(inputs="assume", queue_seconds=0.0, run_seconds=1.0)
    simulators.aimlapi.fault("lost_response", times=1)
    order = order_for(PRO, simulators=simulators)
    assert http.run(aimlapi.submit, order).outcome is Outcome.UNKNOWN

    async def many() -> None:
        async with http.open_pool():
            for _ in range(205):
                await aimlapi.submit(order_for(PRO, simulators=simulators))

    http.run(many)
    simulators.aimlapi.jump(100)
    assert http.run(aimlapi.recover, order).outcome is Outcome.ACCEPTED
    assert simulators.aimlapi.counts()["requests"]["ledger"] == 3


@pytest.mark.parametrize("fault", ["bad_key", "server_error", "drop_connection", "rate_limit"])
def test_a_log_that_can_not_be_had_leaves_the_doubt(
    simulators: Simulators, aimlapi: AimlapiProvider, fault: str
) -> None:
    simulators.aimlapi.fault(fault, route="ledger")
    assert http.run(aimlapi.recover, order_for(PRO, simulators=simulators)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("fault", "params", "why"),
    [
        (
            "bad_key",
            {},
            Failure(
                Fault.AUTH,
                "http_401",
                "This request requires a valid API key. You can create an API key on the billing page.",
                retryable=True,
            ),
        ),
        (
            "forbidden",
            {},
            Failure(Fault.AUTH, "http_403", "This API key has no access to this resource.", retryable=True),
        ),
        ("out_of_credit", {}, Failure(Fault.QUOTA, "http_403", OUT_OF_CREDITS, retryable=True)),
        ("rate_limit", {"retry_after": 5}, Failure(Fault.RATE_LIMIT, "http_429", "Too Many Requests", retryable=True)),
        (
            "refused",
            {"message": "Body validation error. image_url: Expected string"},
            Failure(Fault.INPUT, "http_400", "Body validation error. image_url: Expected string"),
        ),
        ("refused", {"status": 404}, Failure(Fault.PROVIDER, "http_404", "Not Found", retryable=True)),
        ("refused", {"message": "Hm."}, Failure(Fault.INPUT, "http_400", "Hm.")),
        (
            "refused",
            {"message": "Flagged by moderation"},
            Failure(Fault.MODERATION, "http_400", "Flagged by moderation"),
        ),
    ],
)
@pytest.mark.parametrize("as_text", ["number", "string"])
def test_a_clean_refusal_says_why(
    simulators: Simulators, aimlapi: AimlapiProvider, *, fault: str, params: dict[str, Any], why: Failure, as_text: str
) -> None:
    simulators.aimlapi.settings(status_code_type=as_text)
    simulators.aimlapi.fault(fault, times=1, **params)
    found = http.run(aimlapi.submit, order_for(PRO, simulators=simulators))
    assert without_raw(found) == without_raw(
        Submission(Outcome.REJECTED, failure=why, retry_after_seconds=params.get("retry_after"))
    )
    assert simulators.aimlapi.accepted() == {}


def test_where_nobody_listens_nothing_was_taken(
    settings: Any, aimlapi: AimlapiProvider, simulators: Simulators
) -> None:
    order = order_for(PRO, simulators=simulators)
    settings.AIMLAPI_URL = f"http://127.0.0.1:{closed_port()}"
    submission = http.run(aimlapi.submit, order)
    assert submission.failure is not None
    assert (submission.outcome, submission.failure.code) == (Outcome.REJECTED, "ConnectError")
    assert submission.failure.retryable


# --- Inputs -----------------------------------------------------------------------------------------------------------


def test_a_portrait_without_an_address_goes_into_the_request(simulators: Simulators, aimlapi: AimlapiProvider) -> None:
    order = order_for(PRO, simulators=simulators)
    job = accepted(aimlapi, replace(order, portrait=replace(order.portrait, url=None)))
    assert simulators.aimlapi.job(job.provider_job_id)["request"]["image_url"].startswith("data:image/jpeg;base64,/9j/")
    assert until_over(aimlapi, job).status is JobStatus.DONE


def test_a_voice_without_an_address_can_not_be_sent(simulators: Simulators, aimlapi: AimlapiProvider) -> None:
    message = "AI/ML API fetches the voice from an address, and it has none that it could reach."
    assert http.run(aimlapi.submit, order_for(PRO)) == Submission(
        Outcome.REJECTED, failure=Failure(Fault.PROVIDER, "no_address", message, retryable=True)
    )
    assert simulators.aimlapi.accepted() == {}


# --- Watch ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("queue_word", ["queued", "waiting", "active"])
def test_each_word_for_waiting_is_understood(simulators: Simulators, aimlapi: AimlapiProvider, queue_word: str) -> None:
    simulators.aimlapi.settings(queue_word=queue_word, queue_seconds=1e6)
    job = accepted(aimlapi, order_for(PRO, simulators=simulators))
    assert check(aimlapi, job).status is STATUSES[queue_word]


@pytest.mark.parametrize(
    ("word", "status", "why"),
    [
        ("queued", JobStatus.QUEUED, None),
        ("waiting", JobStatus.QUEUED, None),
        ("active", JobStatus.RUNNING, None),
        ("generating", JobStatus.RUNNING, None),
        (
            "completed",
            JobStatus.FAILED,
            Failure(Fault.PROVIDER, "no_video", "It says that it is done, and gives no video.", retryable=True),
        ),
        ("error", JobStatus.FAILED, Failure(Fault.UNKNOWN, "error", "", retryable=True)),
        ("paused", JobStatus.UNKNOWN, None),
    ],
)
def test_each_status_word_is_one_of_ours_and_a_new_one_is_unknown(
    simulators: Simulators, aimlapi: AimlapiProvider, *, word: str, status: JobStatus, why: Failure | None
) -> None:
    simulators.aimlapi.fault("unknown_status", word=word, forever=True)
    job = accepted(aimlapi, order_for(PRO, simulators=simulators))
    assert check(aimlapi, job) == JobReport(
        status, provider_job_id=job.provider_job_id, failure=why, raw=_asked(simulators, job)
    )


FAILURES = [
    ("ContentModerationError", "The content was flagged.", Fault.MODERATION),
    ("BadRequestError", "NSFW content detected", Fault.MODERATION),
    ("BadRequestError", "Image pixel is invalid. Each side needs 300 px or more.", Fault.INPUT),
    ("BadRequestError", "Unsupported audio format", Fault.INPUT),
    ("BadRequestError", "Failed to download the file: HTTP 404.", Fault.PROVIDER),
    ("GenerationError", "Generation failed", Fault.PROVIDER),
    ("GenerationError", "Generation timeout", Fault.TIMEOUT),
    ("InternalServerError", "Something wrong with the server", Fault.PROVIDER),
    ("RateLimitError", "Too Many Requests", Fault.RATE_LIMIT),
    # A job has been taken and paid for: its words may be the customer's own, and are never about our account.
    ("BadRequestError", "The prompt 'we are out of credits, top up your API key' is invalid.", Fault.INPUT),
    ("Oddity", "You've run out of credits.", Fault.UNKNOWN),
    ("Oddity", "The flux capacitor is empty.", Fault.UNKNOWN),
]


@pytest.mark.parametrize(("name", "message", "fault"), FAILURES)
def test_a_job_that_failed_says_why_in_our_words(
    simulators: Simulators, aimlapi: AimlapiProvider, *, name: str, message: str, fault: Fault
) -> None:
    simulators.aimlapi.settings(inputs="assume")
    job = accepted(aimlapi, order_for(PRO, simulators=simulators))
    simulators.aimlapi.finish(job.provider_job_id, code=name, message=message)
    retryable = fault not in (Fault.INPUT, Fault.MODERATION)
    assert check(aimlapi, job) == JobReport(
        JobStatus.FAILED,
        provider_job_id=job.provider_job_id,
        failure=Failure(fault, name, message, retryable=retryable),
        raw=_asked(simulators, job),
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, Failure(Fault.UNKNOWN, "error", "", retryable=True)),
        ("Generation failed", Failure(Fault.PROVIDER, "error", "Generation failed", retryable=True)),
        ({"message": "NSFW"}, Failure(Fault.MODERATION, "error", "NSFW")),
        ({"name": "X" * 99}, Failure(Fault.UNKNOWN, "X" * 60, "", retryable=True)),
        (["odd"], Failure(Fault.UNKNOWN, "error", "", retryable=True)),
    ],
)
def test_an_error_of_a_job_is_read_whatever_its_shape(error: Any, expected: Failure) -> None:
    assert why_it_failed(error) == expected


@pytest.mark.parametrize(
    ("status", "message", "fault"),
    [
        (400, "Body validation error", Fault.INPUT),
        (400, "Body validation error. Received 'out of credits: top up the API key'", Fault.INPUT),
        (500, "Something wrong with the server: insufficient balance", Fault.PROVIDER),
        (401, "Top up", Fault.AUTH),
        (402, "", Fault.QUOTA),
        (403, OUT_OF_CREDITS, Fault.QUOTA),
        (403, "No.", Fault.AUTH),
        (404, "Model gone", Fault.PROVIDER),
        (429, "Invalid", Fault.RATE_LIMIT),
        (500, "Internal server error", Fault.PROVIDER),
        (500, "Something wrong with the server", Fault.PROVIDER),
        (502, "Bad Gateway", Fault.PROVIDER),
        (503, "Service Unavailable", Fault.PROVIDER),
        (504, "Generation timeout", Fault.TIMEOUT),
        (418, "No.", Fault.UNKNOWN),
    ],
)
def test_each_error_status_has_its_fault(*, status: int, message: str, fault: Fault) -> None:
    found = why(Answer(status, {}, json.dumps({"message": message}).encode()))
    assert (found.fault, found.code) == (fault, f"http_{status}")


@pytest.mark.parametrize("status_code", [403, "403"])
def test_an_error_inside_of_an_answer_that_says_200_is_one(status_code: Any) -> None:
    body = {"message": OUT_OF_CREDITS, "statusCode": status_code}
    answer = _honest(Answer(200, {}, json.dumps(body).encode()))
    assert (answer.status, why(answer).fault) == (403, Fault.QUOTA)
    for harmless in (200, "", None, "abc", [403], 40_300):
        assert _honest(Answer(200, {}, json.dumps({"statusCode": harmless}).encode())).status == 200


@pytest.mark.parametrize(
    ("fault", "params", "expected"),
    [
        ("bad_key", {}, (Fault.AUTH, "http_401", None)),
        ("rate_limit", {"retry_after": 7}, (Fault.RATE_LIMIT, "http_429", 7.0)),
        ("server_error", {"status": 500}, (Fault.PROVIDER, "http_500", None)),
        ("server_error", {"status": 504, "retry_after": 3}, (Fault.TIMEOUT, "http_504", 3.0)),
        ("drop_connection", {}, (Fault.PROVIDER, "RemoteProtocolError", None)),
        ("not_json", {}, (Fault.UNKNOWN, "http_200", None)),
    ],
)
def test_a_question_that_is_not_answered_says_nothing_about_the_job(
    simulators: Simulators, aimlapi: AimlapiProvider, *, fault: str, params: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    job = accepted(aimlapi, order_for(PRO, simulators=simulators))
    simulators.aimlapi.fault(fault, route="status", **params)
    with pytest.raises(ProviderError) as caught:
        check(aimlapi, job)
    error = caught.value
    assert (error.failure.fault, error.failure.code, error.retry_after_seconds) == expected
    simulators.aimlapi.no_faults()
    assert until_over(aimlapi, job).status is JobStatus.DONE


def test_a_job_that_is_not_found_is_lost_after_an_hour_and_not_before(
    simulators: Simulators, aimlapi: AimlapiProvider
) -> None:
    simulators.aimlapi.fault("invisible", seconds=1e9)
    job = accepted(aimlapi, order_for(PRO, simulators=simulators))
    for age in (0, 3_500):
        with pytest.raises(ProviderError, match="Generation not found"):
            check(aimlapi, older(job, age))
    why_lost = Failure(Fault.NOT_FOUND, "http_404", "Generation not found", retryable=True)
    assert without_raw(check(aimlapi, older(job, 3_700))) == without_raw(
        JobReport(JobStatus.FAILED, provider_job_id=job.provider_job_id, failure=why_lost)
    )


@pytest.mark.parametrize("body", ["<html>404</html>", "{}", '{"message": "Cannot GET /v2/video/generations"}'])
def test_a_404_about_the_address_is_no_word_on_the_job_however_late_it_is(settings: Any, body: str) -> None:
    job = JobHandle("r-1", PRO, "id-1")
    with wire(answer(body.encode(), "404 Not Found")) as proxy:
        settings.AIMLAPI_URL = proxy.url
        with pytest.raises(ProviderError):
            check(AimlapiProvider(), job)


@pytest.mark.parametrize("fault", ["no_cost", "zero_cost"])
def test_a_render_that_says_nothing_of_its_cost_is_done_all_the_same(
    simulators: Simulators, aimlapi: AimlapiProvider, fault: str
) -> None:
    simulators.aimlapi.fault(fault)
    report = until_over(aimlapi, accepted(aimlapi, order_for(PRO, simulators=simulators)))
    assert (report.status, report.reported_cost_micros) == (JobStatus.DONE, None)


@pytest.mark.parametrize(
    ("model", "seconds", "micros"), [(PRO, 12.0, 1_449_000), (STANDARD, 12.0, 708_120), (STANDARD, 4.0, 236_040)]
)
def test_credits_become_micro_dollars_exactly(
    simulators: Simulators, aimlapi: AimlapiProvider, *, model: str, seconds: float, micros: int
) -> None:
    simulators.aimlapi.settings(inputs="assume", assumed_voice_seconds=seconds)
    job = accepted(aimlapi, order_for(model, simulators=simulators))
    simulators.aimlapi.finish(job.provider_job_id)
    assert check(aimlapi, job).reported_cost_micros == micros


def test_it_can_neither_be_stopped_nor_call_us(simulators: Simulators, aimlapi: AimlapiProvider) -> None:
    job = accepted(aimlapi, order_for(PRO, simulators=simulators))
    assert http.run(aimlapi.cancel, job) is CancelAnswer.IMPOSSIBLE
    with pytest.raises(InvalidSignature):
        aimlapi.read_webhook({}, {}, b"{}", received_at=datetime.now(UTC))


def _asked(simulators: Simulators, job: JobHandle) -> dict[str, Any]:
    """What it says of the job, asked beside the adapter."""
    answer = httpx.get(
        f"{simulators.environment['AIMLAPI_URL']}/v2/video/generations",
        params={"generation_id": job.provider_job_id},
        headers={"Authorization": f"Bearer {simulators.environment['AIMLAPI_KEY']}"},
    )
    return {"http_status": answer.status_code, "body": answer.json()}
