from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from billing.errors import HoldAlreadyClosed, InsufficientCredit, KeyConflict
from billing.holds import holds
from billing.ledger import posting
from billing.models import CreditLot, Hold, HoldLot, LedgerAccount, Transfer
from billing.verify import verification
from tests.billing.cast import DOLLAR, give, hold, make_rich, make_workspace

pytestmark = pytest.mark.django_db


def lots_of(placed: Hold) -> list[tuple[str, int]]:
    """Which lots bear the hold, and how many dollars each, in burn order."""
    shares = HoldLot.objects.filter(hold=placed).order_by("id").values_list("lot__source_key", "amount_micros")
    return [(key, micros // DOLLAR) for key, micros in shares]


def test_a_hold_sets_credit_aside_and_moves_nothing() -> None:
    workspace, deadline = make_rich(10), timezone.now() + timedelta(hours=1)
    placed = holds.place_hold(workspace, 4 * DOLLAR, key="k", subject="render:1", deadline_at=deadline)
    stored = Hold.objects.get()
    assert placed == stored
    fields = [field.attname for field in Hold._meta.concrete_fields]
    assert {name: getattr(placed, name) for name in fields} == {name: getattr(stored, name) for name in fields}
    balance = posting.balance(workspace)
    assert (balance.posted_micros, balance.held_micros, balance.available_micros) == (
        10 * DOLLAR,
        4 * DOLLAR,
        6 * DOLLAR,
    )
    assert Transfer.objects.count() == 1
    assert verification.verify() == []


def test_a_hold_placed_twice_is_one_hold() -> None:
    workspace = make_rich(10)
    first = hold(workspace, 9 * DOLLAR, "one")
    # There would not be enough for another.
    assert hold(workspace, 9 * DOLLAR, "one") == first
    holds.settle_hold(first, DOLLAR)
    assert hold(workspace, 9 * DOLLAR, "one").state == "settled"
    assert Hold.objects.count() == 1


def test_the_same_key_with_another_hold_is_a_conflict() -> None:
    workspace, other = make_rich(10), make_rich(10, slug="other")
    holds.place_hold(workspace, DOLLAR, key="k", subject="render:1")
    for where, micros, subject in (
        (workspace, 2 * DOLLAR, "render:1"),
        (workspace, DOLLAR, "render:2"),
        (other, DOLLAR, "render:1"),
    ):
        with pytest.raises(KeyConflict):
            holds.place_hold(where, micros, key="k", subject=subject)
    assert Hold.objects.count() == 1
    assert verification.verify() == []


def test_a_subject_has_one_open_hold_at_a_time() -> None:
    workspace = make_rich(10)
    first = holds.place_hold(workspace, DOLLAR, key="first", subject="render:1")
    with pytest.raises(KeyConflict, match="open hold under another key"):
        holds.place_hold(workspace, DOLLAR, key="second", subject="render:1")
    holds.release_hold(first, reason="retry")
    assert holds.place_hold(workspace, DOLLAR, key="second", subject="render:1").is_open


def test_too_little_credit_says_how_much_is_missing() -> None:
    workspace = make_rich(10)
    hold(workspace, 4 * DOLLAR, "one")
    with pytest.raises(InsufficientCredit, match=r"needs \$7.50 and \$6.00 is available: add \$1.50") as refused:
        hold(workspace, 7_500_000, "two")
    told = refused.value
    assert (told.needed_micros, told.available_micros, told.missing_micros) == (7_500_000, 6 * DOLLAR, 1_500_000)
    assert hold(workspace, 6 * DOLLAR, "three").is_open
    assert verification.verify() == []


def test_a_workspace_without_credit_may_hold_nothing_and_no_more() -> None:
    workspace = make_workspace()
    with pytest.raises(InsufficientCredit):
        hold(workspace, 1, "one")
    assert hold(workspace, 0, "two").is_open
    assert verification.verify() == []


def test_a_wallet_keeps_its_floor() -> None:
    workspace = make_rich(10)
    LedgerAccount.objects.filter(workspace=workspace).update(floor=3 * DOLLAR)
    with pytest.raises(InsufficientCredit) as refused:
        hold(workspace, 8 * DOLLAR, "one")
    assert refused.value.available_micros == 7 * DOLLAR
    assert hold(workspace, 7 * DOLLAR, "two").is_open


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"amount_micros": -1}, "a hold is of"),
        ({"amount_micros": 10**16}, "a hold is of"),
        ({"key": ""}, "The key has 0"),
        ({"key": "k" * 201}, "The key has 201"),
        ({"subject": ""}, "The subject has 0"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused_with_a_sentence(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        holds.place_hold(make_rich(), **{"amount_micros": 1, "key": "k", "subject": "render:1"} | wrong)
    assert Hold.objects.count() == 0


def test_credit_burns_by_priority_then_soonest_end_then_bonus_then_oldest() -> None:
    workspace, now = make_workspace(), timezone.now()
    give(workspace, DOLLAR, "paid", category="paid")
    give(workspace, DOLLAR, "bonus")
    give(workspace, DOLLAR, "bonus too")
    give(workspace, DOLLAR, "ends late", expires_at=now + timedelta(days=9))
    give(workspace, DOLLAR, "paid ends soon", category="paid", expires_at=now + timedelta(days=1))
    give(workspace, DOLLAR, "ends soon", expires_at=now + timedelta(days=1))
    posting.add_credit(
        workspace, DOLLAR, source=posting.platform("grants"), kind="grant", key="first of all", memo="m", priority=1
    )
    order = ["first of all", "ends soon", "paid ends soon", "ends late", "bonus", "bonus too", "paid"]
    assert lots_of(hold(workspace, 7 * DOLLAR, "all")) == [(key, 1) for key in order]


def test_a_hold_spills_over_into_the_next_lot_and_settles_in_the_same_order() -> None:
    workspace, now = make_workspace(), timezone.now()
    give(workspace, 5 * DOLLAR, "paid", category="paid")
    give(workspace, 2 * DOLLAR, "bonus", expires_at=now + timedelta(days=1))
    placed = hold(workspace, 6 * DOLLAR, "one")
    assert lots_of(placed) == [("bonus", 2), ("paid", 4)]
    holds.settle_hold(placed, 3 * DOLLAR, memo="30 s")
    charges = Transfer.objects.filter(kind="settle").order_by("owner_seq")
    assert [(line.lot.source_key, line.amount_micros, line.memo) for line in charges] == [
        ("bonus", 2 * DOLLAR, "30 s"),
        ("paid", DOLLAR, "30 s"),
    ]
    assert len({line.journal for line in charges}) == 1
    assert dict(CreditLot.objects.values_list("source_key", "remaining")) == {"bonus": 0, "paid": 4 * DOLLAR}
    assert posting.balance(workspace).held_micros == 0
    assert verification.verify() == []


@pytest.mark.parametrize("amount", [0, 1, 3 * DOLLAR, 4 * DOLLAR])
def test_a_hold_settles_once_up_to_its_amount(amount: int) -> None:
    workspace = make_rich(10)
    placed = hold(workspace, 4 * DOLLAR, "one")
    for again in (placed, Hold.objects.get(), Hold.objects.get()):
        settled = holds.settle_hold(again, amount)
        assert (settled.state, settled.settled_micros, settled.is_open) == ("settled", amount, False)
        assert settled.closed_at is not None
    assert posting.balance(workspace).available_micros == 10 * DOLLAR - amount
    assert Transfer.objects.filter(kind="settle").count() == (1 if amount else 0)
    assert verification.verify() == []


def test_a_settled_hold_keeps_its_amount_and_its_state() -> None:
    placed = hold(make_rich(10), 4 * DOLLAR, "one")
    holds.settle_hold(placed, 3 * DOLLAR)
    with pytest.raises(KeyConflict, match=r"to settle \$3.00"):
        holds.settle_hold(placed, 2 * DOLLAR)
    with pytest.raises(HoldAlreadyClosed, match=r"settled at \$3.00 before"):
        holds.release_hold(placed, reason="cancelled")
    assert verification.verify() == []


def test_a_closed_hold_is_told_apart_from_others_that_are_open() -> None:
    """Found by test_machine: the account still holds enough for a second close, and the lot doesn't."""
    workspace = make_workspace()
    give(workspace, 2 * DOLLAR, "first")
    give(workspace, 5 * DOLLAR, "second")
    placed = hold(workspace, 2 * DOLLAR, "one")
    holds.settle_hold(placed, DOLLAR)
    hold(workspace, 5 * DOLLAR, "other")
    with pytest.raises(KeyConflict):
        holds.settle_hold(placed, 0)
    with pytest.raises(HoldAlreadyClosed):
        holds.release_hold(placed, reason="cancelled")
    assert holds.settle_hold(placed, DOLLAR).settled_micros == DOLLAR
    assert verification.verify() == []


@pytest.mark.parametrize("amount", [-1, 4 * DOLLAR + 1])
def test_no_more_is_settled_than_was_held(amount: int) -> None:
    with pytest.raises(ValueError, match="the hold is of"):
        holds.settle_hold(hold(make_rich(10), 4 * DOLLAR, "one"), amount)


def test_a_released_hold_gives_all_back_once_and_is_never_settled() -> None:
    workspace = make_rich(10)
    placed = hold(workspace, 4 * DOLLAR, "one")
    for again in (placed, Hold.objects.get()):
        released = holds.release_hold(again, reason="cancelled")
        assert (released.state, released.settled_micros, released.note) == ("released", 0, "cancelled")
    with pytest.raises(HoldAlreadyClosed, match="was released before"):
        holds.settle_hold(placed, 0)
    assert posting.balance(workspace).available_micros == 10 * DOLLAR
    assert Transfer.objects.count() == 1
    assert verification.verify() == []


@pytest.mark.parametrize("close", ["settle", "release"])
def test_a_hold_of_nothing_opens_and_closes_like_others(close: str) -> None:
    workspace = make_rich(10)
    placed = hold(workspace, 0, "free")
    assert hold(workspace, 0, "free") == placed
    for _ in range(2):
        if close == "settle":
            assert holds.settle_hold(placed, 0).state == "settled"
        else:
            assert holds.release_hold(placed, reason="cancelled").state == "released"
    assert Transfer.objects.count() == 1
    assert verification.verify() == []


def test_what_goes_back_to_a_lot_that_has_lapsed_meanwhile_lapses_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, start = make_workspace(), timezone.now()
    give(workspace, 6 * DOLLAR, "soon", expires_at=start + timedelta(days=1))
    give(workspace, DOLLAR, "never")
    released, settled = hold(workspace, 2 * DOLLAR, "released"), hold(workspace, 3 * DOLLAR, "settled")
    monkeypatch.setattr(timezone, "now", lambda: start + timedelta(days=2))
    holds.release_hold(released, reason="failed")
    # Its own two dollars, and the one that nobody held and no sweep had booked.
    assert Transfer.objects.get(kind="expire").amount_micros == 3 * DOLLAR
    holds.settle_hold(settled, 2 * DOLLAR)
    assert [line.amount_micros // DOLLAR for line in Transfer.objects.filter(kind="expire").order_by("id")] == [3, 1]
    assert posting.balance(workspace).posted_micros == DOLLAR
    assert verification.verify() == []


def test_a_hold_closed_in_a_transaction_that_was_taken_back_is_open_again() -> None:
    placed = hold(make_rich(10), 4 * DOLLAR, "one")
    with transaction.atomic():
        holds.settle_hold(placed, DOLLAR)
        transaction.set_rollback(True)
    assert placed.state == "settled"  # what the caller has in memory proves nothing
    assert holds.release_hold(placed, reason="failed").state == "released"
    assert verification.verify() == []


def test_a_refusal_leaves_the_callers_transaction_usable() -> None:
    workspace = make_rich(1)
    with transaction.atomic():
        with pytest.raises(InsufficientCredit):
            hold(workspace, 2 * DOLLAR, "one")
        hold(workspace, DOLLAR, "two")
    assert Hold.objects.get().key == "two:hold"
    assert verification.verify() == []


def test_a_hold_that_has_lost_its_lots_is_not_settled() -> None:
    placed = hold(make_rich(10), 4 * DOLLAR, "one")
    HoldLot.objects.all()._raw_delete("default")
    with pytest.raises(RuntimeError, match="verify_ledger"):
        holds.settle_hold(placed, DOLLAR)
