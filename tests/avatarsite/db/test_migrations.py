"""Migrations after the first release: none locks a full table, or takes away what the release before needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from django_migration_linter import MigrationLinter

from tests.support.paths import ROOT

OURS = [
    "api",
    "audit",
    "billing",
    "gateway",
    "inbox",
    "legal",
    "mail",
    "outbox",
    "site",
    "staff",
    "studio",
    "workspaces",
]
# Names of those before the first release, where no table held anything: they may lock.
BEFORE = set((Path(__file__).parent / "before_first_release.txt").read_text().split())
LOCKS = ["CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE", "DROP_INDEX", "REINDEX"]


@pytest.mark.postgresql
@pytest.mark.django_db
def test_none_locks_or_breaks_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    linter = MigrationLinter(
        str(ROOT),
        include_apps=OURS,
        ignore_name=BEFORE,
        ignore_initial_migrations=True,
        warnings_as_errors_tests=LOCKS,
        no_cache=True,
    )
    linter.lint_all_migrations()
    assert linter.nb_erroneous == 0, capsys.readouterr().out
    assert linter.nb_total > 0
