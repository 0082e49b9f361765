"""Runware's codes, one by one: what each says about a task that was sent, and about a job that was taken."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from studio.providers import http
from studio.providers.runware import RunwareProvider
from studio.providers.runware.codes import FAULTS, RULES, CodeClass, class_of, why
from studio.providers.runware.reading import STATUSES
from studio.providers.types import Failure, Fault, JobReport, JobStatus, Outcome, ProviderError, Submission
from tests.simulators.fixture import Simulators
from tests.studio.providers.orders import accepted, check, order_for, use

pytest_plugins = ["tests.simulators.fixture"]
MODEL = "klingai:avatar@2.0-standard"

# Every code that the contract names, with the class that the provider's own SDK gives it. Only ``timeoutProvider`` is
# read differently here, because the SDK misses it.
CODES: tuple[tuple[str, CodeClass], ...] = (
    *((code, CodeClass.QUOTA) for code in ("insufficientCredits", "quotaExceeded", "insufficientBalance")),
    *((code, CodeClass.QUOTA) for code in ("paymentRequired", "environmentPaused", "dailyQuotaReached")),
    *((code, CodeClass.RATE_LIMIT) for code in ("rateLimitExceeded", "providerRateLimitExceeded", "RateLimit")),
    *((code, CodeClass.SAFETY) for code in ("contentPolicyViolation", "providerContentPolicyViolation")),
    *((code, CodeClass.SAFETY) for code in ("sensitiveContentDetected", "unsafeContentDetected", "promptBlocked")),
    *((code, CodeClass.SAFETY) for code in ("nsfwContentDetected", "imageBlocked", "moderationFailed")),
    ("invalidProviderContent", CodeClass.SAFETY),
    *((code, CodeClass.AUTH) for code in ("invalidApiKey", "missingApiKey", "unauthorized", "forbidden")),
    *((code, CodeClass.AUTH) for code in ("permissionDenied", "insufficientPermissions", "authenticationFailed")),
    *((code, CodeClass.AUTH) for code in ("authFailed", "authTimeout", "invalidAuthentication", "tokenExpired")),
    *((code, CodeClass.AUTH) for code in ("invalidCredentials", "missingAuthentication", "tokenInvalid")),
    *((code, CodeClass.AUTH) for code in ("tokenMissing", "tokenRevoked", "accountSuspended", "accountDisabled")),
    *((code, CodeClass.AUTH) for code in ("organizationSuspended", "workspaceDisabled")),
    *((code, CodeClass.TIMEOUT) for code in ("timeoutProvider", "timeout", "inferenceTimeout", "providerTimeout")),
    *((code, CodeClass.NOT_FOUND) for code in ("taskNotFound", "modelNotFound", "taskExpired", "unknownModel")),
    *((code, CodeClass.NOT_FOUND) for code in ("taskCancelled", "taskFailedOrNotFound")),
    *((code, CodeClass.SERVER) for code in ("internalServerError", "serviceUnavailable", "serverUnavailable")),
    *((code, CodeClass.SERVER) for code in ("standardError", "unknownError", "undefinedError", "defaultError")),
    *((code, CodeClass.SERVER) for code in ("unrecognizedResponse", "errorRetrievingAccountManagement")),
    *((code, CodeClass.PROVIDER) for code in ("providerError", "providerUnavailable", "inferenceError")),
    *((code, CodeClass.PROVIDER) for code in ("processingFailed", "taskFailed", "downloadFailed", "uploadFailed")),
    *((code, CodeClass.PROVIDER) for code in ("noAvailableServer", "modelUnavailable", "modelDisabled")),
    *((code, CodeClass.PROVIDER) for code in ("modelNotReady", "mediaStorageFileCouldNotBeMoved")),
    *((code, CodeClass.VALIDATION) for code in ("invalidWidth", "missingInputsImage", "duplicateTask")),
    *((code, CodeClass.VALIDATION) for code in ("unsupportedAudioFormat", "valueTooLarge", "arrayTooLong")),
    *((code, CodeClass.VALIDATION) for code in ("maxFileSizeExceeded", "incompatibleParameters")),
    *((code, CodeClass.VALIDATION) for code in ("validationFailed", "modelAlreadyExists")),
    *((code, CodeClass.UNKNOWN) for code in ("fluxCapacitorEmpty", "", "42")),
)
WORDS: dict[CodeClass, tuple[Fault, bool]] = {
    CodeClass.QUOTA: (Fault.QUOTA, True),
    CodeClass.RATE_LIMIT: (Fault.RATE_LIMIT, True),
    CodeClass.SAFETY: (Fault.MODERATION, False),
    CodeClass.AUTH: (Fault.AUTH, True),
    CodeClass.TIMEOUT: (Fault.TIMEOUT, True),
    CodeClass.NOT_FOUND: (Fault.NOT_FOUND, True),
    CodeClass.SERVER: (Fault.PROVIDER, True),
    CodeClass.PROVIDER: (Fault.PROVIDER, True),
    CodeClass.VALIDATION: (Fault.INPUT, False),
    CodeClass.UNKNOWN: (Fault.UNKNOWN, True),
}
NAMED = [(code, found) for code, found in CODES if code]


@pytest.fixture
def runware(settings: Any, simulators: Simulators) -> RunwareProvider:
    use(settings, simulators)
    simulators.runware.settings(inputs="assume", queue_seconds=1e6)
    return RunwareProvider()


@pytest.mark.parametrize(("code", "expected"), CODES)
def test_each_code_has_its_class(code: str, expected: CodeClass) -> None:
    assert class_of(code) is expected


def test_every_class_has_a_rule_and_a_fault() -> None:
    assert [name for name, _ in RULES] == [name for name in CodeClass if name is not CodeClass.UNKNOWN]
    assert set(FAULTS) == set(CodeClass)
    assert {name: (FAULTS[name], WORDS[name][0]) for name in WORDS} == {
        name: (fault, fault) for name, (fault, _) in WORDS.items()
    }


@pytest.mark.parametrize(
    ("code", "found", "shape"),
    [*((code, found, "errors") for code, found in NAMED), *((code, found, "item") for code, found in NAMED[::12])],
)
def test_a_job_that_failed_says_why_in_our_words(
    simulators: Simulators, runware: RunwareProvider, code: str, found: CodeClass, shape: str
) -> None:
    simulators.runware.settings(error_shape=shape)
    order = order_for(MODEL, simulators=simulators)
    job = accepted(runware, order)
    simulators.runware.finish(order.reference, code=code, message="Something went wrong.")
    fault, retryable = WORDS[found]
    assert check(runware, job) == JobReport(
        JobStatus.CANCELLED if code == "taskCancelled" else JobStatus.FAILED,
        provider_job_id=order.reference,
        failure=Failure(fault, code, "Something went wrong.", retryable=retryable),
        raw=_poll(simulators, order.reference),
    )


@pytest.mark.parametrize(("code", "found"), NAMED)
def test_a_task_that_is_refused_with_a_4xx_was_not_taken_and_says_why(
    simulators: Simulators, runware: RunwareProvider, code: str, found: CodeClass
) -> None:
    simulators.runware.fault("refused", times=1, code=code, message="No.")
    order = order_for(MODEL, simulators=simulators)
    fault, retryable = WORDS[found]
    entry = {"code": code, "message": "No.", "taskUUID": order.reference}
    assert http.run(runware.submit, order) == Submission(
        Outcome.REJECTED,
        failure=Failure(fault, code, "No.", retryable=retryable),
        raw={"http_status": 400, "body": {"errors": [entry]}},
    )
    assert simulators.runware.accepted() == {}


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "", (Fault.INPUT, "http_400", False)),
        (401, "", (Fault.AUTH, "http_401", True)),
        (402, "", (Fault.QUOTA, "http_402", True)),
        (403, "", (Fault.AUTH, "http_403", True)),
        (404, "", (Fault.UNKNOWN, "http_404", True)),
        (429, "", (Fault.RATE_LIMIT, "http_429", True)),
        (500, "", (Fault.PROVIDER, "http_500", True)),
        (503, "", (Fault.PROVIDER, "http_503", True)),
        (504, "", (Fault.TIMEOUT, "http_504", True)),
        (400, "strange", (Fault.UNKNOWN, "strange", True)),
        (401, "strange", (Fault.AUTH, "strange", True)),
        (402, "strange", (Fault.QUOTA, "strange", True)),
        (403, "strange", (Fault.AUTH, "strange", True)),
        (429, "strange", (Fault.RATE_LIMIT, "strange", True)),
        (500, "strange", (Fault.UNKNOWN, "strange", True)),
    ],
)
def test_the_http_status_speaks_where_the_code_does_not(status: int, code: str, expected: tuple[Any, ...]) -> None:
    fault, name, retryable = expected
    error = {"code": code, "message": "No."} if code else {"message": "No."}
    assert why(error, status) == Failure(fault, name, "No.", retryable=retryable)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "invalidInputsImage", "parameter": "inputs.image"}, (Fault.INPUT, " (inputs.image)", False)),
        ({"code": "invalidWidth", "parameter": ["width", "height"]}, (Fault.INPUT, " (width, height)", False)),
        ({"code": "invalidModel", "parameter": "model"}, (Fault.PROVIDER, " (model)", True)),
        ({"code": "invalidTtl", "parameter": ["ttl"]}, (Fault.PROVIDER, " (ttl)", True)),
        ({"code": "unknownParameter", "parameter": "routing"}, (Fault.PROVIDER, " (routing)", True)),
        ({"code": "invalidPositivePrompt", "parameter": None}, (Fault.INPUT, "", False)),
    ],
)
def test_what_is_wrong_with_our_own_part_of_a_task_is_not_the_customers(
    error: dict[str, Any], expected: tuple[Fault, str, bool]
) -> None:
    fault, message, retryable = expected
    assert why(error, 400) == Failure(fault, error["code"], message, retryable=retryable)


def test_long_words_of_the_provider_are_cut_to_what_our_columns_hold() -> None:
    found = why({"code": "invalid" + "x" * 500, "message": "y" * 50_000}, 400)
    assert (len(found.code), len(found.message)) == (60, 2_000)


@pytest.mark.parametrize(
    ("word", "status"), [*STATUSES.items(), ("paused", JobStatus.UNKNOWN), ("", JobStatus.UNKNOWN)]
)
def test_each_status_word_is_one_of_ours_and_a_new_one_is_unknown(
    simulators: Simulators, runware: RunwareProvider, word: str, status: JobStatus
) -> None:
    simulators.runware.fault("unknown_status", word=word, forever=True)
    order = order_for(MODEL, simulators=simulators)
    job = accepted(runware, order)
    no_video = Failure(Fault.PROVIDER, "no_video", "It says that it is done, and gives no video.", retryable=True)
    failures = {JobStatus.DONE: no_video, JobStatus.FAILED: Failure(Fault.UNKNOWN, "no_code", "", retryable=True)}
    assert check(runware, job) == JobReport(
        JobStatus.FAILED if status is JobStatus.DONE else status,
        provider_job_id=order.reference,
        failure=failures.get(status),
        raw=_poll(simulators, order.reference),
    )


@pytest.mark.parametrize(
    ("fault", "params", "expected"),
    [
        ("bad_key", {}, (Fault.AUTH, "invalidApiKey", None)),
        ("forbidden", {}, (Fault.AUTH, "insufficientPermissions", None)),
        ("rate_limit", {"retry_after": 7}, (Fault.RATE_LIMIT, "rateLimitExceeded", 7.0)),
        ("server_error", {"status": 500}, (Fault.PROVIDER, "internalServerError", None)),
        ("server_error", {"status": 502}, (Fault.PROVIDER, "providerError", None)),
        ("server_error", {"status": 503, "retry_after": 3}, (Fault.PROVIDER, "serviceUnavailable", 3.0)),
        ("server_error", {"status": 504}, (Fault.TIMEOUT, "timeoutProvider", None)),
        ("drop_connection", {}, (Fault.PROVIDER, "RemoteProtocolError", None)),
    ],
)
def test_a_question_that_is_not_answered_says_nothing_about_the_job(
    simulators: Simulators, runware: RunwareProvider, fault: str, params: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    job = accepted(runware, order_for(MODEL, simulators=simulators))
    simulators.runware.fault(fault, route="status", **params)
    with pytest.raises(ProviderError) as caught:
        check(runware, job)
    error = caught.value
    assert (error.failure.fault, error.failure.code, error.retry_after_seconds) == expected
    simulators.runware.no_faults()
    assert check(runware, job).status is JobStatus.RUNNING


def test_a_page_in_the_place_of_an_answer_is_no_verdict(simulators: Simulators, runware: RunwareProvider) -> None:
    job = accepted(runware, order_for(MODEL, simulators=simulators))
    simulators.runware.fault("not_json", route="status")
    assert check(runware, job).status is JobStatus.QUEUED


def _poll(simulators: Simulators, reference: str) -> dict[str, Any]:
    """What a poll says, asked beside the adapter."""
    answer = httpx.post(
        simulators.environment["RUNWARE_URL"],
        headers={"Authorization": f"Bearer {simulators.environment['RUNWARE_API_KEY']}"},
        json=[{"taskType": "getResponse", "taskUUID": reference}],
    )
    return {"http_status": answer.status_code, "body": answer.json()}
