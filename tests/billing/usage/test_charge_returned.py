"""A charge is given back once: to the lots that paid it, and everything that counts it says so."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from avatarsite.workspaces.models import User, Workspace
from billing.budgets import budgets
from billing.errors import CannotReverse
from billing.holds import holds
from billing.ledger import posting
from billing.models import BudgetPeriod, CreditLot, Hold, Transfer, Usage, UsageDay
from billing.prices.price_changes import PriceChange, preview_price
from billing.reports import accounting
from billing.reports.accounting import Month
from billing.statements.csv_export import statement_csv
from billing.statements.statements import Narrowing, span_of, statement
from billing.usage import metering
from billing.usage.daily import used
from billing.usage.totals import usage_by
from billing.verify import verification
from tests.billing.cast import DOLLAR, OFFER, give, make_price, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def the_ledger_verifies(db: None) -> Iterator[None]:
    yield
    assert verification.verify() == []


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


def charged(workspace: Workspace, micros: int = 2 * DOLLAR, name: str = "rnd_1") -> Hold:
    """A video of a tenth of a dollar a second, charged, for a project and a member."""
    price = make_price() if not Usage.objects.exists() else Usage.objects.latest("pk").price
    whose = ["project:prj_1", "member:7"]
    hold = holds.place_hold(workspace, micros, key=name, subject=f"render:{name}", budgets=whose)
    metering.record_usage(
        workspace=workspace, subject=f"render:{name}", offer=OFFER, price=price, measured_ms=micros // 100, hold=hold
    )
    return hold


def remaining(*names: str) -> list[int]:
    return [CreditLot.objects.get(source_key=name).remaining for name in names]


def test_each_lot_gets_what_it_paid_and_bonus_stays_bonus(workspace: Workspace, staff: User) -> None:
    give(workspace, DOLLAR // 2, "bonus")
    give(workspace, 5 * DOLLAR, "paid", category="paid")
    hold = charged(workspace)
    assert remaining("bonus", "paid") == [0, 5 * DOLLAR - 3 * DOLLAR // 2]
    assert metering.reverse_charge(hold, reason="The lips were off", actor=staff) is True
    assert remaining("bonus", "paid") == [DOLLAR // 2, 5 * DOLLAR]
    balance = posting.balance(workspace)
    assert (balance.bonus_micros, balance.paid_micros) == (DOLLAR // 2, 5 * DOLLAR)
    reversals = list(Transfer.objects.filter(kind="reversal"))
    assert {(one.reverses.kind, one.memo, one.actor, one.project) for one in reversals if one.reverses} == {
        ("settle", "The lips were off", staff, "prj_1")
    }
    assert len({one.journal for one in reversals}) == 1


def test_the_statement_has_it_as_one_line_with_its_reason(workspace: Workspace) -> None:
    give(workspace, DOLLAR // 2, "bonus")
    give(workspace, 5 * DOLLAR, "paid", category="paid")
    metering.reverse_charge(charged(workspace), reason="Given back: the lips were off")
    newest, settled = statement(workspace)[:2]
    assert (newest.kind, newest.label, newest.amount_micros) == ("reversal", "Correction", 2 * DOLLAR)
    assert (newest.memo, newest.subject) == ("Given back: the lips were off", settled.subject)
    assert newest.balance_after_micros == 11 * DOLLAR // 2
    rows = list(csv.DictReader("".join(statement_csv(workspace, span_of(workspace, Narrowing()))).splitlines()))
    assert [(row["kind"], row["memo"]) for row in rows[-2:]] == [("reversal", "Given back: the lips were off")] * 2
    assert sum(round(float(row["amount_usd"]) * DOLLAR) for row in rows) == 11 * DOLLAR // 2


def test_it_is_given_back_once(workspace: Workspace) -> None:
    give(workspace, 5 * DOLLAR, "paid", category="paid")
    hold = charged(workspace)
    stale = Hold.objects.get(pk=hold.pk)
    assert [metering.reverse_charge(one, reason=why) for one, why in ((hold, "a"), (hold, "b"), (stale, "c"))] == [
        True,
        False,
        False,
    ]
    assert (remaining("paid"), Transfer.objects.filter(kind="reversal").count()) == ([5 * DOLLAR], 1)


def test_what_returns_to_credit_that_has_ended_lapses_at_once(workspace: Workspace) -> None:
    give(workspace, DOLLAR // 2, "ending", expires_at=timezone.now() + timedelta(hours=1))
    give(workspace, 5 * DOLLAR, "paid", category="paid")
    hold = charged(workspace)
    ended = timezone.now() - timedelta(minutes=1)
    CreditLot.objects.filter(source_key="ending").update(effective_at=ended - timedelta(days=1), expires_at=ended)
    assert metering.reverse_charge(hold, reason="A test") is True
    assert remaining("ending", "paid") == [0, 5 * DOLLAR]
    assert [line.kind for line in statement(workspace)[:2]] == ["expire", "reversal"]
    assert posting.balance(workspace).available_micros == 5 * DOLLAR


def test_a_months_cap_has_room_again_and_one_that_is_set_later_too(workspace: Workspace) -> None:
    give(workspace, 10 * DOLLAR, "paid", category="paid")
    for scope in ("workspace", "project:prj_1"):
        budgets.set_budget(workspace, scope, 2 * DOLLAR, user=None)
    hold = charged(workspace)
    with pytest.raises(holds.BudgetReached):
        charged(workspace, name="rnd_2")
    metering.reverse_charge(hold, reason="A test")
    budgets.set_budget(workspace, "member:7", 2 * DOLLAR, user=None)
    assert set(BudgetPeriod.objects.values_list("spent_micros", "reserved_micros")) == {(0, 0)}
    charged(workspace, name="rnd_3")
    assert set(BudgetPeriod.objects.values_list("spent_micros", flat=True)) == {2 * DOLLAR}


def test_usage_and_reports_fall_and_the_providers_cost_stays(workspace: Workspace) -> None:
    give(workspace, 10 * DOLLAR, "paid", category="paid")
    hold = charged(workspace)
    charged(workspace, DOLLAR, "rnd_2")
    metering.reverse_charge(hold, reason="A test")
    today = timezone.now().date()
    for group in ("day", "offer", "project", "member"):
        (found,) = usage_by(workspace, group, first=today, last=today)
        assert (found.renders, found.seconds, found.amount_micros) == (2, 30, DOLLAR), group
    assert used(workspace, today, today).total.amount_micros == DOLLAR
    assert set(UsageDay.objects.values_list("videos", "amount_micros")) == {(2, DOLLAR)}
    earned = accounting.earnings(Month.of(today)).by_offer[OFFER]
    assert (earned.videos, earned.revenue_micros, earned.cost_micros) == (2, DOLLAR, 1_800_000)
    change = PriceChange(OFFER, 60_000, 200_000, "a test", derived=False)
    assert preview_price(change).earned.revenue_micros == DOLLAR


def test_without_a_charge_or_a_reason_nothing_is_given_back(workspace: Workspace) -> None:
    give(workspace, 10 * DOLLAR, "paid", category="paid")
    placed = holds.place_hold(workspace, DOLLAR, key="open", subject="render:open")
    with pytest.raises(CannotReverse):
        metering.reverse_charge(placed, reason="A test")
    with pytest.raises(CannotReverse):
        metering.reverse_charge(holds.release_hold(placed, reason="cancelled"), reason="A test")
    with pytest.raises(ValueError, match="reason is empty"):
        metering.reverse_charge(placed, reason="  ")
    assert not Transfer.objects.filter(kind="reversal").exists()


def test_a_part_that_was_reversed_by_hand_leaves_the_rest_to_the_hand(workspace: Workspace) -> None:
    give(workspace, 10 * DOLLAR, "paid", category="paid")
    hold = charged(workspace)
    posting.reverse(Transfer.objects.get(kind="settle"), reason="By hand")
    with pytest.raises(CannotReverse):
        metering.reverse_charge(hold, reason="A test")


def test_what_is_left_of_a_charge_follows_the_part_that_was_reversed_by_hand(workspace: Workspace) -> None:
    give(workspace, DOLLAR // 2, "bonus")
    give(workspace, 5 * DOLLAR, "paid", category="paid")
    budgets.set_budget(workspace, "workspace", 10 * DOLLAR, user=None)
    hold = charged(workspace)
    posting.reverse(Transfer.objects.get(kind="settle", lot__source_key="bonus"), reason="By hand")
    assert metering.reverse_charge(hold, reason="The rest") is True
    assert metering.reverse_charge(hold, reason="Again") is False
    assert remaining("bonus", "paid") == [DOLLAR // 2, 5 * DOLLAR]
    memos = Transfer.objects.filter(kind="reversal").order_by("pk").values_list("memo", "amount_micros")
    assert list(memos) == [("By hand", DOLLAR // 2), ("The rest", 3 * DOLLAR // 2)]
    assert (hold.returned_micros, BudgetPeriod.objects.get().spent_micros) == (2 * DOLLAR, 0)
    today = timezone.now().date()
    assert used(workspace, today, today).total.amount_micros == 0
    assert accounting.earnings(Month.of(today)).by_offer[OFFER].revenue_micros == 0


def test_the_books_check_finds_a_hold_that_says_it_was_given_back(workspace: Workspace) -> None:
    give(workspace, 10 * DOLLAR, "paid", category="paid")
    hold = charged(workspace)
    with transaction.atomic():
        Hold.objects.filter(pk=hold.pk).update(returned_micros=1)
        codes = {finding.code for finding in verification.verify()}
        transaction.set_rollback(True)
    assert codes == {"returned_differs", "usage_days_differ"}
    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.filter(pk=hold.pk).update(returned_micros=2 * DOLLAR + 1)


def test_a_frozen_wallet_gets_it_back_too(workspace: Workspace) -> None:
    give(workspace, 10 * DOLLAR, "paid", category="paid")
    hold = charged(workspace)
    posting.freeze(workspace, reason="disputed")
    assert metering.reverse_charge(hold, reason="A test") is True
    assert remaining("paid") == [10 * DOLLAR]
