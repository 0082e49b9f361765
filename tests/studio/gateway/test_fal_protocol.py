"""What we accept from fal and what we offer as fal are held to the same cases."""

from __future__ import annotations

import pytest

from tests.simulators.protocol_fal import PRO, STANDARD, FalClient, FalProtocol
from tests.simulators.protocol_fal import fal as fal  # noqa: PLC0414 -- a fixture, shared by importing it

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True)]


class TestFal(FalProtocol):
    # The lists of an account are in our own API: docs/gateway.md says so.
    test_a_request_is_found_by_its_endpoint = None  # type: ignore[assignment]
    test_billing_events_want_the_admin_key = None  # type: ignore[assignment]

    def test_prices_are_listed(self, fal: FalClient) -> None:
        """Ours: of whoever would make it now, which here is another provider and cheaper."""
        url = fal.door.hosts["platform"] + "/v1/models/pricing"
        rows = fal.http.get(url, params={"endpoint_id": [PRO, STANDARD]}).raise_for_status().json()["prices"]
        assert [(row["endpoint_id"], row["unit_price"]) for row in rows] == [(PRO, 0.087), (STANDARD, 0.044)]
