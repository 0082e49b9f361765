"""Hypothesis drives the ledger beside a model in plain Python: any operations, in any order, repeated and crashed.

``LEDGER_STEPS=200000 python -m pytest tests/billing/stateful/test_machine.py`` is the long run, with a new seed each
time.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.billing.stateful.machine import LedgerMachine
from tests.billing.stateful.purchases import WholeMachine

pytestmark = pytest.mark.django_db

LONG_RUN = int(os.environ.get("LEDGER_STEPS", "0"))
STEPS_EACH = 50
# A few examples at a time, each time from another seed, until there were steps enough.
EXAMPLES_EACH = 20


@pytest.fixture
def _quiet() -> Iterator[None]:
    """A line of log costs as much as a step."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize(("machine", "least"), [(LedgerMachine, 7_000), (WholeMachine, 3_000)])
def test_the_ledger_agrees_with_its_model_whatever_happens(machine: type[LedgerMachine], least: int) -> None:
    machine.ran = Counter()
    for turn in itertools.count():
        if machine.ran.total() >= (LONG_RUN or least):
            break
        before = machine.ran.total()
        run_state_machine_as_test(
            machine if least < LONG_RUN else seed(turn)(machine),
            settings=settings(
                max_examples=EXAMPLES_EACH,
                stateful_step_count=STEPS_EACH,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        assert machine.ran.total() > before
    print(dict(machine.ran.most_common()))
