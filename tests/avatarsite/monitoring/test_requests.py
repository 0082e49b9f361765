"""Every answer is named by the id that the log has of its request."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from avatarsite.monitoring import logs

pytestmark = pytest.mark.django_db
DOORS = {
    "/": 200,
    "/healthz": 200,
    "/nowhere": 404,
    "/admin/": 302,
    "/api/v1/me": 401,
    "/api/v1/nowhere": 404,
    "/compat/fal/queue/nowhere/at/all": 404,
    "/compat/runware/v1": 405,
    "/metrics": 404,
}


def test_each_answer_has_an_id_of_its_own_and_the_log_has_the_same() -> None:
    ids = []
    for path, status in DOORS.items():
        answer = Client().get(path, headers={"x-request-id": "of somebody else"})
        assert answer.status_code == status, path
        assert re.fullmatch(r"req_\w{26}", answer["X-Request-Id"]), path
        assert logs.current("request") == answer["X-Request-Id"]
        ids.append(answer["X-Request-Id"])
    assert len(set(ids)) == len(DOORS)
