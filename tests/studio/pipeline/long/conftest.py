from __future__ import annotations

from collections.abc import Iterator

import pytest

from avatarsite.workspaces.models import Workspace
from billing.verify import verification
from tests.conftest import Cast
from tests.studio import shop
from tests.studio.pipeline.long import house as long_house


@pytest.fixture(autouse=True)
def the_ledger_verifies(db: None) -> Iterator[None]:
    yield
    assert verification.verify() == []


@pytest.fixture
def house(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    long_house.without_media(monkeypatch)
    return shop.open_shop(cast.workspace, dollars=200)
