"""AI/ML API's stand-in: its protocol, then each of its faults and settings."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from tests.simulators import loopback
from tests.simulators.fixture import Simulators, eventually
from tests.simulators.measure import fetch_and_measure
from tests.simulators.protocol_aimlapi import PATH, AimlapiClient, AimlapiProtocol, aimlapi

pytest_plugins = ["tests.simulators.fixture"]
__all__ = ["aimlapi"]

OUT_OF_CREDITS = "You've run out of credits. Please top up your balance"


class TestProtocol(AimlapiProtocol):
    """On the simulator."""


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        (("bad_key", {}), 401, "This request requires a valid API key"),
        (("out_of_credit", {}), 403, OUT_OF_CREDITS),
        (("forbidden", {}), 403, "This API key has no access"),
        (("rate_limit", {}), 429, "Too Many Requests"),
        (("server_error", {"status": 500}), 500, "Internal server error"),
        (("server_error", {"status": 504}), 504, "Generation timeout"),
        (("refused", {"message": "Body validation error. No."}), 400, "Body validation error. No."),
    ],
)
def test_a_refused_create_makes_no_job(
    simulators: Simulators, aimlapi: AimlapiClient, fault: tuple[str, dict[str, Any]], status: int, message: str
) -> None:
    simulators.aimlapi.fault(fault[0], times=1, **fault[1])
    answer = aimlapi.create()
    body = answer.json()
    assert (answer.status_code, body["statusCode"], body["path"]) == (status, status, PATH)
    assert body["message"].startswith(message)
    assert simulators.aimlapi.jobs() == []
    assert aimlapi.create().status_code == 200


@pytest.mark.parametrize(
    ("name", "params", "seen"),
    [
        ("lost_response", {}, httpx.RemoteProtocolError),
        ("server_error_after_accept", {"status": 503}, 503),
        ("garbled_accept", {}, 200),
        ("slow_accept", {"seconds": 60}, httpx.ReadTimeout),
    ],
)
def test_a_job_whose_answer_was_lost_is_found_in_the_logs(
    simulators: Simulators, aimlapi: AimlapiClient, name: str, params: dict[str, Any], seen: Any
) -> None:
    simulators.aimlapi.fault(name, times=1, **params)
    headers = {"X-Client-Request-Id": "attempt-7", "Authorization": f"Bearer {aimlapi.door.key}"}
    url = aimlapi.door.hosts["api"] + PATH
    if isinstance(seen, int):
        assert loopback.post(url, json=aimlapi.body(), headers=headers).status_code == seen
    else:
        patience = 0.5 if seen is httpx.ReadTimeout else 30
        with pytest.raises(seen):
            loopback.post(url, json=aimlapi.body(), headers=headers, timeout=patience)
    rows = eventually(lambda: aimlapi.http.get("/v2/logs").json()["data"], "the log")
    assert [row["client_request_id"] for row in rows] == ["attempt-7"]
    assert aimlapi.poll(rows[0]["inference_id"]).json()["status"] == "completed"
    assert simulators.aimlapi.accepted() == {"attempt-7": 1}


@pytest.mark.usefixtures("in_no_hurry")
def test_the_logs_and_the_ledger_lag_behind(simulators: Simulators, aimlapi: AimlapiClient) -> None:
    created = aimlapi.create().json()
    simulators.aimlapi.finish(created["id"])
    urls = ("/v2/logs", "/v2/billing/transactions")
    assert [aimlapi.http.get(url).json()["data"] for url in urls] == [[], []]
    simulators.aimlapi.jump(21)
    assert [len(aimlapi.http.get(url).json()["data"]) for url in urls] == [1, 1]


def test_a_failed_generation_costs_nothing(simulators: Simulators, aimlapi: AimlapiClient) -> None:
    simulators.aimlapi.fault("fail", code="GenerationError", message="The upstream gave up.")
    body = aimlapi.render()
    assert (body["status"], body["error"]) == (
        "error",
        {"name": "GenerationError", "message": "The upstream gave up."},
    )
    rows = eventually(lambda: aimlapi.http.get("/v2/logs?status=failed").json()["data"], "the log")
    assert [(row["status"], row["cost"]["credits"]) for row in rows] == [("failed", 0)]
    assert aimlapi.http.get("/v2/billing/transactions").json()["data"] == []


def test_moderated_content_is_an_error(simulators: Simulators, aimlapi: AimlapiClient) -> None:
    simulators.aimlapi.fault("moderated")
    assert aimlapi.render()["error"]["name"] == "ContentModerationError"


def test_a_bad_portrait_is_refused_in_klings_words(simulators: Simulators, aimlapi: AimlapiClient) -> None:
    body = aimlapi.render(image_url=simulators.sample("portrait-200x600.png"))
    assert body["error"]["message"].startswith("Image pixel is invalid")


def test_a_base64_portrait_is_taken(aimlapi: AimlapiClient) -> None:
    picture = base64.b64encode(loopback.get(aimlapi.door.portrait).content).decode()
    assert aimlapi.render(image_url=f"data:image/jpeg;base64,{picture}")["status"] == "completed"


@pytest.mark.usefixtures("in_no_hurry")
def test_the_states_follow_each_other(simulators: Simulators, aimlapi: AimlapiClient) -> None:
    created = aimlapi.create().json()
    assert aimlapi.poll(created["id"]).json()["status"] == "queued"
    simulators.aimlapi.jump(5)
    eventually(lambda: aimlapi.poll(created["id"]).json()["status"] == "generating", "generating")
    simulators.aimlapi.finish(created["id"])
    assert aimlapi.poll(created["id"]).json()["status"] == "completed"


@pytest.mark.usefixtures("in_no_hurry")
def test_an_unknown_word_is_said(simulators: Simulators, aimlapi: AimlapiClient) -> None:
    simulators.aimlapi.fault("unknown_status", word="daydreaming")
    assert aimlapi.poll(aimlapi.create().json()["id"]).json()["status"] == "daydreaming"


def test_conflicting_sources_are_settings(simulators: Simulators, aimlapi: AimlapiClient) -> None:
    simulators.aimlapi.settings(
        submit_status=201, usage_word="tokens_used", id_form="short", status_code_type="string", queue_word="waiting"
    )
    answer = aimlapi.create()
    assert (answer.status_code, answer.json()["status"]) == (201, "waiting")
    assert answer.json()["meta"] == {"usage": {"tokens_used": 590_100}}
    assert ":" not in answer.json()["id"]
    assert aimlapi.poll("nothing").json()["statusCode"] == "404"
    assert aimlapi.until_over(answer.json()["id"]).json()["meta"]["usage"]["tokens_used"] > 0


def test_the_reported_length_can_be_absurd(simulators: Simulators, aimlapi: AimlapiClient) -> None:
    simulators.aimlapi.fault("absurd_duration")
    body = aimlapi.render()
    assert body["meta"]["usage"]["credits_used"] == round(10_272 * 0.05901 * 2_000_000)
    assert fetch_and_measure(body["video"]["url"]).ms == 4000


@pytest.mark.parametrize("name", ["no_video", "no_cost"])
def test_a_success_can_lack_something(simulators: Simulators, aimlapi: AimlapiClient, name: str) -> None:
    simulators.aimlapi.fault(name)
    body = aimlapi.render()
    assert (body["video"] is None, "meta" in body) == (name == "no_video", name == "no_video")


def test_a_job_can_be_missing_from_logs_and_ledger(simulators: Simulators, aimlapi: AimlapiClient) -> None:
    simulators.aimlapi.settings(ledger_delay_seconds=0.0)
    simulators.aimlapi.fault("not_in_ledger")
    aimlapi.render()
    assert aimlapi.http.get("/v2/logs").json()["pagination"]["total"] == 0


@pytest.mark.usefixtures("in_no_hurry")
def test_the_logs_take_two_hundred_questions_a_minute(aimlapi: AimlapiClient) -> None:
    statuses = [aimlapi.http.get("/v2/logs").status_code for _ in range(201)]
    assert (statuses[:200], statuses[200]) == ([200] * 200, 429)


def test_an_empty_account_is_refused(simulators: Simulators, aimlapi: AimlapiClient) -> None:
    simulators.aimlapi.settings(balance_usd=0.1)
    aimlapi.render()
    answer = aimlapi.create()
    assert (answer.status_code, answer.json()["message"].startswith(OUT_OF_CREDITS)) == (403, True)


def test_there_are_no_webhooks(simulators: Simulators) -> None:
    assert [name for name in simulators.aimlapi.known_faults() if name.startswith("webhook")] == []
