"""What a token spends at once without a person's yes, set by another token of the workspace and never by itself."""

from __future__ import annotations

import pytest

from tests.conftest import Cast
from tests.studio.api.conftest import Caller, caller

pytestmark = pytest.mark.django_db


def test_another_token_sets_it_and_none_its_own(cast: Cast, api: Caller, inputs: dict[str, str]) -> None:
    asks = caller(cast.workspace, cast.alice, "render")
    changed = api.ask("PATCH", f"tokens/{asks.token.pk}", {"ask_above_micros": 0})
    assert (changed.status_code, changed.json()["ask_above_micros"]) == (200, 0)
    assert asks.get("me").json()["token"]["ask_above_micros"] == 0
    assert asks.post("renders", inputs).status_code == 202
    assert {one["id"] for one in api.get("tokens").json()["data"]} == {api.token.pk, asks.token.pk}
    own = api.ask("PATCH", f"tokens/{api.token.pk}", {"ask_above_micros": None})
    assert (own.status_code, own.json()["code"]) == (403, "own_token")
    assert api.ask("PATCH", f"tokens/{asks.token.pk}", {"ask_above_micros": -1}).status_code == 400
    api.ask("PATCH", f"tokens/{asks.token.pk}", {"ask_above_micros": None})
    assert asks.post("renders", inputs).status_code == 201
