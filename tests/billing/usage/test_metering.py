from __future__ import annotations

import pytest
from django.db import transaction

from avatarsite.workspaces.models import Workspace
from billing.errors import HoldAlreadyClosed, KeyConflict
from billing.holds import holds
from billing.ledger import posting
from billing.models import Hold, LedgerAccount, Price, Transfer, Usage
from billing.usage import metering
from billing.verify import verification
from tests.billing.cast import DOLLAR, OFFER, hold, make_price, make_rich

pytestmark = pytest.mark.django_db


def record(workspace: Workspace, placed: Hold, price: Price, measured_ms: int, **also: object) -> Usage:
    facts = {"workspace": workspace, "subject": "render:one", "offer": OFFER, "price": price, "hold": placed}
    return metering.record_usage(**facts | also, measured_ms=measured_ms)


def moved() -> dict[str, tuple[str, str, int]]:
    """What is on the books besides the grant: debit, credit and micro-dollars of each kind."""
    lines = Transfer.objects.exclude(kind="grant").select_related("debit", "credit")
    return {line.kind: (line.debit.code, line.credit.code, line.amount_micros) for line in lines}


def wallet_code() -> str:
    return LedgerAccount.objects.get(kind="wallet").code


def test_measured_output_is_charged_and_the_rest_of_the_hold_goes_back() -> None:
    workspace, price = make_rich(10), make_price()
    usage = record(workspace, hold(workspace, 2 * DOLLAR, "one"), price, 12_345)
    assert (usage.amount_micros, usage.cost_micros, usage.write_off_micros) == (1_234_500, 740_700, 0)
    assert moved() == {
        "settle": (wallet_code(), "revenue", 1_234_500),
        "provider_cost": ("provider_cost", "provider_payable:acme", 740_700),
    }
    assert posting.balance(workspace).available_micros == 10 * DOLLAR - 1_234_500
    assert Transfer.objects.get(kind="settle").memo == "12.345 s at $0.1000 a second"
    assert verification.verify() == []


def test_what_is_longer_than_the_hold_is_written_off_and_visible() -> None:
    workspace, price = make_rich(10), make_price()
    usage = record(workspace, hold(workspace, DOLLAR, "one"), price, 12_345)
    assert (usage.amount_micros, usage.write_off_micros) == (DOLLAR, 234_500)
    assert moved() == {
        "settle": (wallet_code(), "revenue", DOLLAR),
        "provider_cost": ("provider_cost", "provider_payable:acme", 740_700),
        "writeoff": ("write_off", "revenue", 234_500),
    }
    assert verification.verify() == []


def test_usage_recorded_twice_is_charged_once() -> None:
    workspace, price = make_rich(10), make_price()
    placed = hold(workspace, DOLLAR, "one")
    first = record(workspace, placed, price, 12_345)
    before = list(Transfer.objects.values_list("pk", "owner_hash"))
    assert record(workspace, placed, price, 12_345, reported_ms=999) == first
    assert list(Transfer.objects.values_list("pk", "owner_hash")) == before
    with pytest.raises(KeyConflict, match="12345 ms of acme:face"):
        record(workspace, placed, price, 12_346)


def test_the_providers_own_cost_is_booked_unless_it_is_nothing() -> None:
    workspace, price = make_rich(10), make_price()
    usage = record(workspace, hold(workspace, 2 * DOLLAR, "one"), price, 10_000, reported_cost_micros=612_345)
    assert (usage.cost_micros, moved()["provider_cost"][2]) == (612_345, 612_345)
    free = record(
        workspace, hold(workspace, 2 * DOLLAR, "two"), price, 10_000, reported_cost_micros=0, subject="render:two"
    )
    assert (free.reported_cost_micros, free.cost_micros) == (0, 600_000)
    assert verification.verify() == []


def test_a_provider_that_reports_hours_does_not_change_the_charge() -> None:
    workspace, price = make_rich(10), make_price()
    usage = record(workspace, hold(workspace, 9 * DOLLAR, "one"), price, 80_000, reported_ms=10_272_000)
    assert (usage.amount_micros, usage.reported_ms) == (8 * DOLLAR, 10_272_000)


def test_free_output_is_metered_and_moves_nothing() -> None:
    workspace, price = make_rich(10), make_price(cost=0, price=0)
    placed = hold(workspace, 0, "one")
    usage = record(workspace, placed, price, 5_000)
    assert (usage.amount_micros, usage.cost_micros, placed.state) == (0, 0, "settled")
    assert moved() == {}
    assert verification.verify() == []


def test_output_is_not_charged_after_its_hold_was_released() -> None:
    workspace, price = make_rich(10), make_price()
    placed = holds.release_hold(hold(workspace, DOLLAR, "one"), reason="cancelled")
    with pytest.raises(HoldAlreadyClosed):
        record(workspace, placed, price, 5_000)
    assert Usage.objects.count() == 0
    assert moved() == {}


def test_usage_and_its_charge_go_with_the_callers_transaction() -> None:
    workspace, price = make_rich(10), make_price()
    placed = hold(workspace, DOLLAR, "one")
    with transaction.atomic():
        record(workspace, placed, price, 5_000)
        transaction.set_rollback(True)
    assert (Usage.objects.count(), moved(), Hold.objects.get().state) == (0, {}, "open")
    record(workspace, placed, price, 5_000)
    assert verification.verify() == []


def test_usage_that_makes_no_sense_is_refused_with_a_sentence() -> None:
    workspace, price = make_rich(10), make_price()
    placed = hold(workspace, DOLLAR, "one")
    for wrong, sentence in (
        ({"measured_ms": 0}, "without length"),
        ({"workspace": make_rich(slug="other")}, "another workspace"),
        ({"offer": "acme:other"}, "The price is of acme:face"),
    ):
        facts = {"workspace": workspace, "offer": OFFER, "measured_ms": 5_000} | wrong
        with pytest.raises(ValueError, match=sentence):
            metering.record_usage(subject="render:one", price=price, hold=placed, **facts)
    assert Hold.objects.get().is_open
