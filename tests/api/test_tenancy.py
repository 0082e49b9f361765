"""A token opens its own workspace: to it others do not exist, and its scopes say how far it reaches."""

from __future__ import annotations

import pytest

from tests.api.conftest import Caller, caller
from tests.conftest import Cast

pytestmark = pytest.mark.django_db

READS = ("", "/events", "/outputs", "/outputs/video")
WRITES = ("/cancel", "/retry")


@pytest.mark.parametrize("scope", ["read", "render", "billing", "admin"])
def test_a_stranger_finds_nothing_of_alices(scope: str, api: Caller, inputs: dict[str, str], cast: Cast) -> None:
    pk = api.post("renders", inputs).json()["id"]
    stranger = caller(cast.charlie.workspaces.get(), cast.charlie, scope)
    own = [f"renders/{pk}{end}" for end in READS] + [f"uploads/{inputs['portrait']}"]
    assert {stranger.get(path).status_code for path in own} == {403 if scope == "billing" else 404}
    refused = 404 if scope in ("render", "admin") else 403
    assert {stranger.post(f"renders/{pk}{end}").status_code for end in WRITES} == {refused}
    assert stranger.ask("DELETE", f"renders/{pk}").status_code == refused
    assert api.get(f"renders/{pk}").json()["state"] == "queued"


@pytest.mark.parametrize(
    ("scope", "renders", "balance", "project"),
    [("read", 200, 200, 403), ("render", 200, 200, 201), ("billing", 403, 200, 403), ("admin", 200, 200, 201)],
)
def test_how_far_each_scope_reaches(scope: str, renders: int, balance: int, project: int, cast: Cast) -> None:
    one = caller(cast.workspace, cast.alice, scope)
    found = (one.get("renders").status_code, one.get("balance").status_code)
    assert (*found, one.post("projects", {"name": "P"}).status_code) == (renders, balance, project)


def test_without_a_token_nothing_opens(client: object, db: None) -> None:
    answer = client.get("/api/v1/renders")  # type: ignore[attr-defined]
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
