from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.ledger import posting
from tests.conftest import Cast
from tests.studio.api.conftest import CREDIT, Caller

pytestmark = pytest.mark.django_db


def money(micros: int, display: str) -> dict[str, object]:
    return {"amount_micros": micros, "currency": "USD", "display": display}


def test_the_balance_shows_what_is_held_apart(api: Caller, inputs: dict[str, str]) -> None:
    held = api.post("renders", inputs).json()["ceiling"]["amount_micros"]
    found = api.get("balance").json()
    assert found["posted"] == money(CREDIT, "$5.00")
    assert (found["held"]["amount_micros"], found["available"]["amount_micros"]) == (held, CREDIT - held)
    assert found["frozen"] is False


def test_transactions_come_newest_first_in_pages(api: Caller, cast: Cast) -> None:
    for number in range(4):
        posting.grant(cast.workspace, 1_000_000, key=f"gift-{number}", reason=f"Gift {number}")
    seen, cursor = [], ""
    while True:
        page = api.get(f"transactions?limit=2{cursor}").json()
        seen += page["data"]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [line["memo"] for line in seen] == ["Gift 3", "Gift 2", "Gift 1", "Gift 0", "test"]
    assert [line["balance_after"]["amount_micros"] for line in seen] == [n * 1_000_000 for n in (9, 8, 7, 6, 5)]
    assert seen[0]["amount"] == money(1_000_000, "$1.00")


@pytest.mark.parametrize("group", ["day", "month", "offer", "project"])
def test_usage_adds_up_by(group: str, api: Caller) -> None:
    found = api.get(f"usage?group_by={group}").json()
    assert (found["group_by"], found["renders"], found["data"]) == (group, 0, [])
    assert found["total"] == money(0, "$0.00")
    assert found["last"] == timezone.now().date().isoformat()


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ("group_by=moon", 400, "invalid_request", "group_by"),
        ("first=yesterday", 400, "invalid_request", "first"),
        ("first=2020-01-01", 422, "bad_period", "first"),
        ("first=2026-01-02&last=2026-01-01", 422, "bad_period", "first"),
        ("first=0001-01-01&last=0001-01-01", 422, "bad_period", "first"),
        ("last=", 400, "invalid_request", "last"),
        ("last=2026-01-01&last=2026-01-02", 400, "invalid_request", "last"),
        ("since=2026-01-01", 400, "invalid_request", "since"),
    ],
)
def test_a_period_that_is_none(query: str, status: int, code: str, field: str, api: Caller) -> None:
    answer = api.get(f"usage?{query}")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)


def test_the_usual_period_is_thirty_days(api: Caller) -> None:
    found = api.get("usage").json()
    assert found["first"] == (timezone.now().date() - timedelta(days=30)).isoformat()
