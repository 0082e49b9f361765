from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connection


def test_a_sqlite_that_can_not_return_rows_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> list[str | None]:
        return [message.id for message in run_checks(tags=["compatibility"]) if message.is_serious()]

    assert found() == []
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))
    assert found() == (["billing.E001"] if connection.vendor == "sqlite" else [])
