from __future__ import annotations

from tests.simulators.stripe.fixture import stripe_process as stripe_process  # noqa: PLC0414  # fixtures
from tests.simulators.stripe.fixture import stripe_stand_in as stripe_stand_in  # noqa: PLC0414
