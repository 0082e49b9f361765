"""What the database itself refuses, whatever code asks for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from avatarsite.db import append_only
from billing.holds import holds
from billing.ledger import posting
from billing.models import CreditLot, Hold, HoldLot, LedgerAccount, Price, Transfer
from billing.models.ledger import APPEND_ONLY
from billing.verify import verification
from tests.billing.cast import DOLLAR, give, hold, make_price, make_rich, make_workspace
from tests.support.without_triggers import run

pytestmark = pytest.mark.django_db


def furnish() -> None:
    """$10 with a settled hold of $2 and an open one of $4."""
    workspace = make_rich(10)
    holds.settle_hold(hold(workspace, 2 * DOLLAR, "one"), DOLLAR)
    hold(workspace, 4 * DOLLAR, "open")
    make_price()


def wallets() -> object:
    return LedgerAccount.objects.filter(kind="wallet")


def copy_of(line: Transfer, **changes: object) -> Transfer:
    values = {field.attname: getattr(line, field.attname) for field in Transfer._meta.concrete_fields}
    return Transfer(**values | {"id": None, "key": uuid.uuid4().hex} | changes)


def post_again(**changes: object) -> None:
    """The settle's line once more, as the wallet's third line unless told otherwise."""
    copy_of(Transfer.objects.get(kind="settle"), **{"owner_seq": 3} | changes).save(force_insert=True)


def post_unowned(**changes: object) -> None:
    nobody = {"owner_id": None, "owner_seq": None, "owner_balance": None, "owner_hash": "", "kind": "adjust"}
    post_again(**nobody | changes)


VIOLATIONS: dict[str, Callable[[], object]] = {
    "a transfer is edited": lambda: Transfer.objects.filter(kind="grant").update(memo="Another"),
    "a transfer is deleted": lambda: Transfer.objects.filter(kind="settle")._raw_delete("default"),
    "a wallet is overdrawn": lambda: wallets().update(posted=F("posted") - 6 * DOLLAR),
    "more is held than is there": lambda: wallets().update(held=F("posted") + 1),
    "less than nothing is held": lambda: wallets().update(held=-1),
    "a transfer of nothing": lambda: post_unowned(amount_micros=0),
    "a transfer to itself": lambda: post_unowned(debit_id=posting.platform("revenue").pk),
    "a settle above its hold": lambda: Hold.objects.filter(state="settled").update(settled_micros=2 * DOLLAR + 1),
    "a second settle of a hold": post_again,
    "a transfer below nothing": lambda: post_unowned(amount_micros=-1),
    "a key that was used": lambda: post_unowned(key="acme:welcome"),
    "a line number that was used": lambda: post_again(owner_seq=2, kind="adjust"),
    "a line without a hash": lambda: post_again(owner_hash="", kind="adjust"),
    "a line without a lot": lambda: post_again(lot_id=None, kind="adjust"),
    "a line of a wallet that it doesn't touch": lambda: post_again(
        owner_id=posting.wallet(make_workspace("other")).pk, owner_seq=1, kind="adjust"
    ),
    "a settle without a hold": lambda: post_again(hold_id=None),
    "a reversal of nothing": lambda: post_unowned(kind="reversal"),
    "a kind that nobody knows": lambda: post_unowned(kind="gift"),
    "more remains than was granted": lambda: CreditLot.objects.update(remaining=F("granted") + 1),
    "more of a lot is held than remains": lambda: CreditLot.objects.update(held=F("remaining") + 1),
    "less than nothing of a lot is held": lambda: CreditLot.objects.update(held=-1),
    "a lot ends before it begins": lambda: CreditLot.objects.update(expires_at=F("effective_at")),
    "a hold below nothing": lambda: Hold.objects.filter(state="open").update(amount_micros=-1),
    "a hold for nothing": lambda: Hold.objects.filter(state="open").update(subject=""),
    "an open hold that was settled": lambda: Hold.objects.filter(state="settled").update(state="open"),
    "a settled hold without an amount": lambda: Hold.objects.filter(state="settled").update(settled_micros=None),
    "a released hold that was charged": lambda: Hold.objects.filter(state="settled").update(state="released"),
    "two open holds for a subject": lambda: Hold.objects.filter(state="settled").update(
        state="open", settled_micros=None, closed_at=None, subject="render:open"
    ),
    "a lot twice behind a hold": lambda: HoldLot.objects.create(
        hold=Hold.objects.get(state="open"), lot=CreditLot.objects.get(), amount_micros=1
    ),
    "a second wallet": lambda: LedgerAccount.objects.create(
        code="second", kind="wallet", workspace=LedgerAccount.objects.get(kind="wallet").workspace, tracked=True
    ),
    "a wallet of nobody": lambda: LedgerAccount.objects.create(code="nobody", kind="wallet", tracked=True),
    "a platform account with a balance": lambda: LedgerAccount.objects.filter(code="revenue").update(posted=1),
    "a price is edited": lambda: Price.objects.update(price_micros_per_second=1),
    "a price is deleted": lambda: Price.objects.all()._raw_delete("default"),
    "a price below nothing": lambda: Price.objects.create(
        offer="acme:face", cost_micros_per_second=-1, price_micros_per_second=1, source="a test"
    ),
    "two prices for a moment": lambda: Price.objects.create(
        offer="acme:face",
        cost_micros_per_second=1,
        price_micros_per_second=1,
        source="a test",
        effective_from=Price.objects.get().effective_from,
    ),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_the_database_refuses(violation: str) -> None:
    furnish()
    with pytest.raises(IntegrityError), transaction.atomic():
        VIOLATIONS[violation]()
    assert verification.verify() == []


def test_each_table_of_history_refuses_to_be_emptied() -> None:
    furnish()
    if connection.vendor == "postgresql":
        run("SET CONSTRAINTS ALL IMMEDIATE")  # or TRUNCATE is refused for another reason
    for table in APPEND_ONLY:
        emptying = f"DELETE FROM {table}" if connection.vendor == "sqlite" else f"TRUNCATE {table} CASCADE"
        with pytest.raises(IntegrityError, match="append-only: post a correction"), transaction.atomic():
            run(emptying)
    assert Transfer.objects.count() == 2


def test_a_reversal_is_written_once() -> None:
    workspace = make_workspace()
    give(workspace, DOLLAR, "gift")
    gift = Transfer.objects.get()
    reversal = posting.reverse(gift, reason="Wrong workspace")
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_of(reversal, owner_seq=3).save(force_insert=True)


def test_the_triggers_can_be_installed_again_and_are_missed_when_they_are_gone() -> None:
    append_only.install(connection, APPEND_ONLY)
    assert append_only.missing(connection, APPEND_ONLY) == []
    append_only.remove(connection, APPEND_ONLY)
    assert append_only.missing(connection, APPEND_ONLY) == sorted(append_only.names(connection, APPEND_ONLY))
    assert {finding.code for finding in verification.verify()} == {"append_only_missing"}
    append_only.install(connection, APPEND_ONLY)
    assert verification.verify() == []
