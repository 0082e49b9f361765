"""The same request twice in the same moment. Real threads and files, for SQLite in memory has no races."""

from __future__ import annotations

import json

import pytest

from tests.support.sites import fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("races")]
Races = dict[str, list[object]]
ROUNDS = 4


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Races:
    """What came of each round of each race."""
    with fresh_site(tmp_path_factory.mktemp("races"), API_WRITES_PER_MINUTE="0", LOG_LEVEL="CRITICAL") as site:
        found: Races = json.loads(site.python("-m", "tests.studio.gateway.races").stdout.splitlines()[-1])
    return found


def test_one_task_uuid_is_one_task(races: Races) -> None:
    assert races["one_task_uuid_comes_twice"] == [[["acknowledged", "conflictTaskUUID"], 1]] * ROUNDS


def test_one_idempotency_key_is_one_request(races: Races) -> None:
    assert races["one_key_comes_twice"] == [[True, 1]] * ROUNDS


def test_one_start_is_one_render(races: Races) -> None:
    assert races["one_request_is_started_twice"] == [[[False, True], 1]] * ROUNDS


def test_a_request_starts_or_is_cancelled_and_no_money_stays_held(races: Races) -> None:
    assert races["one_is_cancelled_while_it_starts"] == [[True, True, True]] * ROUNDS
