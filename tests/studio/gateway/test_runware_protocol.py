"""What we accept from Runware and what we offer as Runware are held to the same cases."""

from __future__ import annotations

import pytest

from tests.simulators.protocol_runware import RunwareProtocol
from tests.simulators.protocol_runware import runware as runware  # noqa: PLC0414 -- a fixture, shared by importing it

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True)]


class TestRunware(RunwareProtocol):
    # Plain HTTP alone: docs/gateway.md says why.
    test_the_socket_speaks_the_same_tasks = None  # type: ignore[assignment]
    test_the_socket_wants_the_key_first = None  # type: ignore[assignment]
