from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.holds import holds
from billing.ledger import posting
from billing.models import LedgerAccount, Transfer
from billing.statements import statements
from billing.statements.statements import Narrowing
from billing.verify import statement_check
from billing.views import statement as page
from tests.billing.cast import DOLLAR, give
from tests.conftest import Cast
from tests.studio import shop
from tests.support.without_triggers import without_triggers

pytestmark = pytest.mark.django_db

FIRST = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    days = [FIRST]
    monkeypatch.setattr(timezone, "now", lambda: days[-1])
    return days


def spend(workspace: Workspace, dollars: int, name: str, whose: list[str] | None = None) -> None:
    placed = holds.place_hold(workspace, dollars * DOLLAR, key=name, subject=f"render:{name}", budgets=whose or [])
    holds.settle_hold(placed, dollars * DOLLAR, memo=f"Video {name}")


def a_week(workspace: Workspace, calendar: list[datetime]) -> None:
    """$100 on Monday, then $1, $2, … a day until Sunday, for two projects in turn."""
    give(workspace, 100 * DOLLAR, "gift")
    for day in range(1, 7):
        calendar.append(FIRST + timedelta(days=day))
        spend(workspace, day, f"d{day}", [f"project:prj_{day % 2}", "member:1"])


def narrowed(workspace: Workspace, **how: Any) -> list[int]:
    span = statements.span_of(workspace, Narrowing(**how))
    return [line.amount_micros // DOLLAR for line in statements.lines_of(span)]


def test_days_are_found_without_reading_what_lies_between(cast: Cast, calendar: list[datetime]) -> None:
    a_week(cast.workspace, calendar)
    day = FIRST.date()
    assert narrowed(cast.workspace, since=day, until=day) == [100]
    assert narrowed(cast.workspace, since=day + timedelta(2), until=day + timedelta(4)) == [-4, -3, -2]
    assert narrowed(cast.workspace, since=day + timedelta(6)) == [-6]
    assert narrowed(cast.workspace, until=day - timedelta(1)) == []
    assert narrowed(cast.workspace, since=day + timedelta(7)) == []
    span = statements.span_of(cast.workspace, Narrowing(since=day + timedelta(2), until=day + timedelta(4)))
    assert (span.opening_micros, span.closing_micros) == (99 * DOLLAR, 90 * DOLLAR)


@pytest.mark.parametrize("marks", [2, 3, 4, 64])
def test_a_day_begins_where_it_begins_whatever_is_read_on_the_way(
    cast: Cast, calendar: list[datetime], monkeypatch: pytest.MonkeyPatch, marks: int
) -> None:
    monkeypatch.setattr(statements, "MARKS", marks)
    for day in range(23):
        calendar.append(FIRST + timedelta(days=day))
        for number in range(day % 3):  # none, one, two, none …
            give(cast.workspace, DOLLAR, f"{day}:{number}")
    lines = [
        (at.date() - FIRST.date()).days for at in Transfer.objects.order_by("pk").values_list("created_at", flat=True)
    ]
    for day in range(-1, 25):
        span = statements.span_of(cast.workspace, Narrowing(since=FIRST.date() + timedelta(day)))
        assert span.after == sum(line < day for line in lines), day


def test_lines_are_found_by_project_member_and_token(cast: Cast, calendar: list[datetime]) -> None:
    a_week(cast.workspace, calendar)
    assert narrowed(cast.workspace, project="prj_1") == [-5, -3, -1]
    assert narrowed(cast.workspace, project="prj_0", until=FIRST.date() + timedelta(4)) == [-4, -2]
    assert narrowed(cast.workspace, member="1") == [-6, -5, -4, -3, -2, -1]
    assert narrowed(cast.workspace, token="tok_1") == []


def file_of(client: Client, workspace: Workspace, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/w/{workspace.slug}/statement/file.csv{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]


def test_the_file_sums_to_the_balance_line_by_line(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.statements.csv_export.BATCH", 2)
    house = shop.open_shop(cast.workspace, dollars=20)
    give(house, DOLLAR, "=1+1", category="paid")
    for number in range(4):
        shop.ready(house, f"=Video {number}")
    rows = file_of(cast.browser(cast.bob), house)
    running = Decimal(0)
    for number, row in enumerate(rows, start=1):
        running += Decimal(row["amount_usd"])
        assert (int(row["number"]), Decimal(row["balance_usd"])) == (number, running)
    assert int(running * DOLLAR) == posting.balance(house).posted_micros == 17 * DOLLAR
    assert [row["hash"] for row in rows] == list(
        Transfer.objects.filter(owner__isnull=False).order_by("owner_seq").values_list("owner_hash", flat=True)
    )
    assert rows[2]["what"] == "'=Video 0 (draft)"
    assert rows[2]["project"] == "First project"


def test_the_file_is_narrowed_as_the_page_is(cast: Cast, calendar: list[datetime]) -> None:
    a_week(cast.workspace, calendar)
    rows = file_of(cast.browser(cast.alice), cast.workspace, "?since=2027-03-03&until=2027-03-05&project=")
    assert [row["amount_usd"] for row in rows] == ["-2.000000", "-3.000000", "-4.000000"]


def test_the_page_links_causes_and_adds_up(cast: Cast) -> None:
    house = shop.open_shop(cast.workspace, dollars=20)
    video = shop.ready(house, "Paid for")
    answer = cast.browser(cast.bob).get(f"/w/{house.slug}/statement/")
    words = " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())
    assert f'<a href="/w/{house.slug}/videos/{video.pk}/">Paid for (draft)</a>' in answer.content.decode()
    assert "At the beginning $0.00" in words
    assert "These lines together +$20.00 in, -$1.00 out" in words
    newest = Transfer.objects.filter(owner__isnull=False).latest("owner_seq")
    assert newest.owner_hash[:8] in words


def test_older_pages_keep_the_narrowing(cast: Cast, calendar: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE_SIZE", 2)
    monkeypatch.setattr(page, "list_of", lambda *_: {})
    a_week(cast.workspace, calendar)
    client, to = cast.browser(cast.alice), f"/w/{cast.workspace.slug}/statement/"
    query, seen = "?since=2027-03-02", []
    while query:
        context = client.get(to + query).context
        seen += [line.amount_micros // DOLLAR for line in context["lines"]]
        query = f"?{context['query']}&before={context['older']}" if context["older"] else ""
    assert seen == [-6, -5, -4, -3, -2, -1]


@pytest.mark.parametrize("query", ["?since=x", "?since=2027-03-05&until=2027-03-01", "?until=9999-12-31", "?project=?"])
def test_a_narrowing_that_can_not_be_is_said_and_shows_all(cast: Cast, query: str) -> None:
    give(cast.workspace, DOLLAR, "gift")
    client = cast.browser(cast.alice)
    answer = client.get(f"/w/{cast.workspace.slug}/statement/{query}")
    assert (answer.status_code, len(answer.context["lines"])) == (200, 1)
    assert answer.context["form"].errors
    assert client.get(f"/w/{cast.workspace.slug}/statement/file.csv{query}").status_code == 422


def test_any_length_costs_the_page_the_same_queries(cast: Cast) -> None:
    house = shop.open_shop(cast.workspace, dollars=20)
    client, asked = cast.browser(cast.alice), []
    client.get(f"/w/{house.slug}/statement/")
    for number in range(3):
        shop.ready(house, f"Video {number}")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(f"/w/{house.slug}/statement/")
        asked.append(len(queries))
    assert asked == [asked[0]] * 3


def test_a_whole_statement_is_said_to_be_whole(cast: Cast) -> None:
    house = shop.open_shop(cast.workspace, dollars=20)
    shop.ready(house, "One")
    answer = cast.browser(cast.bob).post(f"/w/{house.slug}/statement/check/")
    assert "Your statement holds together." in answer.content.decode()
    assert "All 2 lines were recomputed" in answer.content.decode()
    assert "make $19.00, which is what your balance says" in answer.content.decode()


@pytest.mark.parametrize(
    ("spoil", "codes"),
    [
        (lambda: Transfer.objects.filter(owner_seq=2).update(memo="nothing"), ["chain_hash"]),
        (
            lambda: Transfer.objects.filter(owner_seq=2).update(amount_micros=1),
            ["chain_balance", "chain_hash", "posted_differs"],
        ),
        (lambda: Transfer.objects.filter(owner_seq=2).update(project="prj_9"), ["chain_hash"]),
        (lambda: Transfer.objects.filter(owner_seq=3).delete(), ["chain_end", "posted_differs"]),
        (lambda: Transfer.objects.filter(owner_seq=2).delete(), ["chain_gap", "posted_differs"]),
        (lambda: LedgerAccount.objects.filter(kind="wallet").update(posted=50 * DOLLAR), ["posted_differs"]),
    ],
)
def test_a_statement_that_was_changed_is_said_to_be(cast: Cast, spoil: Any, codes: list[str]) -> None:
    give(cast.workspace, 9 * DOLLAR, "gift")
    spend(cast.workspace, 2, "a")
    spend(cast.workspace, 3, "b")
    with without_triggers():
        spoil()
    checked = statement_check.check_statement(cast.workspace)
    assert [finding.code for finding in checked.findings] == codes
    answer = cast.browser(cast.alice).post(f"/w/{cast.workspace.slug}/statement/check/")
    assert "Something does not fit." in " ".join(answer.content.decode().split())


def test_nothing_yet_is_whole_too(cast: Cast) -> None:
    checked = statement_check.check_statement(cast.workspace)
    assert (checked.good, checked.sentence) == (
        True,
        "There is no line yet, and the balance is $0.00: nothing to add up.",
    )
