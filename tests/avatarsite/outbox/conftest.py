from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from avatarsite.workspaces.models import Workspace
from tests.avatarsite.outbox.cast import Clock, make_house
from tests.avatarsite.outbox.receiver import Receiver, receiver


@pytest.fixture
def house(db: None) -> Workspace:
    return make_house()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _loopback_is_trusted(settings: Any) -> None:
    settings.TRUSTED_WEBHOOK_ENDPOINTS = ["127.0.0.1"]


@pytest.fixture
def there(_loopback_is_trusted: None) -> Iterator[Receiver]:
    with receiver() as found:
        yield found
