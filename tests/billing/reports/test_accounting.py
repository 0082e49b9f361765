"""The operator's reports: what they say of a month, who may see them, and the export of any length."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from avatarsite.models import Alert
from avatarsite.workspaces.models import User
from billing.holds import holds
from billing.ledger import posting
from billing.models import Transfer, Usage
from billing.models.ledger import Transfer as Line
from billing.prices import cost_drift
from billing.reports import accounting
from billing.reports.accounting import Earned, Month
from billing.reports.csv_export import movements_csv
from billing.usage import metering
from tests.billing.cast import DOLLAR, OFFER, give, hold, make_price, make_workspace

pytestmark = pytest.mark.django_db

NOVEMBER = Month(2027, 11)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Set what time it is, in UTC."""

    def at(*moment: int) -> None:
        now = datetime(*moment, tzinfo=UTC)
        monkeypatch.setattr(timezone, "now", lambda: now)

    return at


def make_video(workspace: Any, name: str, price: Any, **more: Any) -> Usage:
    placed = hold(workspace, 2 * DOLLAR, name)
    facts = {"subject": f"render:{name}", "offer": price.offer, "price": price, "measured_ms": 10_000}
    return metering.record_usage(workspace=workspace, hold=placed, **facts | more)


def two_months(clock: Any) -> None:
    """October: credit and a video. November: two offers, a write-off, a correction of October's video, an open hold."""
    clock(2027, 10, 5)
    workspace = make_workspace()
    give(workspace, 100 * DOLLAR, "paid", category="paid")
    face, dear = make_price(), make_price(offer="fal:dear", cost=90_000, price=300_000)
    make_video(workspace, "october", face)
    clock(2027, 10, 31, 23, 59, 59)
    make_video(workspace, "last-second", face)
    clock(2027, 11, 1)
    make_video(workspace, "first-second", face)
    give(workspace, 5 * DOLLAR, "bonus")
    clock(2027, 11, 20, 12)
    make_video(workspace, "too-long", dear)  # $3 of a hold of $2
    posting.reverse(Transfer.objects.get(kind="settle", subject="render:october"), reason="It was broken")
    hold(workspace, DOLLAR, "open")
    clock(2027, 12, 1)
    make_video(workspace, "december", face)


def test_a_month_earns_what_its_own_transfers_say(clock: Any) -> None:
    two_months(clock)
    found = accounting.earnings(NOVEMBER)
    # $1 sold at a cost of $0.60, and October's $1 taken back; its cost stays, for the provider has worked.
    assert found.by_offer[OFFER] == Earned(1, 0, 0, 600_000)
    assert found.by_offer["fal:dear"] == Earned(1, 3 * DOLLAR, DOLLAR, 900_000)
    assert list(found.by_offer) == ["fal:dear", OFFER]
    assert found.by_day == {
        date(2027, 11, 1): Earned(1, DOLLAR, 0, 600_000),
        date(2027, 11, 20): Earned(1, 2 * DOLLAR, DOLLAR, 900_000),
    }
    assert found.total == Earned(2, 3 * DOLLAR, DOLLAR, 1_500_000)
    assert (found.total.margin_micros, found.total.margin_percent) == (500_000, 25.0)
    assert accounting.earnings(Month(2027, 10)).total == Earned(2, 2 * DOLLAR, 0, 1_200_000)


def test_accounts_open_where_they_closed_and_always_make_nothing(clock: Any) -> None:
    two_months(clock)
    october, november = (accounting.trial_balance(month) for month in (Month(2027, 10), NOVEMBER))
    for accounts in (october, november):
        assert sum(account.closing_micros for account in accounts) == 0
        assert sum(account.debits_micros for account in accounts) == sum(account.credits_micros for account in accounts)
    closed = {account.code: account.closing_micros for account in october}
    assert {account.code: account.opening_micros for account in november if account.opening_micros} == closed
    told = {account.code: account.closing_micros for account in november}
    # 100 paid; 2 in October, 1 and 2 in November, 1 back. The bonus was spent first.
    assert told["wallets: paid"] + told["wallets: bonus"] == 100 * DOLLAR + 5 * DOLLAR - 4 * DOLLAR
    assert told["wallets: bonus"] == 3 * DOLLAR
    assert told["revenue"] == 5 * DOLLAR


def test_liabilities_are_what_lots_have_left(clock: Any) -> None:
    two_months(clock)
    now = accounting.liabilities()
    assert (now.outstanding_micros, now.held_micros, now.wallets, now.holds) == (100 * DOLLAR, DOLLAR, 1, 1)
    assert now.bonus_micros == 2 * DOLLAR
    december = {account.code: account.closing_micros for account in accounting.trial_balance(Month(2027, 12))}
    assert december["wallets: paid"] == now.paid_micros
    assert december["wallets: bonus"] == now.bonus_micros


def test_an_empty_ledger_has_empty_books() -> None:
    assert accounting.earnings(NOVEMBER).total == Earned()
    assert accounting.trial_balance(NOVEMBER) == []
    assert accounting.liabilities().outstanding_micros == 0
    assert list(movements_csv(NOVEMBER))[1:] == []


@pytest.mark.parametrize("text", ["", "2027", "2027-13", "nonsense", "2027-1-1"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no month"):
        Month.named(text)


def test_months_follow_each_other_over_new_year() -> None:
    december = Month.named("2027-12")
    assert december.following == Month(2028, 1)
    assert december.following.before == december
    assert december.ends == datetime(2028, 1, 1, tzinfo=UTC)


# --- The export ------------------------------------------------------------------------------------------------------


def read(month: Month) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(movements_csv(month)))))


def test_the_export_has_every_movement_of_the_month_and_makes_its_accounts(clock: Any) -> None:
    two_months(clock)
    rows = read(NOVEMBER)
    within = Transfer.objects.filter(created_at__gte=NOVEMBER.begins, created_at__lt=NOVEMBER.ends)
    assert [int(row["id"]) for row in rows] == list(within.order_by("created_at", "pk").values_list("pk", flat=True))
    revenue = sum(
        Decimal(row["amount_usd"]) * (1 if row["credit_account"] == "revenue" else -1)
        for row in rows
        if "revenue" in {row["credit_account"], row["debit_account"]}
    )
    assert revenue == Decimal(3)
    assert {row["currency"] for row in rows} == {"USD"}


def test_what_people_wrote_is_no_formula_in_a_spreadsheet(clock: Any) -> None:
    clock(2027, 11, 2)
    workspace = make_workspace()
    actor = User.objects.create_superuser("=cmd@example.com", "correct horse")
    posting.grant(workspace, DOLLAR, key="evil", reason="=cmd|' /C calc'!A0", actor=actor)
    (row,) = read(NOVEMBER)
    assert (row["memo"], row["actor"]) == ("'=cmd|' /C calc'!A0", "'=cmd@example.com")


def test_a_long_month_streams_in_flat_memory(clock: Any) -> None:
    clock(2027, 11, 2)
    workspace = make_workspace()
    give(workspace, DOLLAR, "first")
    model = Transfer.objects.get()
    cost, payable = posting.platform("provider_cost"), posting.platform("provider_payable:acme")
    many = 6_000
    Line.objects.bulk_create(
        Line(
            kind="adjust",
            debit=cost,
            credit=payable,
            amount_micros=1,
            key=f"many:{number}",
            created_at=model.created_at,
        )
        for number in range(many)
    )
    tracemalloc.start()
    try:
        count = sum(piece.count("\n") for piece in movements_csv(NOVEMBER))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 1 + 1 + many
    assert most < 12_000_000


# --- Reported cost ---------------------------------------------------------------------------------------------------


def test_drift_is_told_worst_first_and_only_what_is_beyond_both_bounds_alarms(clock: Any) -> None:
    clock(2027, 11, 2)
    workspace = make_workspace()
    give(workspace, 100 * DOLLAR, "paid")
    price, cheap = make_price(), make_price(offer="fal:cheap", cost=10, price=100)
    make_video(workspace, "right", price, reported_cost_micros=600_000)
    make_video(workspace, "silent", price)
    make_video(workspace, "near", price, reported_cost_micros=620_000)
    make_video(workspace, "under", price, reported_cost_micros=100_000)
    make_video(workspace, "over", price, reported_cost_micros=1_000_000)
    make_video(workspace, "tiny", cheap, reported_cost_micros=900)  # nine times as much, and less than a cent
    worst = cost_drift.worst_jobs(NOVEMBER.begins, NOVEMBER.ends)
    assert [(job.subject, job.drift_micros, job.is_alarming) for job in worst] == [
        ("render:under", -500_000, True),
        ("render:over", 400_000, True),
        ("render:near", 20_000, False),
        ("render:tiny", 800, False),
    ]
    first, second = cost_drift.offer_drifts(NOVEMBER.begins, NOVEMBER.ends)
    assert (first.offer, first.videos, first.silent, first.alarming) == (OFFER, 5, 1, 2)
    assert (first.expected_micros, first.reported_micros) == (2_400_000, 2_320_000)
    assert (second.offer, second.alarming) == ("fal:cheap", 0)


def test_a_jobs_alert_and_its_offers_have_one_threshold_and_do_not_close_each_other(clock: Any) -> None:
    clock(2027, 11, 2, 12)
    workspace = make_workspace()
    give(workspace, 100 * DOLLAR, "paid")
    price = make_price()
    told = []
    for name, cost in (("over", 640_000), ("near", 630_000), ("cheap", 560_000)):  # of 600,000: 6.7, 5 and -6.7 %
        used = make_video(workspace, name, price, reported_cost_micros=cost)
        told.append(cost_drift.alert_job(used, key=f"job_{name}", render=name))
    assert told == [job.is_alarming for name in ("over", "near", "cheap") for job in named(name)] == [True, False, True]
    clock(2027, 11, 2, 13)
    assert cost_drift.watch() == 1
    clock(2027, 11, 4)
    assert cost_drift.watch() == 0
    left = Alert.objects.filter(kind="cost_drift", closed_at=None).values_list("key", "detail__render")
    assert list(left.order_by("pk")) == [("job_over", "over"), ("job_cheap", "cheap")]


def named(name: str) -> list[cost_drift.DriftedJob]:
    found = cost_drift.worst_jobs(NOVEMBER.begins, NOVEMBER.ends)
    return [job for job in found if job.subject == f"render:{name}"]


def test_the_hourly_watch_raises_one_alert_an_offer_and_closes_it_when_all_is_well(clock: Any) -> None:
    clock(2027, 11, 2, 12)
    workspace = make_workspace()
    give(workspace, 100 * DOLLAR, "paid")
    price = make_price()
    assert cost_drift.watch() == 0
    make_video(workspace, "over", price, reported_cost_micros=1_000_000)
    for _ in range(2):
        clock(2027, 11, 2, 13)
        assert cost_drift.watch() == 1
    alert = Alert.objects.get(kind="cost_drift")
    assert (alert.key, alert.closed_at) == (OFFER, None)
    assert "render:over: $1.00 reported, $0.60 expected (+66.7 %)" in alert.message
    clock(2027, 11, 4)
    assert cost_drift.watch() == 0
    assert Alert.objects.get(kind="cost_drift").closed_at is not None


# --- The pages -------------------------------------------------------------------------------------------------------

PAGES = ("/admin/billing/books/", "/admin/billing/books/drift/", "/admin/billing/books/movements.csv")


def test_the_pages_tell_the_month(client: Client, clock: Any) -> None:
    two_months(clock)
    client.force_login(User.objects.create_superuser("staff@example.com", "correct horse"))
    page = client.get(PAGES[0], {"month": "2027-11"}).content.decode()
    assert "November 2027" in page
    assert "fal:dear" in page
    assert "wallets: paid" in page
    assert client.get(PAGES[1], {"month": "2027-11"}).status_code == 200
    file = client.get(PAGES[2], {"month": "2027-11"})
    assert file["Content-Disposition"] == 'attachment; filename="ledger-2027-11.csv"'
    assert len(b"".join(file.streaming_content).splitlines()) == len(read(NOVEMBER)) + 1
    assert PAGES[0] in client.get("/admin/").content.decode()


def test_what_is_no_month_shows_this_one_and_says_so(client: Client) -> None:
    client.force_login(User.objects.create_superuser("staff@example.com", "correct horse"))
    answer = client.get(PAGES[0], {"month": "13/2027"})
    assert answer.status_code == 200
    assert "is no month; write year and month" in answer.content.decode()


@pytest.mark.parametrize("url", PAGES)
def test_staff_need_the_permission_to_see_the_books(client: Client, url: str) -> None:
    helper = User.objects.create_user("helper@example.com", "correct horse", is_staff=True)
    client.force_login(helper)
    assert client.get(url).status_code == 403
    helper.user_permissions.add(Permission.objects.get(codename="view_books"))
    assert client.get(url).status_code == 200


def test_a_video_paid_by_two_lots_counts_once(clock: Any) -> None:
    clock(2027, 11, 2)
    workspace = make_workspace()
    give(workspace, DOLLAR // 2, "small")
    give(workspace, 10 * DOLLAR, "paid", category="paid")
    placed = hold(workspace, 2 * DOLLAR, "both")
    holds.settle_hold(placed, DOLLAR)
    assert accounting.earnings(NOVEMBER).by_offer == {"": Earned(1, DOLLAR, 0, 0)}
