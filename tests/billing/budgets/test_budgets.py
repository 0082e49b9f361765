from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from avatarsite.outbox.models import Event
from avatarsite.workspaces.models import Workspace
from billing.budgets import budgets, notices
from billing.errors import BudgetReached, InsufficientCredit
from billing.holds import holds
from billing.ledger import posting
from billing.models import Budget, BudgetNotice, BudgetPeriod, Hold, Transfer
from billing.verify import verification
from tests.billing.cast import DOLLAR, make_rich, make_workspace
from tests.conftest import Cast
from tests.support.mails import posted

pytestmark = pytest.mark.django_db

NOVEMBER = datetime(2027, 11, 20, 12, tzinfo=UTC)
PARTIES = ["project:prj_1", "member:7", "token:tok_1"]


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Its last entry is now."""
    days = [NOVEMBER]
    monkeypatch.setattr(timezone, "now", lambda: days[-1])
    return days


def ask(workspace: Workspace, dollars: int, name: str, parties: list[str] = PARTIES) -> Hold:
    return holds.place_hold(workspace, dollars * DOLLAR, key=name, subject=f"render:{name}", budgets=parties)


def cap(workspace: Workspace, scope: str, dollars: int | None) -> Budget | None:
    return budgets.set_budget(workspace, scope, None if dollars is None else dollars * DOLLAR, user=None)


def used(workspace: Workspace, scope: str) -> tuple[int, int]:
    """Dollars spent and reserved of the newest month."""
    period = BudgetPeriod.objects.filter(workspace=workspace, scope=scope).latest("starts_at")
    return period.spent_micros // DOLLAR, period.reserved_micros // DOLLAR


@pytest.mark.parametrize("scope", ["workspace", *PARTIES])
def test_every_kind_of_cap_refuses_what_goes_beyond_it(scope: str) -> None:
    workspace = make_rich(100)
    cap(workspace, scope, 10)
    ask(workspace, 6, "a")
    with pytest.raises(BudgetReached) as refused:
        ask(workspace, 5, "b")
    refusal = refused.value
    assert (refusal.scope, refusal.cap_micros, refusal.spent_micros) == (scope, 10 * DOLLAR, 0)
    assert (refusal.reserved_micros, refusal.left_micros, refusal.missing_micros) == (6 * DOLLAR, 4 * DOLLAR, DOLLAR)
    assert Hold.objects.count() == 1
    assert posting.balance(workspace).held_micros == 6 * DOLLAR
    ask(workspace, 4, "c")
    assert used(workspace, scope) == (0, 10)
    assert verification.verify() == []


def test_a_cap_bears_on_its_own_project_member_and_token_alone() -> None:
    workspace, other = make_rich(100), make_rich(100, slug="other")
    for scope in PARTIES:
        cap(workspace, scope, 1)
    ask(workspace, 50, "elsewhere", ["project:prj_2", "member:8", "token:tok_2"])
    ask(workspace, 40, "nobody's", [])
    ask(other, 90, "another workspace's")
    assert BudgetPeriod.objects.filter(reserved_micros__gt=0).count() == 0
    assert verification.verify() == []


def test_the_tightest_cap_is_named_in_words_with_what_is_left_and_when_it_renews(
    cast: Cast, calendar: list[datetime]
) -> None:
    workspace, scope = cast.workspace, f"member:{cast.emil.pk}"
    posting.grant(workspace, 100 * DOLLAR, key="gift", reason="Welcome")
    cap(workspace, "workspace", 12)
    cap(workspace, scope, 10)
    ask(workspace, 7, "a", [scope])
    with pytest.raises(BudgetReached) as refused:
        ask(workspace, 6, "b", [scope])
    assert refused.value.sentence == (
        "This needs $6.00, and the monthly cap of Emil Example has $3.00 left: of $10.00, $0.00 is spent and $7.00 "
        "held. It renews on 1 December; an owner or admin can raise it before."
    )
    assert str(budgets.refusal_of(workspace, [scope], 6 * DOLLAR)) == refused.value.sentence
    assert budgets.refusal_of(workspace, [scope], 3 * DOLLAR) is None


def test_a_settled_hold_counts_what_it_was_charged_and_a_released_one_nothing() -> None:
    workspace = make_rich(100)
    cap(workspace, "workspace", 10)
    first, second = ask(workspace, 6, "a"), ask(workspace, 4, "b")
    holds.settle_hold(first, 2 * DOLLAR)
    holds.settle_hold(first, 2 * DOLLAR)
    assert used(workspace, "workspace") == (2, 4)
    holds.release_hold(second, reason="failed")
    holds.release_hold(second, reason="failed")
    assert used(workspace, "workspace") == (2, 0)
    ask(workspace, 8, "c")
    assert verification.verify() == []


def test_a_hold_counts_in_the_month_in_which_it_was_placed(calendar: list[datetime]) -> None:
    workspace = make_rich(100)
    cap(workspace, "workspace", 10)
    late = ask(workspace, 10, "november")
    calendar.append(datetime(2027, 12, 1, tzinfo=UTC))
    ask(workspace, 9, "december")
    holds.settle_hold(late, 8 * DOLLAR)
    months = BudgetPeriod.objects.order_by("starts_at").values_list("starts_at", "spent_micros", "reserved_micros")
    assert list(months) == [
        (datetime(2027, 11, 1, tzinfo=UTC), 8 * DOLLAR, 0),
        (datetime(2027, 12, 1, tzinfo=UTC), 0, 9 * DOLLAR),
    ]
    with pytest.raises(BudgetReached, match="renews on 1 January"):
        ask(workspace, 2, "more")
    assert verification.verify() == []


def test_a_cap_set_within_a_month_counts_what_the_month_has_used_already() -> None:
    workspace = make_rich(100)
    holds.settle_hold(ask(workspace, 5, "a"), 3 * DOLLAR)
    still_open = ask(workspace, 4, "b")
    cap(workspace, "project:prj_1", 8)
    assert used(workspace, "project:prj_1") == (3, 4)
    with pytest.raises(BudgetReached):
        ask(workspace, 2, "c")
    holds.settle_hold(still_open, 4 * DOLLAR)
    assert used(workspace, "project:prj_1") == (7, 0)
    assert verification.verify() == []


def test_a_cap_below_what_is_used_refuses_until_it_is_raised_and_breaks_nothing_open() -> None:
    workspace = make_rich(100)
    cap(workspace, "workspace", 10)
    placed = ask(workspace, 9, "a")
    cap(workspace, "workspace", 5)
    with pytest.raises(BudgetReached) as refused:
        ask(workspace, 1, "b")
    assert refused.value.left_micros == 0
    holds.settle_hold(placed, 9 * DOLLAR)
    cap(workspace, "workspace", 10)
    ask(workspace, 1, "c")
    assert used(workspace, "workspace") == (9, 1)
    assert verification.verify() == []


def test_a_cap_that_is_taken_away_and_set_again_counts_the_whole_month() -> None:
    workspace = make_rich(100)
    cap(workspace, "workspace", 10)
    ask(workspace, 9, "a")
    assert cap(workspace, "workspace", None) is None
    ask(workspace, 30, "b")
    cap(workspace, "workspace", 50)
    assert used(workspace, "workspace") == (0, 39)
    assert verification.verify() == []


def test_a_cap_of_nothing_refuses_everything_but_what_is_free() -> None:
    workspace = make_rich(100)
    cap(workspace, "workspace", 0)
    ask(workspace, 0, "free")
    with pytest.raises(BudgetReached):
        ask(workspace, 1, "paid")


def test_a_repeat_gives_the_first_hold_although_the_cap_is_full() -> None:
    workspace = make_rich(100)
    cap(workspace, "workspace", 10)
    first = ask(workspace, 10, "a")
    assert ask(workspace, 10, "a") == first
    assert used(workspace, "workspace") == (0, 10)


def test_a_refusal_for_want_of_credit_reserves_nothing() -> None:
    workspace = make_rich(5)
    cap(workspace, "workspace", 10)
    with pytest.raises(InsufficientCredit):
        ask(workspace, 6, "a")
    assert used(workspace, "workspace") == (0, 0)


def test_lines_of_the_ledger_say_for_whom_they_are() -> None:
    workspace = make_rich(10)
    holds.settle_hold(ask(workspace, 2, "a"), DOLLAR)
    charge = Transfer.objects.get(kind="settle")
    posting.reverse(charge, reason="wrong")
    lines = Transfer.objects.order_by("id").values_list("kind", "project", "member", "token")
    assert list(lines) == [
        ("grant", "", "", ""),
        ("settle", "prj_1", "7", "tok_1"),
        ("reversal", "prj_1", "7", "tok_1"),
    ]
    assert verification.verify() == []


@pytest.mark.parametrize(
    "scopes",
    [["render:rnd_1"], ["project:"], ["prj_1"], ["member:" + "9" * 41], ["project:prj_1", "project:prj_2"]],
)
def test_what_is_no_scope_is_refused_with_a_sentence(scopes: list[str]) -> None:
    with pytest.raises(ValueError, match=r"The scope is|A hold is of one"):
        ask(make_rich(1), 1, "a", scopes)
    assert Hold.objects.count() == 0


@pytest.mark.parametrize("micros", [-1, 10**16])
def test_a_cap_that_can_not_be_is_refused_with_a_sentence(micros: int) -> None:
    with pytest.raises(ValueError, match=r"The cap is .* a month; it must be"):
        budgets.set_budget(make_workspace(), "workspace", micros, user=None)


def test_the_database_itself_refuses_a_month_beyond_its_cap() -> None:
    workspace = make_rich(100)
    cap(workspace, "workspace", 10)
    for change in ({"reserved_micros": 11 * DOLLAR}, {"spent_micros": -1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            BudgetPeriod.objects.update(**change)


def test_verify_finds_a_counter_that_was_changed() -> None:
    workspace = make_rich(100)
    cap(workspace, "workspace", 10)
    ask(workspace, 4, "a")
    BudgetPeriod.objects.update(reserved_micros=3 * DOLLAR)
    assert [finding.code for finding in verification.verify()] == ["budget_differs"]


def test_half_most_and_all_are_told_once_a_month(calendar: list[datetime]) -> None:
    workspace = make_rich(100)
    cap(workspace, "workspace", 10)
    for number in range(10):
        placed = ask(workspace, 1, f"a{number}")
    holds.release_hold(placed, reason="failed")
    ask(workspace, 1, "again")
    told = BudgetNotice.objects.order_by("id").values_list("percent", "reserved_micros")
    assert list(told) == [(50, 5 * DOLLAR), (80, 8 * DOLLAR), (100, 10 * DOLLAR)]
    calendar.append(NOVEMBER + timedelta(days=20))
    ask(workspace, 9, "december")
    assert list(BudgetNotice.objects.order_by("id").values_list("percent", flat=True)) == [50, 80, 100, 80]


def test_a_notice_is_mailed_once_to_owners_and_admins(cast: Cast, calendar: list[datetime]) -> None:
    workspace = cast.workspace
    posting.grant(workspace, 100 * DOLLAR, key="gift", reason="Welcome")
    cap(workspace, "workspace", 10)
    ask(workspace, 8, "a")
    assert BudgetNotice.objects.get().percent == 80
    assert [letter.to for letter in posted()] == [["alice@example.org"], ["dora@example.org"]]
    assert posted()[0].subject == "80 % of the monthly cap of the workspace Alice's workspace is used"
    assert "$10.00, $0.00 is spent and $8.00 is held" in posted()[0].body
    assert "renews on 1 December 2027" in posted()[0].body


def test_a_refusal_by_a_cap_is_told_once_too(cast: Cast, calendar: list[datetime]) -> None:
    workspace = cast.workspace
    posting.grant(workspace, 100 * DOLLAR, key="gift", reason="Welcome")
    cap(workspace, "workspace", 10)
    for name in ("a", "b"):
        with pytest.raises(BudgetReached) as refused:
            ask(workspace, 11, name)
        notices.note_refusal(workspace, refused.value)
    assert BudgetNotice.objects.get().percent == 100
    assert len(posted()) == 2
    assert "A request for $11.00 was refused." in posted()[0].body


def test_a_notice_is_told_to_programs_too_and_once_a_month(calendar: list[datetime]) -> None:
    workspace = make_rich(100)
    cap(workspace, "project:prj_1", 10)
    ask(workspace, 5, "a")
    ask(workspace, 5, "b")
    with pytest.raises(BudgetReached):
        ask(workspace, 1, "c")
    told = Event.objects.filter(kind="budget.reached").order_by("row")
    assert [(event.subject, event.data["percent"], event.data["month"]) for event in told] == [
        ("project:prj_1", 50, "2027-11"),
        ("project:prj_1", 100, "2027-11"),
    ]
    calendar.append(datetime(2027, 12, 1, tzinfo=UTC))
    ask(workspace, 5, "d")
    assert told.all().last().data["month"] == "2027-12"
