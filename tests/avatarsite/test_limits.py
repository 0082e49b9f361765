from __future__ import annotations

import json

import pytest
from django.test import Client

from avatarsite.http.entry_points import MAX_BYTES, NO_LENGTH, TOO_LARGE


def test_a_request_that_announces_too_much_is_refused_unread() -> None:
    answer = Client().post("/account/login/", data={}, CONTENT_LENGTH=str(MAX_BYTES + 1))
    assert (answer.status_code, answer.content.decode()) == (413, f"{TOO_LARGE}\n")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/compat/fal/avatar-studio/draft",
            {"detail": "The body is larger than this address takes: 41 MB. Send less."},
        ),
        (
            "/compat/fal/cdn/files/upload",
            {"detail": "The body is larger than this address takes: 130 MB. Send less."},
        ),
    ],
)
def test_a_door_refuses_too_much_in_its_own_form(path: str, body: object) -> None:
    answer = Client().post(path, data={}, CONTENT_LENGTH=str(MAX_BYTES + 1))
    assert (answer.status_code, json.loads(answer.content)) == (413, body)


@pytest.mark.parametrize("path", ["/compat/runware/v1", "/api/v1/renders", "/hooks/stripe/", "/account/login/"])
def test_a_server_that_reads_no_chunks_lets_none_pass_for_an_empty_body(path: str) -> None:
    answer = Client().post(path, b"{}", "application/json", CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
    said = answer.content.decode().replace("\\u2019", "’")
    assert (answer.status_code, NO_LENGTH in said) == (411, True)


def test_a_door_whose_view_breaks_says_so_in_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("studio.gateway.runware.views._tasks_in", break_down)
    answer = Client(raise_request_exception=False).post("/compat/runware/v1", [], content_type="application/json")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (500, "internalServerError")
    assert "Our log has it under err_" in error["message"]
