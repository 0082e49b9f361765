"""Writes with an Idempotency-Key, one after the other; test_once_at_once.py sends them in parallel."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from avatarsite.api.idempotency import forget_old_records
from avatarsite.api.models import IdempotencyRecord
from studio.models import Project, Render
from tests.conftest import Cast
from tests.studio.api.conftest import Caller, caller

pytestmark = pytest.mark.django_db


def test_a_repeat_gets_the_same_answer_and_makes_nothing(api: Caller, inputs: dict[str, str]) -> None:
    first, again = (api.post("renders", inputs, Idempotency_Key="k1") for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert (first.headers["Location"], "Idempotency-Replayed" in first.headers) == (again.headers["Location"], False)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Render.objects.count() == 1


def test_the_order_of_names_does_not_matter(api: Caller, inputs: dict[str, str]) -> None:
    api.post("renders", inputs, Idempotency_Key="k1")
    again = api.post("renders", dict(reversed(inputs.items())), Idempotency_Key="k1")
    assert again.headers["Idempotency-Replayed"] == "true"


def test_another_body_with_the_key_is_a_conflict(api: Caller, inputs: dict[str, str]) -> None:
    api.post("renders", inputs, Idempotency_Key="k1")
    answer = api.post("renders", {**inputs, "prompt": "other"}, Idempotency_Key="k1")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    elsewhere = api.post("projects", {"name": "P"}, Idempotency_Key="k1")
    assert elsewhere.status_code == 409
    assert (Render.objects.count(), Project.objects.filter(name="P").exists()) == (1, False)


def test_a_refused_request_leaves_its_key_free(api: Caller, inputs: dict[str, str]) -> None:
    refused = api.post("renders", {**inputs, "model": "sora"}, Idempotency_Key="k1")
    assert (refused.status_code, IdempotencyRecord.objects.count()) == (422, 0)
    assert api.post("renders", inputs, Idempotency_Key="k1").status_code == 201


def test_after_a_day_the_key_is_new(api: Caller, inputs: dict[str, str]) -> None:
    first = api.post("renders", inputs, Idempotency_Key="k1").json()
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    second = api.post("renders", inputs, Idempotency_Key="k1").json()
    assert first["id"] != second["id"]


def test_old_answers_are_forgotten_and_young_ones_kept(api: Caller) -> None:
    api.post("projects", {"name": "Old"}, Idempotency_Key="old")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=25))
    api.post("projects", {"name": "Young"}, Idempotency_Key="young")
    assert forget_old_records() == 1
    assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["young"]


def test_workspaces_do_not_share_keys(api: Caller, cast: Cast) -> None:
    other = caller(cast.charlie.workspaces.get(), cast.charlie)
    answers = [one.post("projects", {"name": "P"}, Idempotency_Key="k") for one in (api, other)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_a_deleted_thing_is_deleted_once(api: Caller, inputs: dict[str, str]) -> None:
    path = f"uploads/{inputs['portrait']}"
    answers = [api.ask("DELETE", path, Idempotency_Key="d") for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b""), (204, b"")]
    assert api.ask("DELETE", path).status_code == 404


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 201])
def test_a_key_that_is_none_is_refused(api: Caller, key: str) -> None:
    answer = api.post("projects", {"name": "P"}, Idempotency_Key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")
