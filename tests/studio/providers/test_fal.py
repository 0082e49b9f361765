"""The fal adapter on the stand-in: submits, what becomes of them, inputs, links, cancels."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from studio.providers import http
from studio.providers.fal import FalProvider
from studio.providers.fal.links import app_of, links_of, made_links, marked
from studio.providers.remote import MIN_FILE_LIFE
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
PRO = "fal-ai/kling-video/ai-avatar/v2/pro"
STANDARD = "fal-ai/kling-video/ai-avatar/v2/standard"
QUEUE = "https://queue.fal.run"


@pytest.fixture
def fal(settings: Any, simulators: Simulators) -> FalProvider:
    use(settings, simulators)
    return FalProvider()


# --- Submit -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("submit_status", [200, 201, 202])
@pytest.mark.parametrize("polite", [True, False])
@pytest.mark.parametrize("suffix", [True, False])
def test_a_render_goes_the_whole_way_in_each_reading_of_the_documents(
    simulators: Simulators, fal: FalProvider, *, submit_status: int, polite: bool, suffix: bool
) -> None:
    simulators.fal.settings(submit_status=submit_status, polite_status_codes=polite, response_suffix=suffix)
    order = order_for(PRO, simulators=simulators, voice_ms=13_900)
    report = until_over(fal, accepted(fal, order))
    expected = JobReport(
        JobStatus.DONE,
        provider_job_id=report.provider_job_id,
        result_url=report.result_url,
        reported_ms=13_866,
    )
    assert without_raw(report) == without_raw(expected)
    assert fetch(fal, report.result_url)[4:8] == b"ftyp"
    assert simulators.fal.counts()["keys_leaked_to_files"] == 0


def test_every_field_of_the_request_page_comes_from_an_option(simulators: Simulators, fal: FalProvider) -> None:
    order = order_for(
        STANDARD,
        simulators=simulators,
        prompt=" Speaks warmly ",
        options={"ttl_seconds": 100_000, "content_check": "full", "upload_endpoint": "https://bucket.example/put"},
        webhook="http://127.0.0.1:9/hooks/fal/",
    )
    job = accepted(fal, order)
    found = simulators.fal.job(job.provider_job_id)
    assert (found["model"], found["webhook_url"], found["reference"]) == (STANDARD, order.webhook_url, order.reference)
    assert found["request"] == {
        "image_url": order.portrait.url,
        "audio_url": f"{order.voice.url}?a={order.reference}",
        "prompt": "Speaks warmly",
    }
    assert {name: value for name, value in found["headers"].items() if name != "user-agent"} == {
        "x-fal-request-timeout": "2700",
        "x-fal-object-lifecycle-preference": '{"expiration_duration_seconds": 100000}',
    }


def test_without_a_prompt_the_models_own_default_is_sent(simulators: Simulators, fal: FalProvider) -> None:
    job = accepted(fal, order_for(PRO, simulators=simulators, prompt="  "))
    assert simulators.fal.job(job.provider_job_id)["request"]["prompt"] == "."


def test_a_short_life_of_our_copy_does_not_shorten_theirs_below_a_day(simulators: Simulators, fal: FalProvider) -> None:
    job = accepted(fal, order_for(PRO, simulators=simulators, options={"ttl_seconds": 60}))
    wish = simulators.fal.job(job.provider_job_id)["headers"]["x-fal-object-lifecycle-preference"]
    assert json.loads(wish) == {"expiration_duration_seconds": MIN_FILE_LIFE}


def test_a_job_that_does_not_start_in_time_never_does_and_says_so(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.settings(queue_seconds=1e6)
    job = accepted(fal, order_for(PRO, simulators=simulators))
    simulators.fal.jump(7_300)
    assert without_raw(check(fal, job)) == without_raw(
        JobReport(
            JobStatus.FAILED,
            provider_job_id=job.provider_job_id,
            failure=Failure(Fault.TIMEOUT, "request_timeout", "Request timed out", retryable=True),
        )
    )


IN_DOUBT = [
    ("drop_connection", {"route": "submit"}, "RemoteProtocolError"),
    ("server_error", {"route": "submit", "status": 500}, "internal_error"),
    ("server_error", {"route": "submit", "status": 503}, "runner_scheduling_failure"),
    ("ingress_error", {"route": "submit", "status": 502}, "http_502"),
    ("refused", {"status": 408}, "http_408"),
    ("refused", {"status": 409}, "http_409"),
    ("not_json", {"route": "submit"}, "no_request_id"),
    ("lost_response", {}, "RemoteProtocolError"),
    ("server_error_after_accept", {"status": 502}, "runner_incomplete_response"),
    ("garbled_accept", {}, "no_request_id"),
    ("answer_without_id", {}, "no_request_id"),
]
AFTER_ACCEPTANCE = IN_DOUBT[-4:]


@pytest.mark.parametrize(("fault", "params", "code"), IN_DOUBT)
def test_a_submit_whose_answer_is_lost_is_in_doubt_and_is_never_sent_again(
    simulators: Simulators, fal: FalProvider, *, fault: str, params: dict[str, Any], code: str
) -> None:
    simulators.fal.settings(queue_seconds=1e6)
    simulators.fal.fault(fault, times=1, **params)
    order = order_for(PRO, simulators=simulators)
    submission = http.run(fal.submit, order)
    assert submission.failure
    assert (submission.outcome, submission.failure.code) == (Outcome.UNKNOWN, code)
    jobs = 1 if (fault, params, code) in AFTER_ACCEPTANCE else 0
    not_yet = Failure(
        Fault.NOT_FOUND, "not_listed", "fal does not list a request of ours like this one yet.", retryable=True
    )
    for _ in range(2):
        assert http.run(fal.recover, order) == Submission(Outcome.UNKNOWN, failure=not_yet)
    assert simulators.fal.times_accepted(order.reference) == jobs


@pytest.mark.parametrize(("fault", "params", "code"), AFTER_ACCEPTANCE)
def test_a_job_whose_answer_was_lost_is_found_in_the_list_when_it_has_ended(
    simulators: Simulators, fal: FalProvider, *, fault: str, params: dict[str, Any], code: str
) -> None:
    simulators.fal.fault(fault, times=1, **params)
    order = order_for(PRO, simulators=simulators)
    assert http.run(fal.submit, order).outcome is Outcome.UNKNOWN
    simulators.fal.finish(simulators.fal.jobs(order.reference)[0]["id"])
    found = http.run(fal.recover, order)
    assert (found.outcome, found.provider_job_id) == (Outcome.ACCEPTED, simulators.fal.jobs(order.reference)[0]["id"])
    assert code not in json.dumps(found.raw)
    report = check(fal, handle_of(order, found))
    assert (report.status, report.reported_ms) == (JobStatus.DONE, 4_000)
    assert simulators.fal.times_accepted(order.reference) == 1


def test_the_list_is_searched_page_by_page(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.settings(inputs="assume", queue_seconds=0.0, run_seconds=1.0)
    simulators.fal.fault("lost_response", times=1)
    order = order_for(PRO, simulators=simulators)
    assert http.run(fal.submit, order).outcome is Outcome.UNKNOWN

    async def many() -> None:
        others = [order_for(PRO, simulators=simulators) for _ in range(205)]
        async with http.open_pool():
            for other in others:
                await fal.submit(other)

    http.run(many)
    simulators.fal.jump(100)
    found = http.run(fal.recover, order)
    assert found.outcome is Outcome.ACCEPTED
    assert simulators.fal.counts()["requests"]["ledger"] == 3


@pytest.mark.parametrize("fault", ["bad_key", "server_error", "drop_connection", "rate_limit", "forbidden"])
def test_a_list_that_can_not_be_had_leaves_the_doubt(simulators: Simulators, fal: FalProvider, fault: str) -> None:
    simulators.fal.fault(fault, route="ledger")
    assert http.run(fal.recover, order_for(PRO, simulators=simulators)).outcome is Outcome.UNKNOWN


def test_where_nobody_listens_nothing_was_taken(settings: Any, fal: FalProvider, simulators: Simulators) -> None:
    order = order_for(PRO, simulators=simulators)
    settings.FAL_QUEUE_URL = f"http://127.0.0.1:{closed_port()}"
    submission = http.run(fal.submit, order)
    assert submission.failure is not None
    assert (submission.outcome, submission.failure.code) == (Outcome.REJECTED, "ConnectError")
    assert submission.failure.retryable


# --- Inputs -----------------------------------------------------------------------------------------------------------


def test_inputs_without_an_address_are_uploaded_with_a_token(simulators: Simulators, fal: FalProvider) -> None:
    order = order_for(PRO)
    job = accepted(fal, order)
    request = simulators.fal.job(job.provider_job_id)["request"]
    assert until_over(fal, job).status is JobStatus.DONE
    assert urlsplit(request["image_url"]).path.startswith("/files/b/")
    assert urlsplit(request["audio_url"]).query == f"a={order.reference}"


@pytest.mark.parametrize("times", [1, 2])
def test_where_the_file_network_fails_the_older_way_is_taken(
    simulators: Simulators, fal: FalProvider, times: int
) -> None:
    simulators.fal.fault("upload_fails", match="token", times=times)
    assert until_over(fal, accepted(fal, order_for(PRO))).status is JobStatus.DONE


@pytest.mark.parametrize("fault", ["upload_fails", "bad_key", "rate_limit", "server_error", "drop_connection"])
def test_whatever_happens_while_inputs_are_delivered_nothing_was_taken(
    simulators: Simulators, fal: FalProvider, fault: str
) -> None:
    simulators.fal.fault(fault, route="upload")
    found = http.run(fal.submit, order_for(PRO))
    assert found.failure
    assert (found.outcome, found.failure.retryable) == (Outcome.REJECTED, True)
    assert simulators.fal.accepted() == {}


def test_uploaded_inputs_vanish_after_a_week(simulators: Simulators, fal: FalProvider) -> None:
    order = http.run(fal.deliver, order_for(PRO))
    url = order.portrait.url or ""
    assert fetch(fal, url)[:2] == b"\xff\xd8"
    simulators.fal.jump(8 * 24 * 3600)
    with pytest.raises(ProviderError):
        fetch(fal, url)


def test_an_input_that_the_model_refuses_fails_the_job(simulators: Simulators, fal: FalProvider) -> None:
    order = order_for(PRO, simulators=simulators)
    small = replace(order.portrait, url=simulators.sample("portrait-200x200.jpg"))
    report = until_over(fal, accepted(fal, replace(order, portrait=small)))
    why = Failure(Fault.INPUT, "image_too_small", "image_url: Each side needs 300 px or more.")
    assert (report.status, report.failure) == (JobStatus.FAILED, why)


# --- Watch ------------------------------------------------------------------------------------------------------------


def test_the_place_in_the_queue_is_passed_on(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.settings(queue_seconds=1e6)
    job = accepted(fal, order_for(PRO, simulators=simulators))
    assert without_raw(check(fal, job)) == without_raw(
        JobReport(JobStatus.QUEUED, provider_job_id=job.provider_job_id, queue_position=3)
    )


def test_a_running_job_is_running(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.settings(inputs="assume", queue_seconds=0.0, run_seconds=1e6)
    job = accepted(fal, order_for(PRO, simulators=simulators))
    simulators.fal.jump(0.1)
    assert without_raw(check(fal, job)) == without_raw(
        JobReport(JobStatus.RUNNING, provider_job_id=job.provider_job_id)
    )


def test_a_success_without_a_video_is_a_failure(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.fault("no_video")
    job = accepted(fal, order_for(PRO, simulators=simulators))
    why = Failure(Fault.PROVIDER, "no_video", "It says that it is done, and gives no video.", retryable=True)
    assert without_raw(until_over(fal, job)) == without_raw(
        JobReport(JobStatus.FAILED, provider_job_id=job.provider_job_id, failure=why)
    )


def test_a_success_without_a_duration_is_a_success(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.fault("no_duration")
    report = until_over(fal, accepted(fal, order_for(PRO, simulators=simulators)))
    assert (report.status, report.reported_ms) == (JobStatus.DONE, None)


def test_an_absurd_duration_is_passed_on_as_it_is(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.fault("absurd_duration")
    report = until_over(fal, accepted(fal, order_for(PRO, simulators=simulators)))
    assert (report.status, report.reported_ms) == (JobStatus.DONE, 10_272_000)


@pytest.mark.parametrize(("fault", "status"), [("server_error", 504), ("ingress_error", 502), ("server_error", 500)])
def test_a_result_that_can_not_be_fetched_is_found_in_the_list(
    simulators: Simulators, fal: FalProvider, *, fault: str, status: int
) -> None:
    job = accepted(fal, order_for(PRO, simulators=simulators))
    simulators.fal.finish(job.provider_job_id)
    simulators.fal.fault(fault, route="result", status=status)
    report = check(fal, job)
    assert (report.status, report.reported_ms) == (JobStatus.DONE, 4_000)


def test_a_failure_that_can_not_be_fetched_is_found_in_the_list(simulators: Simulators, fal: FalProvider) -> None:
    job = accepted(fal, order_for(PRO, simulators=simulators))
    simulators.fal.finish(job.provider_job_id, code="face_detection_error", message="No face.")
    simulators.fal.fault("ingress_error", route="result")
    report = check(fal, job)
    assert (report.status, report.failure) == (
        JobStatus.FAILED,
        Failure(Fault.INPUT, "face_detection_error", "No face."),
    )


def test_a_result_that_has_run_out_is_found_in_the_list(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.settings(stored_result_seconds=10.0)
    job = accepted(fal, order_for(PRO, simulators=simulators))
    simulators.fal.finish(job.provider_job_id)
    simulators.fal.jump(60)
    report = check(fal, job)
    assert (report.status, report.reported_ms) == (JobStatus.DONE, 4_000)
    assert fetch(fal, report.result_url)[4:8] == b"ftyp"


def test_a_job_that_the_queue_does_not_show_is_lost_after_an_hour_and_not_before(
    simulators: Simulators, fal: FalProvider
) -> None:
    simulators.fal.settings(queue_seconds=1e6)
    simulators.fal.fault("invisible", seconds=1e9)
    job = accepted(fal, order_for(PRO, simulators=simulators))
    for age in (0, 3_500):
        with pytest.raises(ProviderError, match="Request not found"):
            check(fal, older(job, age))
    why = Failure(
        Fault.NOT_FOUND, "request_gone", "fal does not know the request, or its result, any more.", retryable=True
    )
    assert without_raw(check(fal, older(job, 3_700))) == without_raw(
        JobReport(JobStatus.FAILED, provider_job_id=job.provider_job_id, failure=why)
    )


@pytest.mark.parametrize("body", ["<html>404</html>", "{}", ""])
def test_a_bare_404_is_no_word_of_fals_however_late_it_is(
    settings: Any, simulators: Simulators, fal: FalProvider, body: str
) -> None:
    simulators.fal.settings(queue_seconds=1e6)
    job = accepted(fal, order_for(PRO, simulators=simulators))
    with wire(answer(body.encode(), "404 Not Found")) as proxy:
        settings.FAL_QUEUE_URL = proxy.url
        with pytest.raises(ProviderError):
            check(fal, older(job, 10_000))


def test_a_result_that_is_asked_for_too_early_is_no_failure(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.settings(queue_seconds=1e6)
    job = accepted(fal, order_for(PRO, simulators=simulators))
    status = http.Answer(200, {}, b'{"status": "COMPLETED"}')
    assert without_raw(http.run(fal._check_result, job, status)) == without_raw(
        JobReport(JobStatus.RUNNING, provider_job_id=job.provider_job_id)
    )


def test_status_questions_work_while_the_account_is_locked(simulators: Simulators, fal: FalProvider) -> None:
    job = accepted(fal, order_for(PRO, simulators=simulators))
    simulators.fal.fault("out_of_credit")
    assert until_over(fal, job).status is JobStatus.DONE


def test_a_runner_that_breaks_and_is_tried_again_inside_is_no_news(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.fault("runner_fails", tries=2)
    assert until_over(fal, accepted(fal, order_for(PRO, simulators=simulators))).status is JobStatus.DONE


# --- Cancel -----------------------------------------------------------------------------------------------------------


def test_a_waiting_job_is_cancelled_at_once(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.settings(queue_seconds=1e6)
    job = accepted(fal, order_for(PRO, simulators=simulators))
    assert http.run(fal.cancel, job) is CancelAnswer.CANCELLED
    report = check(fal, job)
    assert (report.status, report.failure and report.failure.code) == (JobStatus.CANCELLED, "client_cancelled")


def test_a_running_job_is_asked_to_stop(simulators: Simulators, fal: FalProvider) -> None:
    simulators.fal.settings(inputs="assume", queue_seconds=0.0, run_seconds=1e6)
    job = accepted(fal, order_for(PRO, simulators=simulators))
    simulators.fal.jump(0.1)
    assert http.run(fal.cancel, job) is CancelAnswer.REQUESTED
    assert until_over(fal, job).status is JobStatus.CANCELLED


def test_a_job_that_is_over_or_unknown_is_too_late_to_cancel(simulators: Simulators, fal: FalProvider) -> None:
    job = accepted(fal, order_for(PRO, simulators=simulators))
    simulators.fal.finish(job.provider_job_id)
    assert http.run(fal.cancel, job) is CancelAnswer.TOO_LATE
    unknown = JobHandle(job.reference, PRO, "00000000-0000-4000-8000-000000000000")
    assert http.run(fal.cancel, unknown) is CancelAnswer.TOO_LATE


@pytest.mark.parametrize("fault", ["server_error", "bad_key", "rate_limit", "drop_connection"])
def test_a_cancel_that_is_not_answered_says_so(simulators: Simulators, fal: FalProvider, fault: str) -> None:
    job = accepted(fal, order_for(PRO, simulators=simulators))
    simulators.fal.fault(fault, route="cancel")
    with pytest.raises(ProviderError):
        http.run(fal.cancel, job)


# --- Links ------------------------------------------------------------------------------------------------------------


def test_links_are_under_the_first_two_parts_of_the_model() -> None:
    assert app_of(PRO) == "fal-ai/kling-video"
    assert app_of("workflows/someone/thing/more") == "workflows/someone/thing"
    assert made_links(QUEUE, PRO, "a/../b") == {
        "status_url": "https://queue.fal.run/fal-ai/kling-video/requests/a%2F..%2Fb/status",
        "response_url": "https://queue.fal.run/fal-ai/kling-video/requests/a%2F..%2Fb",
        "cancel_url": "https://queue.fal.run/fal-ai/kling-video/requests/a%2F..%2Fb/cancel",
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://queue.fal.run/other/app/requests/r/status", True),
        ("https://evil.example/requests/r/status", False),
        ("https://queue.fal.run@evil.example/status", False),
        ("http://queue.fal.run/requests/r/status", False),
        ("https://queue.fal.run:444/requests/r/status", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_a_link_that_fal_gave_is_used_only_at_the_configured_host(given: Any, *, kept: bool) -> None:
    job = JobHandle("r", PRO, "r", {"status_url": given})
    assert (links_of(job, QUEUE)["status_url"] == given) is kept
    assert links_of(job, QUEUE)["cancel_url"] == made_links(QUEUE, PRO, "r")["cancel_url"]


def test_the_key_is_not_sent_to_where_a_stored_link_points(simulators: Simulators, fal: FalProvider) -> None:
    job = accepted(fal, order_for(PRO, simulators=simulators))
    elsewhere = simulators.runware.base + "/steal"
    stored = replace(job, handle={**job.handle, "status_url": elsewhere, "response_url": elsewhere})
    assert until_over(fal, stored).status is JobStatus.DONE


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/v.mp3", "https://a.example/v.mp3?a=r-1"),
        ("https://a.example/v.mp3?x=1%20y", "https://a.example/v.mp3?x=1%20y&a=r-1"),
        ("https://a.example/v.mp3#t=1", "https://a.example/v.mp3?a=r-1#t=1"),
        ("https://a.example/r-1/v.mp3", "https://a.example/r-1/v.mp3"),
        ("https://s3.example/v.mp3?X-Amz-Signature=9", "https://s3.example/v.mp3?X-Amz-Signature=9#a=r-1"),
        ("https://s3.example/v.mp3?Signature=9&Expires=1", "https://s3.example/v.mp3?Signature=9&Expires=1#a=r-1"),
    ],
)
def test_the_voice_carries_our_reference_without_breaking_its_link(url: str, expected: str) -> None:
    assert marked(url, "r-1") == expected


def test_a_job_behind_a_signed_link_is_fetched_and_found_too(simulators: Simulators, fal: FalProvider) -> None:
    order = order_for(PRO, simulators=simulators)
    order = replace(order, voice=replace(order.voice, url=f"{order.voice.url}?X-Amz-Signature=9"))
    simulators.fal.fault("lost_response", times=1)
    assert http.run(fal.submit, order).outcome is Outcome.UNKNOWN
    simulators.fal.finish(simulators.fal.jobs(order.reference)[0]["id"])
    found = http.run(fal.recover, order)
    assert check(fal, handle_of(order, found)).status is JobStatus.DONE
