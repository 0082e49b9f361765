"""Budgets and locks by the API: set, read with what is spent now, taken away; and what they refuse."""

from __future__ import annotations

import pytest

from billing.models import Budget
from tests.conftest import Cast
from tests.studio.api.conftest import Caller, caller

pytestmark = pytest.mark.django_db


def test_a_budget_is_set_read_with_what_is_spent_and_deleted(api: Caller, inputs: dict[str, str]) -> None:
    path = f"budgets/token:{api.token.lineage}/day"
    assert api.get(path).status_code == 404
    made = api.ask("PUT", path, {"cap_micros": 1_000_000})
    assert made.status_code == 200, made.content
    held = api.post("renders", inputs).json()["ceiling"]["amount_micros"]
    found = api.get(path).json()
    assert {name: found[name]["amount_micros"] for name in ("cap", "spent", "held", "left")} == {
        "cap": 1_000_000,
        "spent": 0,
        "held": held,
        "left": 1_000_000 - held,
    }
    assert (found["scope"], found["period"], found["name"]) == (f"token:{api.token.lineage}", "day", "test")
    assert api.ask("PUT", "budgets/workspace/week", {"cap_micros": 1}).status_code == 200
    assert [(one["scope"], one["period"]) for one in api.get("budgets").json()["data"]] == [
        ("workspace", "week"),
        (found["scope"], "day"),
    ]
    refused = api.post("renders", inputs)
    assert (refused.status_code, refused.json()["code"], refused.json()["scope"]) == (
        402,
        "budget_reached",
        "workspace",
    )
    assert "the weekly cap of this workspace" in refused.json()["detail"]
    for _ in range(2):
        assert api.ask("DELETE", "budgets/workspace/week").status_code == 204
    assert api.post("renders", inputs).status_code == 201


def test_what_is_not_there_or_can_not_be_is_said(cast: Cast, api: Caller) -> None:
    for path in ("budgets/member:999/day", "budgets/render:1/day", "budgets/workspace/year", "budgets/token:/day"):
        assert api.ask("PUT", path, {"cap_micros": 1}).status_code == 404, path
    for body in ({}, {"cap_micros": -1}, {"cap_micros": None}, {"cap_micros": "1"}, {"cap": 1}):
        assert api.ask("PUT", "budgets/workspace/day", body).json()["code"] == "invalid_request", body
    maker = caller(cast.workspace, cast.alice, "render")
    assert maker.ask("PUT", "budgets/workspace/day", {"cap_micros": 1}).json()["code"] == "scope_missing"
    assert not Budget.objects.exists()


@pytest.mark.parametrize("kind", ["token", "member"])
def test_a_key_or_a_member_is_locked_and_opened(cast: Cast, api: Caller, inputs: dict[str, str], kind: str) -> None:
    maker = caller(cast.workspace, cast.alice, "render")
    scope = f"token:{maker.token.lineage}" if kind == "token" else f"member:{cast.alice.pk}"
    for _ in range(2):
        assert api.ask("PUT", f"spending-locks/{scope}").json() == {"scope": scope}
    assert api.get("spending-locks").json()["data"] == [{"scope": scope}]
    refused = maker.post("renders", inputs)
    assert (refused.status_code, refused.json()["code"], refused.json()["scope"]) == (403, "spending_locked", scope)
    assert api.post("renders", inputs).status_code == (201 if kind == "token" else 403)
    assert api.ask("DELETE", f"spending-locks/{scope}").status_code == 204
    assert maker.post("renders", inputs).status_code == 201
