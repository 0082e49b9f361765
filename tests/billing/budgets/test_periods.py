"""Caps by day and week beside the month's, and locks: each takes its part of a hold, or refuses it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from avatarsite.outbox.models import Event
from avatarsite.workspaces.models import Workspace
from billing.budgets import budgets, notices
from billing.errors import BudgetReached, SpendingLocked
from billing.holds import holds
from billing.models import BudgetNotice, BudgetPeriod, Hold
from billing.verify import verification
from tests.billing.cast import DOLLAR, make_rich
from tests.conftest import Cast
from tests.support.mails import posted

pytestmark = pytest.mark.django_db

SATURDAY = datetime(2027, 11, 27, 23, 30, tzinfo=UTC)
PARTIES = ["project:prj_1", "member:7", "token:tok_1"]


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    days = [SATURDAY]
    monkeypatch.setattr(timezone, "now", lambda: days[-1])
    return days


def ask(workspace: Workspace, dollars: int, name: str) -> Hold:
    return holds.place_hold(workspace, dollars * DOLLAR, key=name, subject=f"render:{name}", budgets=PARTIES)


def cap(workspace: Workspace, scope: str, period: str, dollars: int | None) -> None:
    amount = None if dollars is None else dollars * DOLLAR
    budgets.set_budget(workspace, scope, amount, user=None, period=period)


def used(workspace: Workspace) -> dict[str, tuple[int, int]]:
    """Dollars spent and reserved now, by period."""
    found = budgets.standings(workspace)
    return {one.period: (one.spent_micros // DOLLAR, one.reserved_micros // DOLLAR) for one in found}


def test_each_period_counts_for_itself_and_renews_by_its_own(calendar: list[datetime]) -> None:
    workspace = make_rich(1_000)
    for period, dollars in (("day", 10), ("week", 15), ("month", 30)):
        cap(workspace, "workspace", period, dollars)
    hold = ask(workspace, 8, "a")
    holds.settle_hold(hold, 6 * DOLLAR)
    assert used(workspace) == {"day": (6, 0), "week": (6, 0), "month": (6, 0)}
    with pytest.raises(BudgetReached, match=r"the daily cap of this workspace has \$4.00 left.* renews on 28 November"):
        ask(workspace, 5, "b")
    calendar.append(datetime(2027, 11, 28, tzinfo=UTC))  # a Sunday
    ask(workspace, 9, "c")
    assert used(workspace) == {"day": (0, 9), "week": (6, 9), "month": (6, 9)}
    calendar.append(datetime(2027, 11, 28, 23, 59, tzinfo=UTC))
    with pytest.raises(BudgetReached, match=r"the weekly cap of this workspace has \$0.00"):
        ask(workspace, 1, "d")
    calendar.append(datetime(2027, 11, 29, tzinfo=UTC))
    ask(workspace, 10, "e")
    calendar.append(datetime(2027, 11, 30, tzinfo=UTC))
    with pytest.raises(BudgetReached, match="the monthly cap"):
        ask(workspace, 6, "f")
    ask(workspace, 5, "g")
    calendar.append(datetime(2027, 12, 1, tzinfo=UTC))
    assert used(workspace) == {"day": (0, 0), "week": (0, 15), "month": (0, 0)}
    holds.settle_hold(hold=Hold.objects.get(key="c"), amount_micros=9 * DOLLAR)
    assert (
        BudgetPeriod.objects.get(period="day", starts_at=datetime(2027, 11, 28, tzinfo=UTC)).spent_micros == 9 * DOLLAR
    )
    assert verification.verify() == []


def test_a_refused_hold_takes_nothing_of_any(calendar: list[datetime]) -> None:
    workspace = make_rich(100)
    cap(workspace, "workspace", "month", 50)
    cap(workspace, "token:tok_1", "day", 5)
    cap(workspace, "token:tok_1", "week", 20)
    with pytest.raises(BudgetReached) as refused:
        ask(workspace, 6, "a")
    assert (refused.value.scope, refused.value.period) == ("token:tok_1", "day")
    assert set(BudgetPeriod.objects.values_list("reserved_micros", flat=True)) == {0}


def test_one_that_is_set_late_counts_what_its_period_has_seen(calendar: list[datetime]) -> None:
    workspace = make_rich(100)
    ask(workspace, 3, "before")
    calendar.append(datetime(2027, 11, 28, 1, tzinfo=UTC))
    ask(workspace, 4, "today")
    for period in ("day", "week", "month"):
        cap(workspace, "member:7", period, 10)
    assert used(workspace) == {"day": (0, 4), "week": (0, 7), "month": (0, 7)}
    cap(workspace, "member:7", "day", None)
    assert set(used(workspace)) == {"week", "month"}
    assert verification.verify() == []


def test_a_daily_notice_names_its_day(cast: Cast, calendar: list[datetime]) -> None:
    holds_of = make_rich(100)
    cap(holds_of, "workspace", "day", 10)
    ask(holds_of, 5, "a")
    calendar.append(datetime(2027, 11, 28, 12, tzinfo=UTC))
    ask(holds_of, 5, "b")
    told = Event.objects.filter(kind="budget.reached").order_by("row")
    assert [(event.data["period"], event.data["percent"], event.data["starts_at"]) for event in told] == [
        ("day", 50, "2027-11-27T00:00:00Z"),
        ("day", 50, "2027-11-28T00:00:00Z"),
    ]
    assert BudgetNotice.objects.count() == 2


def test_the_mail_of_a_weekly_cap_says_so(cast: Cast, calendar: list[datetime]) -> None:
    workspace = cast.workspace
    give = make_rich(100)
    assert give != workspace
    notices.note_refusal(
        workspace,
        BudgetReached(
            scope="workspace",
            whose="this workspace",
            needed_micros=DOLLAR,
            cap_micros=0,
            spent_micros=0,
            reserved_micros=0,
            starts_at=datetime(2027, 11, 22, tzinfo=UTC),
            renews_at=datetime(2027, 11, 29, tzinfo=UTC),
            period="week",
            word="weekly",
        ),
    )
    letter = posted()[0]
    assert letter.subject == "The weekly cap of the workspace Alice's workspace is reached"
    assert "of this week's cap" in letter.body
    assert "renews on 29 November 2027" in letter.body


@pytest.mark.parametrize("scope", ["workspace", *PARTIES])
def test_what_is_locked_spends_nothing_until_it_is_opened(scope: str) -> None:
    workspace = make_rich(100)
    open_hold = ask(workspace, 5, "before")
    budgets.lock(workspace, scope, user=None)
    budgets.lock(workspace, scope, user=None)
    with pytest.raises(SpendingLocked, match="is locked and spends nothing") as refused:
        ask(workspace, 1, "a")
    notices.note_refusal(workspace, refused.value)
    told = budgets.refusal_of(workspace, PARTIES, DOLLAR)
    assert (refused.value.code, type(told), BudgetNotice.objects.count()) == ("spending_locked", SpendingLocked, 0)
    ask(workspace, 0, "free")
    holds.settle_hold(open_hold, 5 * DOLLAR)
    budgets.unlock(workspace, scope, user=None)
    ask(workspace, 1, "b")
    assert (budgets.locked_in(workspace), verification.verify()) == ([], [])
