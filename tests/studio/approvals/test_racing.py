"""Approved twice at once: one render. Real processes and files, for SQLite in memory has no races."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.servers import postgres_server
from tests.support.sites import fresh_site

ROUNDS = 5


@pytest.mark.process
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_of_two_who_say_yes_at_once_one_makes_it(tmp_path: Path, database: str) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server()) if database == "postgresql" else None
        site = stack.enter_context(fresh_site(tmp_path, server=server, DRAFT_PRICE_PER_SECOND="0.01"))
        found = json.loads(site.python("-m", "tests.studio.approvals.racing", str(ROUNDS)).stdout)
    assert found == {"rounds": [[0, 0, 0]] * ROUNDS, "ledger": []}
