from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.holds import holds
from billing.ledger import posting
from billing.models import Transfer
from billing.statements.statements import live_lots, open_holds, statement
from tests.billing.cast import DOLLAR, give, hold, make_rich, make_workspace

pytestmark = pytest.mark.django_db


def test_a_statement_lists_movements_newest_first_with_the_balance_after_each() -> None:
    workspace = make_rich(10)
    holds.settle_hold(hold(workspace, 3 * DOLLAR, "one"), 2 * DOLLAR, memo="20 s at $0.10 a second")
    hold(workspace, DOLLAR, "open")
    make_rich(slug="other")
    told = [
        (line.label, line.memo, line.amount_micros // DOLLAR, line.balance_after_micros // DOLLAR, line.subject)
        for line in statement(workspace)
    ]
    assert told == [
        ("Video", "20 s at $0.10 a second", -2, 8, "render:one"),
        ("Credit granted", "Welcome", 10, 10, ""),
    ]


def test_a_charge_that_two_lots_paid_is_one_line() -> None:
    workspace = make_workspace()
    give(workspace, DOLLAR, "bonus")
    give(workspace, 5 * DOLLAR, "paid", category="paid")
    holds.settle_hold(hold(workspace, 3 * DOLLAR, "one"), 3 * DOLLAR)
    newest = statement(workspace)[0]
    assert (newest.amount_micros, newest.balance_after_micros, newest.seq) == (-3 * DOLLAR, 3 * DOLLAR, 3)
    assert set(newest.transfers) == set(Transfer.objects.filter(kind="settle").values_list("pk", flat=True))


def test_pages_follow_each_other_without_a_gap_and_add_up_to_the_balance() -> None:
    workspace = make_workspace()
    for number in range(12):
        give(workspace, 2 * DOLLAR, f"gift {number}")
    for number in range(6):
        holds.settle_hold(hold(workspace, 3 * DOLLAR, f"video {number}"), 3 * DOLLAR)
    whole = statement(workspace)
    assert len(whole) == 18
    pages, before = [], None
    while page := statement(workspace, before=before, limit=4):
        pages.append(page)
        before = page[-1].seq
    assert [len(page) for page in pages] == [4, 4, 4, 4, 2]
    assert [line for page in pages for line in page] == whole
    assert sum(line.amount_micros for line in whole) == posting.balance(workspace).posted_micros
    for newer, older in pairwise(whole):
        assert newer.balance_after_micros == older.balance_after_micros + newer.amount_micros


def test_a_page_takes_the_same_queries_however_long_the_history() -> None:
    workspace = make_workspace()
    for number in range(40):
        give(workspace, DOLLAR, f"gift {number}")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(statement(workspace, limit=5)) == 5
    assert len(queries) == 2


def test_a_workspace_without_a_wallet_has_an_empty_statement() -> None:
    workspace = make_workspace()
    assert (statement(workspace), open_holds(workspace), live_lots(workspace)) == ([], [], [])


def test_open_holds_are_listed_apart() -> None:
    workspace, deadline = make_rich(10), timezone.now() + timedelta(hours=1)
    holds.release_hold(hold(workspace, DOLLAR, "over"), reason="failed")
    hold(workspace, 0, "free")
    holds.place_hold(workspace, 2 * DOLLAR, key="k", subject="render:two", deadline_at=deadline)
    told = [(entry.amount_micros, entry.subject, entry.deadline_at) for entry in open_holds(workspace)]
    assert told == [(2 * DOLLAR, "render:two", deadline), (0, "render:free", None)]


def test_credit_is_listed_in_the_order_in_which_it_will_be_spent() -> None:
    workspace, day = make_workspace(), timezone.now() + timedelta(days=1)
    give(workspace, 5 * DOLLAR, "paid", category="paid")
    give(workspace, DOLLAR, "bonus")
    give(workspace, 2 * DOLLAR, "ends", expires_at=day)
    hold(workspace, DOLLAR, "one")
    told = [
        (lot.category, lot.remaining_micros // DOLLAR, lot.held_micros // DOLLAR, lot.expires_at)
        for lot in live_lots(workspace)
    ]
    assert told == [("bonus", 2, 1, day), ("bonus", 1, 0, None), ("paid", 5, 0, None)]
