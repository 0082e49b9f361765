"""A database that says nothing any more: whoever waits for it is told at once that it is away, whenever they came."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.studio.api.live import LiveApi, live_api
from tests.support.gates import Gate, Way, gates
from tests.support.servers import postgres_server

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("attacks")]

MOMENTS = (0.0, 0.35, 0.7)  # the first is late after 0.4 s, and 1.1 s later it is known that nobody answers
TOGETHER = 0.6
THREADS = 16


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[LiveApi, Gate]]:
    with (
        postgres_server() as server,
        gates(server) as (gate,),
        live_api(tmp_path / "site", server=server, through=gate.through(server)) as site,
    ):
        yield site, gate


def test_who_came_while_the_database_was_asked_is_let_go_with_the_others(house: tuple[LiveApi, Gate]) -> None:
    site, gate = house
    answered: list[float] = []

    def ask(moment: float) -> int:
        time.sleep(moment)
        with site.client() as client:
            status = client.get("/balance").status_code
        answered.append(time.monotonic())
        return status

    with ThreadPoolExecutor(THREADS) as pool:
        assert {*pool.map(ask, [0.0] * 3 * THREADS)} == {200}  # each thread of the server has its connection
        answered.clear()
        with gate.shut(Way.HUNG):
            assert list(pool.map(ask, MOMENTS)) == [503] * len(MOMENTS)
    assert max(answered) - min(answered) < TOGETHER
