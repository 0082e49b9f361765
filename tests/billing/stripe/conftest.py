from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from billing.verify import verification
from tests.billing.stripe_shop import Shop, use
from tests.conftest import Cast
from tests.simulators.stripe.fixture import StripeStandIn, stripe_process, stripe_stand_in

__all__ = ["stripe_process", "stripe_stand_in"]


@pytest.fixture
def shop(cast: Cast, settings: Any, stripe_stand_in: StripeStandIn) -> Iterator[Shop]:
    """A shop whose ledger must add up when the test is over."""
    use(settings, stripe_stand_in)
    yield Shop(cast.workspace, cast.alice, stripe_stand_in)
    assert verification.verify() == []
