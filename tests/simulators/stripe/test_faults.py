"""Faults of the network and of Stripe itself: done or not done, and what the key remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.simulators.fixture import ROOT
from tests.simulators.stripe.faults import CATALOGUE
from tests.simulators.stripe.fixture import StripeStandIn
from tests.simulators.stripe.test_idempotency import MADE, make

pytest_plugins = ["tests.simulators.stripe.fixture"]

NOTHING_DONE: list[tuple[str, type[Exception]]] = [
    ("drop_connection", stripe.APIConnectionError),
    ("server_error", stripe.APIError),
    ("rate_limit", stripe.RateLimitError),
    ("bad_key", stripe.AuthenticationError),
    ("not_json", stripe.APIError),
]
DONE: list[tuple[str, type[Exception]]] = [
    ("lost_response", stripe.APIConnectionError),
    ("server_error_after_work", stripe.APIError),
]


@pytest.mark.parametrize(("fault", "error"), NOTHING_DONE)
def test_before_the_work_nothing_is_done(stripe_stand_in: StripeStandIn, fault: str, error: type[Exception]) -> None:
    stripe_stand_in.fault(fault, times=1)
    with pytest.raises(error):
        make(stripe_stand_in)
    assert stripe_stand_in.writes() == {}
    make(stripe_stand_in)
    assert stripe_stand_in.writes() == {MADE: 1}


@pytest.mark.parametrize(("fault", "error"), DONE)
def test_after_the_work_the_key_gives_its_answer(
    stripe_stand_in: StripeStandIn, fault: str, error: type[Exception]
) -> None:
    stripe_stand_in.fault(fault, times=1)
    with pytest.raises(error):
        make(stripe_stand_in)
    (made,) = stripe_stand_in.objects("customer")
    assert make(stripe_stand_in).id == made["id"]
    assert stripe_stand_in.writes() == {MADE: 1}


def test_stripe_may_remember_its_own_error(stripe_stand_in: StripeStandIn) -> None:
    stripe_stand_in.fault("server_error_after_work", times=1, remembered=True)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            make(stripe_stand_in)
    assert stripe_stand_in.writes() == {MADE: 1}


def test_a_late_answer_is_still_one_customer(stripe_stand_in: StripeStandIn) -> None:
    stripe_stand_in.fault("slow_response", times=1, seconds=60)
    impatient: Any = stripe.RequestsClient(timeout=0.5)
    made = make(stripe_stand_in, http_client=impatient, max_network_retries=10)
    stripe_stand_in.jump(61)
    assert [one["id"] for one in stripe_stand_in.objects("customer")] == [made.id]


def test_a_fault_strikes_where_it_was_aimed(stripe_stand_in: StripeStandIn) -> None:
    stripe_stand_in.fault("server_error", match="/v1/refunds")
    make(stripe_stand_in)
    with pytest.raises(stripe.APIError):
        stripe_stand_in.client().v1.refunds.list()
    stripe_stand_in.no_faults()
    assert stripe_stand_in.client().v1.refunds.list().data == []


def test_the_manual_lists_every_fault() -> None:
    manual = (
        Path(ROOT, "tests", "simulators", "README.md").read_text(encoding="utf-8").partition("# Stripe's stand-in")[2]
    )
    lines = [line for line in manual.splitlines() if line.startswith("- `")]
    said = []
    for name, kind in CATALOGUE.items():
        defaults = ", ".join(f"{word}={value!r}" for word, value in kind.defaults.items())
        said.append(f"- `{name}`{f' ({defaults})' if defaults else ''}: {kind.says}")
    assert lines == said
