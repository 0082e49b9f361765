"""Two operators at one lever in the same moment: one effect, one line of audit that says so, no defect.

Real processes and files, for SQLite in memory has no races.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.avatarsite.staff.lever_racing import RACES, ROUNDS
from tests.support.sites import fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("races")]

# Who comes second is led on with a message, or gets their form back, with what has happened meanwhile.
ANSWERS = ([302, 302], [302, 400], [200, 302])
NAMES = [race.__name__ for race in RACES]


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with fresh_site(tmp_path_factory.mktemp("races")) as site:
        said = site.python("-m", "tests.avatarsite.staff.lever_racing", seconds=300).stdout
    found: dict[str, Any] = json.loads(said)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_one_effect_and_one_line(races: dict[str, Any], name: str) -> None:
    answers, counts = [found[0] for found in races[name]], [found[1:] for found in races[name]]
    assert counts == [[1, 1]] * ROUNDS
    assert [one for one in answers if one not in ANSWERS] == []


def test_the_ledger_verifies_afterwards(races: dict[str, Any]) -> None:
    assert races["ledger"] == []
