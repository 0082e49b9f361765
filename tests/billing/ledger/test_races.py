from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from billing.models import Transfer
from billing.verify import verification
from tests.billing.cast import make_rich
from tests.billing.ledger import races
from tests.support.sites import migrated_file


@pytest.fixture(scope="module")
def races_in_processes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What came of each race, run once for all tests: they are processes, and Django takes a second to start."""
    clean = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "DATABASE_URL_FILE"}}
    folder = tmp_path_factory.mktemp("races")
    shutil.copy(migrated_file(), folder / "db.sqlite3")
    run = subprocess.run(
        [sys.executable, "-m", "tests.billing.ledger.races"],
        env=clean | {"VAR_DIR": str(folder), "LOG_LEVEL": "ERROR"},
        cwd=Path(settings.BASE_DIR),
        capture_output=True,
        text=True,
        timeout=1_800,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    results: dict[str, object] = json.loads(run.stdout)
    return results


@pytest.mark.sqlite
@pytest.mark.process
@pytest.mark.xdist_group("ledger_races")
@pytest.mark.parametrize("race", races.RACES)
def test_processes_on_a_sqlite_file(race: str, races_in_processes: dict[str, object]) -> None:
    assert races_in_processes[race] is None, races_in_processes[race]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("ledger_races")  # each opens up to 200 connections, which the server takes a moment to close
@pytest.mark.parametrize("race", [name for name in races.RACES if name != "race_against_being_killed"])
def test_threads_on_postgresql(race: str) -> None:
    races.run(race, races.in_threads)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_test_with_real_transactions_begins_with_an_empty_ledger(turn: str) -> None:
    """The emptying between tests gets past the triggers, and leaves them in place."""
    make_rich(slug=turn)
    assert Transfer.objects.count() == 1
    assert verification.verify() == []
