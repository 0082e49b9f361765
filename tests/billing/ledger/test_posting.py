from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from avatarsite.workspaces.models import User
from billing.errors import CannotReverse, InsufficientCredit, KeyConflict
from billing.holds import holds
from billing.ledger import posting
from billing.models import CreditLot, LedgerAccount, Transfer, TransferKind
from billing.verify import verification
from tests.billing.cast import DOLLAR, give, hold, make_rich, make_workspace

pytestmark = pytest.mark.django_db


def test_a_wallet_is_made_once() -> None:
    workspace = make_workspace()
    assert posting.wallet(workspace) == posting.wallet(workspace)
    assert LedgerAccount.objects.filter(workspace=workspace).count() == 1


def test_a_platform_account_has_a_known_code() -> None:
    assert posting.platform("provider_payable:acme") == posting.platform("provider_payable:acme")
    for code in ("revenu", "provider_payable:", "wallet:ws_1"):
        with pytest.raises(ValueError, match="not a platform account"):
            posting.platform(code)


def test_a_workspace_without_a_wallet_has_nothing() -> None:
    assert posting.balance(make_workspace()) == posting.Balance()


def test_a_grant_arrives_once_however_often_it_is_made() -> None:
    workspace = make_workspace()
    staff = User.objects.create_user("staff@example.com")
    lots = {
        posting.grant(workspace, 5 * DOLLAR, key="g", reason="Sorry", actor=actor).pk for actor in (staff, staff, None)
    }
    assert len(lots) == 1
    assert posting.balance(workspace).bonus_micros == 5 * DOLLAR
    line = Transfer.objects.get()
    assert (line.kind, line.memo, line.actor, line.owner_seq, line.owner_balance) == (
        "grant",
        "Sorry",
        staff,
        1,
        5 * DOLLAR,
    )
    assert (line.debit, line.credit) == (posting.platform("grants"), posting.wallet(workspace))
    assert verification.verify() == []


@pytest.mark.parametrize(
    "other",
    [
        {"amount_micros": 6 * DOLLAR},
        {"reason": "Another"},
        {"category": posting.PAID},
        {"expires_at": timezone.now() + timedelta(days=1)},
    ],
)
def test_the_same_key_with_another_grant_is_a_conflict(other: dict[str, object]) -> None:
    workspace = make_workspace()
    first: dict[str, object] = {"amount_micros": 5 * DOLLAR, "reason": "Sorry", "key": "g"}
    posting.grant(workspace, **first)
    with pytest.raises(KeyConflict, match="The key g was used before"):
        posting.grant(workspace, **first | other)
    with pytest.raises(KeyConflict):
        posting.grant(make_workspace("other"), **first)
    assert Transfer.objects.count() == 1


def test_a_grant_with_a_date_is_still_the_same_grant_after_it() -> None:
    workspace, soon = make_workspace(), timezone.now() + timedelta(hours=1)
    lot = give(workspace, DOLLAR, "g", expires_at=soon)
    CreditLot.objects.filter(pk=lot.pk).update(
        effective_at=soon - timedelta(days=2), expires_at=soon - timedelta(days=1)
    )
    assert give(workspace, DOLLAR, "g", expires_at=soon - timedelta(days=1)) == lot


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"amount_micros": 0}, "more than"),
        ({"amount_micros": -DOLLAR}, "more than"),
        ({"amount_micros": 10**16}, "at most"),
        ({"reason": "  "}, "write 1 to 300"),
        ({"reason": "x" * 301}, "write 1 to 300"),
        ({"key": ""}, "use 1 to 255"),
        ({"category": "gift"}, "use one of bonus, paid"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "has passed"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused_with_a_sentence(wrong: dict[str, object], sentence: str) -> None:
    workspace = make_workspace()
    with pytest.raises(ValueError, match=sentence):
        posting.grant(workspace, **{"amount_micros": DOLLAR, "reason": "Welcome", "key": "g"} | wrong)
    assert Transfer.objects.count() == 0


def test_a_transfer_between_platform_accounts_is_posted_once() -> None:
    accounts = {"debit": posting.platform("provider_cost"), "credit": posting.platform("provider_payable:acme")}
    facts = {"kind": TransferKind.PROVIDER_COST, "amount_micros": 7, "key": "k", "memo": "m", "subject": "render:1"}
    first = posting.post(**accounts, **facts)
    assert posting.post(**accounts, **facts) == first
    assert (first.owner, first.owner_seq, first.owner_hash) == (None, None, "")
    for other in ({"amount_micros": 8}, {"memo": "n"}, {"subject": "render:2"}, {"kind": TransferKind.ADJUST}):
        with pytest.raises(KeyConflict):
            posting.post(**accounts, **facts | other)
    with pytest.raises(KeyConflict):
        posting.post(debit=accounts["credit"], credit=accounts["debit"], **facts)
    assert Transfer.objects.count() == 1


def test_a_transfer_that_makes_no_sense_is_refused_with_a_sentence() -> None:
    wallet, other = posting.wallet(make_rich()), posting.wallet(make_rich(slug="other"))
    revenue = posting.platform("revenue")
    lot = CreditLot.objects.get(account=wallet)
    facts = {"kind": TransferKind.ADJUST, "debit": wallet, "credit": revenue, "amount_micros": 5, "key": "k"}
    facts["lot"] = lot
    for wrong, sentence in (
        ({"amount_micros": 0}, r"a transfer moves"),
        ({"credit": wallet}, "between two accounts"),
        ({"credit": other}, "between two accounts"),
        ({"lot": None}, "names the lot"),
        ({"kind": "gift"}, "use one of"),
        ({"key": ""}, "use at most"),
        ({"memo": "x" * 301}, "use at most"),
        ({"lot": CreditLot.objects.get(account=other)}, "is not credit of"),
        ({"debit": revenue, "credit": wallet}, "won't fit"),
    ):
        with pytest.raises(ValueError, match=sentence):
            posting.post(**facts | wrong)
    assert verification.verify() == []


def test_a_wallet_pays_no_more_than_it_has_free() -> None:
    workspace = make_rich(10)
    hold(workspace, 8 * DOLLAR, "one")
    wallet, lot = posting.wallet(workspace), CreditLot.objects.get()
    facts = {"kind": TransferKind.CLAWBACK, "debit": wallet, "credit": posting.platform("disputes"), "lot": lot}
    with pytest.raises(InsufficientCredit) as refused:
        posting.post(**facts, amount_micros=3 * DOLLAR, key="k")
    assert (refused.value.available_micros, refused.value.missing_micros) == (2 * DOLLAR, DOLLAR)
    taken = posting.post(**facts, amount_micros=2 * DOLLAR, key="k")
    assert taken.owner_balance == 8 * DOLLAR
    # Nothing is free any more, and still the repeat is answered.
    assert posting.post(**facts, amount_micros=2 * DOLLAR, key="k") == taken
    assert verification.verify() == []


def test_a_balance_tells_paid_bonus_and_held_apart() -> None:
    workspace = make_workspace()
    give(workspace, 3 * DOLLAR, "bonus")
    give(workspace, 20 * DOLLAR, "paid", category=posting.PAID)
    hold(workspace, 5 * DOLLAR, "one")
    assert posting.balance(workspace) == posting.Balance(
        posted_micros=23 * DOLLAR,
        held_micros=5 * DOLLAR,
        available_micros=18 * DOLLAR,
        paid_micros=20 * DOLLAR,
        bonus_micros=3 * DOLLAR,
    )


def test_a_frozen_wallet_holds_nothing_new_and_finishes_what_is_open() -> None:
    workspace = make_rich(10)
    open_hold = hold(workspace, DOLLAR, "one")
    for _ in range(2):
        assert posting.freeze(workspace, reason="disputed payment").frozen_at is not None
    for amount in (DOLLAR, 0):
        with pytest.raises(holds.WalletFrozen, match="disputed payment"):
            hold(workspace, amount, "two")
    assert hold(workspace, DOLLAR, "one") == open_hold
    holds.settle_hold(open_hold, DOLLAR)
    assert posting.balance(workspace).frozen_at is not None
    for _ in range(2):
        assert posting.unfreeze(workspace).frozen_at is None
    assert hold(workspace, DOLLAR, "two").is_open
    assert verification.verify() == []


def test_a_charge_is_taken_back_once_and_returns_to_its_lot() -> None:
    workspace = make_rich(10)
    holds.settle_hold(hold(workspace, 4 * DOLLAR, "one"), 3 * DOLLAR)
    charge = Transfer.objects.get(kind="settle")
    first = posting.reverse(charge, reason="It showed the wrong face")
    assert posting.reverse(charge, reason="It showed the wrong face") == first
    with pytest.raises(KeyConflict):
        posting.reverse(charge, reason="Another reason")
    assert (first.reverses, first.lot, first.owner_balance) == (charge, charge.lot, 10 * DOLLAR)
    assert CreditLot.objects.get().remaining == 10 * DOLLAR
    assert verification.verify() == []


def test_a_charge_taken_back_after_its_lot_lapsed_lapses_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, start = make_workspace(), timezone.now()
    give(workspace, 4 * DOLLAR, "soon", expires_at=start + timedelta(days=1))
    holds.settle_hold(hold(workspace, 4 * DOLLAR, "one"), 4 * DOLLAR)
    monkeypatch.setattr(timezone, "now", lambda: start + timedelta(days=2))
    posting.reverse(Transfer.objects.get(kind="settle"), reason="Too late")
    assert posting.balance(workspace).posted_micros == 0
    assert [line.kind for line in Transfer.objects.order_by("owner_seq")] == ["grant", "settle", "reversal", "expire"]
    assert verification.verify() == []


def test_a_grant_is_taken_back_only_while_it_is_unspent() -> None:
    workspace = make_rich(10)
    granted = Transfer.objects.get()
    held = hold(workspace, DOLLAR, "one")
    with pytest.raises(InsufficientCredit):
        posting.reverse(granted, reason="Wrong workspace")
    holds.release_hold(held, reason="cancelled")
    posting.reverse(granted, reason="Wrong workspace")
    assert posting.balance(workspace) == posting.Balance()
    assert verification.verify() == []


def test_what_is_not_put_right_by_a_reversal_says_so() -> None:
    workspace, now = make_workspace(), timezone.now()
    give(workspace, DOLLAR, "soon", expires_at=now + timedelta(days=1))
    posting.expire_lots(now + timedelta(days=2))
    give(workspace, DOLLAR, "other")
    reversal = posting.reverse(Transfer.objects.get(key="other"), reason="Wrong workspace")
    for transfer, remedy in ((Transfer.objects.get(kind="expire"), "grant credit"), (reversal, "post what is right")):
        with pytest.raises(CannotReverse, match=remedy):
            posting.reverse(transfer, reason="Why not")
    with pytest.raises(ValueError, match="reason is empty"):
        posting.reverse(Transfer.objects.get(key="other"), reason=" ")


def test_credit_lapses_once_and_only_what_is_not_held() -> None:
    workspace, now = make_workspace(), timezone.now()
    later = now + timedelta(days=2)
    give(workspace, 5 * DOLLAR, "soon", expires_at=now + timedelta(days=1))
    give(workspace, DOLLAR, "never")
    hold(workspace, 2 * DOLLAR, "one")
    assert posting.expire_lots(now) == 0
    assert [posting.expire_lots(later), posting.expire_lots(later)] == [1, 0]
    balance = posting.balance(workspace)
    assert (balance.posted_micros, balance.held_micros) == (3 * DOLLAR, 2 * DOLLAR)
    lapsed = Transfer.objects.get(kind="expire")
    assert (lapsed.amount_micros, lapsed.credit) == (3 * DOLLAR, posting.platform("breakage"))
    assert verification.verify() == []


def test_lapsed_credit_can_not_be_spent_before_the_sweep_has_booked_it(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, start = make_workspace(), timezone.now()
    give(workspace, 5 * DOLLAR, "soon", expires_at=start + timedelta(days=1))
    give(workspace, 2 * DOLLAR, "never")
    monkeypatch.setattr(timezone, "now", lambda: start + timedelta(days=2))
    balance = posting.balance(workspace)
    assert (balance.posted_micros, balance.available_micros, balance.bonus_micros) == (
        7 * DOLLAR,
        2 * DOLLAR,
        2 * DOLLAR,
    )
    with pytest.raises(InsufficientCredit) as refused:
        hold(workspace, 3 * DOLLAR, "one")
    assert refused.value.available_micros == 2 * DOLLAR
    assert hold(workspace, 2 * DOLLAR, "two").is_open
    assert verification.verify() == []


def test_a_hold_gets_what_it_can_although_older_credit_has_lapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, start = make_workspace(), timezone.now()
    give(workspace, 5 * DOLLAR, "soon", expires_at=start + timedelta(days=1))
    give(workspace, 5 * DOLLAR, "never")
    monkeypatch.setattr(timezone, "now", lambda: start + timedelta(days=2))
    assert hold(workspace, 5 * DOLLAR, "one").is_open
    # The account had enough of its own, so the sweep was left to itself.
    assert posting.expire_lots() == 1
    assert verification.verify() == []


def test_a_workspace_with_money_can_not_be_deleted() -> None:
    workspace = make_rich()
    with pytest.raises(ProtectedError), transaction.atomic():
        workspace.delete()


def test_who_moved_money_can_not_be_deleted() -> None:
    staff = User.objects.create_user("staff@example.com")
    posting.grant(make_workspace(), DOLLAR, key="g", reason="Welcome", actor=staff)
    with pytest.raises(ProtectedError), transaction.atomic():
        staff.delete()
