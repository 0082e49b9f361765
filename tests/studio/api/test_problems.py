"""Refusals that no view makes, and a defect of ours: each is a problem document, whoever gives it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from avatarsite.api.me import Me
from tests.studio.api.conftest import Caller

pytestmark = pytest.mark.django_db


def refused(answer: Any) -> tuple[int, str]:
    problem = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert problem["type"] == problem["docs"] == f"http://127.0.0.1:8000/api/errors#{problem['code']}"
    assert problem["charged"] is False
    return answer.status_code, problem["code"]


def test_a_method_that_an_address_does_not_take(api: Caller) -> None:
    answer = api.ask("PUT", "renders")
    assert refused(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    assert refused(api.ask("QUERY", "quotes")) == (405, "method_not_allowed")


def test_an_accept_without_json(api: Caller) -> None:
    assert refused(api.get("me", Accept="text/html")) == (406, "not_acceptable")
    for fine in ("application/json", "text/html, */*;q=0.8", "application/*", "application/problem+json"):
        assert api.get("me", Accept=fine).status_code == 200


def test_a_body_that_is_announced_as_too_large(api: Caller) -> None:
    answer = Client().generic("POST", "/api/v1/renders", "{}", CONTENT_LENGTH="200000000")
    assert refused(answer) == (413, "body_too_large")
    headers = {"Authorization": f"Bearer {api.secret}"}
    sent = {"data": "{}", "content_type": "application/json", "CONTENT_LENGTH": "33000000"}
    json_only = Client(headers=headers).generic("POST", "/api/v1/projects", **sent)
    assert refused(json_only) == (413, "body_too_large")


def test_a_body_of_another_media_type(api: Caller) -> None:
    client = Client(headers={"Authorization": f"Bearer {api.secret}"})
    assert refused(client.post("/api/v1/renders", "a=b", content_type="text/plain")) == (415, "unsupported_media_type")


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"a":' * 5000, "\udcff"])
def test_a_body_that_is_no_json_object(api: Caller, body: str) -> None:
    client = Client(headers={"Authorization": f"Bearer {api.secret}"})
    content = body.encode("utf-8", "surrogateescape")
    answer = client.post("/api/v1/projects", content, content_type="application/json")
    assert answer.status_code == 400
    assert refused(answer)[1] in {"malformed_body", "invalid_request"}


@pytest.mark.parametrize(
    "path", ["nowhere", "renders/%0Ax/cancel", "renders/", "../v1x", "renders/rnd_1/outputs/audio"]
)
def test_an_address_that_is_none(api: Caller, path: str) -> None:
    assert refused(api.get(path)) == (404, "not_found")


def test_a_defect_of_ours_has_a_reference_and_no_page(
    api: Caller, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(Me, "query", lambda *_: 1 / 0)
    client = Client(headers={"Authorization": f"Bearer {api.secret}"}, raise_request_exception=False)
    answer = client.get("/api/v1/me")
    assert refused(answer) == (500, "server_error")
    reference = answer.json()["reference"]
    assert (reference.startswith("err_"), reference in caplog.text) == (True, True)


def test_a_defect_before_the_views_is_a_problem_too(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("django.middleware.clickjacking.XFrameOptionsMiddleware.process_response", broken)
    client = Client(headers={"Authorization": f"Bearer {api.secret}"}, raise_request_exception=False)
    assert refused(client.get("/api/v1/me")) == (500, "server_error")
    page = client.get("/account/login/")
    assert (page.status_code, page.headers["Content-Type"]) == (500, "text/html; charset=utf-8")


def test_every_code_is_documented_where_its_type_leads(client: Client) -> None:
    from avatarsite.api.problems import CODES  # noqa: PLC0415 -- complete only when every app has declared its own

    page = client.get("/api/errors").content.decode()
    missing = [code for code in CODES if f'id="{code}"' not in page]
    assert missing == []
