"""Two operators at the same button in the same moment: one effect, one line of audit, no defect.

Real processes and files, for SQLite in memory has no races.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.sites import fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("races")]

ROUNDS = 4
BOTH = [302, 302]


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with fresh_site(tmp_path_factory.mktemp("races")) as site:
        found: dict[str, Any] = json.loads(site.python("-m", "tests.studio.pipeline.operator_racing").stdout)
    return found


@pytest.mark.parametrize(
    "name",
    [
        "a_charge_is_given_back",
        "a_render_is_given_up",
        "a_render_is_sent_elsewhere",
        "a_workspace_is_suspended",
        "a_workspace_is_closed",
        "one_form_writes_a_note",
    ],
)
def test_one_effect_and_one_line(races: dict[str, Any], name: str) -> None:
    assert races[name] == [[BOTH, 1, 1]] * ROUNDS


def test_the_ledger_verifies_afterwards(races: dict[str, Any]) -> None:
    assert races["ledger"] == []
