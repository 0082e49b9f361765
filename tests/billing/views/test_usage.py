from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.holds import holds
from billing.models import MonthlySummary, UsageDay
from billing.statements import monthly_mail
from billing.usage import charts, daily, metering
from billing.usage.daily import Used
from billing.verify import verification
from tests.billing.cast import DOLLAR, give, make_price
from tests.conftest import Cast
from tests.support.mails import posted

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 4, 1, 3, tzinfo=UTC)


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    days = [NOW]
    monkeypatch.setattr(timezone, "now", lambda: days[-1])
    return days


def use(cast: Cast, name: str, whose: list[str], offer: str = "acme:face", ms: int = 10_000) -> None:
    """A video of 10 s that costs $1, unless it's said otherwise."""
    price = make_price(offer=offer) if not metering.Price.objects.filter(offer=offer).exists() else None
    price = price or metering.Price.objects.get(offer=offer)
    placed = holds.place_hold(cast.workspace, 5 * DOLLAR, key=name, subject=f"render:{name}", budgets=whose)
    facts = {"subject": f"render:{name}", "offer": offer, "price": price, "measured_ms": ms, "hold": placed}
    for _ in range(2):  # the second must count nothing
        metering.record_usage(workspace=cast.workspace, **facts)


def some_days(cast: Cast, calendar: list[datetime]) -> None:
    give(cast.workspace, 100 * DOLLAR, "gift")
    emil = f"member:{cast.emil.pk}"
    for number, whose in enumerate([["project:prj_1", emil], ["project:prj_2", emil], [], ["project:prj_1"]]):
        calendar.append(NOW + timedelta(days=number // 2))
        use(cast, f"v{number}", whose, offer="acme:face" if number else "other:face")


def test_each_dimension_counts_everything_once(cast: Cast, calendar: list[datetime]) -> None:
    some_days(cast, calendar)
    table = daily.used(cast.workspace, date(2027, 4, 1), date(2027, 4, 2))
    one, two, three = (Used(number, number * 10_000, number * DOLLAR) for number in (1, 2, 3))
    assert table.by_name("offer") == {"acme:face": three, "other:face": one}
    assert table.by_name("project") == {"prj_1": two, "": one, "prj_2": one}
    assert table.by_name("member") == {"": two, str(cast.emil.pk): two}
    assert table.total == Used(4, 40_000, 4 * DOLLAR)
    assert verification.verify() == []


def test_verify_finds_days_that_were_changed(cast: Cast, calendar: list[datetime]) -> None:
    some_days(cast, calendar)
    UsageDay.objects.filter(dimension="project").first().delete()  # type: ignore[union-attr]
    assert [finding.code for finding in verification.verify()] == ["usage_days_differ"]


@pytest.mark.parametrize("by", ["model", "provider", "project", "member", "token", "nonsense"])
def test_the_page_shows_bars_tables_and_names(cast: Cast, calendar: list[datetime], by: str) -> None:
    some_days(cast, calendar)
    answer = cast.browser(cast.bob).get(f"/w/{cast.workspace.slug}/usage/", {"by": by, "days": "7"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert sum(bar.height > 0 for bar in answer.context["chart"].bars) >= 2
    assert [line.named.label for line in answer.context["breakdowns"][3].lines] == ["Emil Example", "Nobody by name"]
    assert '<dd class="money">$4.00</dd>' in page
    assert [row["total"].amount_micros for row in answer.context["chart_rows"]] == [2 * DOLLAR, 2 * DOLLAR]


def test_a_page_without_usage_says_so(cast: Cast) -> None:
    page = cast.browser(cast.bob).get(f"/w/{cast.workspace.slug}/usage/").content.decode()
    assert "Nothing was used in these days" in page


def test_more_videos_cost_the_page_no_more_queries(cast: Cast, calendar: list[datetime]) -> None:
    some_days(cast, calendar)
    client, counts = cast.browser(cast.alice), []
    client.get(f"/w/{cast.workspace.slug}/usage/")
    for number in range(2):
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/w/{cast.workspace.slug}/usage/")
        counts.append(len(queries))
        use(cast, f"more{number}", ["project:prj_3"])
    assert counts[0] == counts[1]


def test_bars_stand_on_each_other_and_reach_as_high_as_their_sums() -> None:
    days = [date(2027, 4, 1), date(2027, 4, 2)]
    chart = charts.stacked(days, {"A": {days[0]: 3 * DOLLAR, days[1]: DOLLAR}, "B": {days[0]: DOLLAR}})
    plot = charts.HEIGHT - charts.BOTTOM - charts.TOP
    assert [(bar.series, bar.height) for bar in chart.bars] == [(0, plot * 3 / 4), (1, plot / 4), (0, plot / 4)]
    assert chart.bars[1].y == charts.TOP
    assert [tick.label for tick in chart.heights] == ["$0.00", "$1.00", "$2.00", "$3.00", "$4.00"]


def test_what_is_beyond_the_last_colour_goes_together() -> None:
    day = date(2027, 4, 1)
    chart = charts.stacked([day], {str(number): {day: 10 - number} for number in range(9)})
    assert chart.legend == ["0", "1", "2", "3", "4", "Others"]
    assert len(chart.bars) == 6


@pytest.mark.parametrize("micros", [1, 3, 999_999, 1_000_000, 1_000_001, 7_300_000, 10**15])
def test_the_scale_is_round_and_never_too_low(micros: int) -> None:
    (*_, top) = charts.stacked([date(2027, 4, 1)], {"A": {date(2027, 4, 1): micros}}).bars
    assert charts.TOP <= top.y < charts.HEIGHT - charts.BOTTOM


# --- The monthly letter -----------------------------------------------------------------------------------------------


def test_the_letter_tells_last_month_to_owners_and_admins_once(cast: Cast, calendar: list[datetime]) -> None:
    some_days(cast, calendar)
    calendar.append(datetime(2027, 5, 1, 0, 30, tzinfo=UTC))
    use(cast, "may", [])
    assert monthly_mail.write_due() == 1
    assert MonthlySummary.objects.get().month == date(2027, 4, 1)
    assert monthly_mail.write_due() == 0
    assert [letter.to for letter in posted()] == [["alice@example.org"], ["dora@example.org"]]
    assert posted()[0].subject == "Alice's workspace in April 2027: $4.00 used, $96.00 left"
    assert "began April with $0.00. $100.00 came in, $4.00 went out, and $96.00" in posted()[0].body
    assert "4 videos of 40 s together were made." in posted()[0].body
    assert "/statement/?since=2027-04-01&until=2027-04-30" in posted()[0].body


def test_a_month_without_movement_and_old_news_are_not_told(cast: Cast, calendar: list[datetime]) -> None:
    some_days(cast, calendar)
    calendar.append(datetime(2027, 5, 20, tzinfo=UTC))
    assert monthly_mail.write_due() == 0
    calendar.append(datetime(2027, 6, 2, tzinfo=UTC))
    assert monthly_mail.write_due() == 0


def test_each_member_chooses_for_themselves(cast: Cast, calendar: list[datetime]) -> None:
    to = f"/w/{cast.workspace.slug}/usage/summary/"
    cast.browser(cast.alice).post(to, {"wanted": "no"})
    cast.browser(cast.bob).post(to, {"wanted": "yes"})
    some_days(cast, calendar)
    calendar.append(datetime(2027, 5, 2, tzinfo=UTC))
    assert monthly_mail.write_due() == 1
    assert sorted(letter.to[0] for letter in posted()) == ["bob@example.org", "dora@example.org"]
