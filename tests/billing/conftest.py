from __future__ import annotations

import pytest
from django.test import Client

from avatarsite.workspaces.models import User


@pytest.fixture(autouse=True)
def _own_rules_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other apps hold the ledger against is theirs to test; their renders are not here."""
    monkeypatch.setattr("billing.verify.verification._registered", [])


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("staff@example.com", "correct horse")


@pytest.fixture
def browser(client: Client, staff: User) -> Client:
    """The admin site as who may do everything there sees it."""
    client.force_login(staff)
    return client
