from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _own_rules_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other apps hold the ledger against is theirs to test; their renders are not here."""
    monkeypatch.setattr("billing.verification._registered", [])
