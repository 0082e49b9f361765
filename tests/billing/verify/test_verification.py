"""Each planted corruption is found, by the rules that it breaks and by no other."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from billing.holds import holds
from billing.ledger import posting
from billing.ledger.hash_chain import Line, line_hash
from billing.models import CreditLot, Hold, HoldLot, LedgerAccount, Price, PromotionCode, Transfer, Usage, UsageDay
from billing.usage import metering
from billing.verify import verification
from billing.verify.verification import Finding, register_check, verify
from tests.billing.cast import DOLLAR, OFFER, give, hold, make_price, make_rich, make_workspace
from tests.support.without_triggers import lawless

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _books(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger in which everything has happened that can."""
    workspace, start = make_workspace(), timezone.now()
    give(workspace, 3 * DOLLAR, "ends", expires_at=start + timedelta(days=1))
    give(workspace, 20 * DOLLAR, "paid", category="paid")
    price = make_price()
    for name, micros, ms in (("long", DOLLAR, 12_345), ("short", 4 * DOLLAR, 25_000)):
        placed = hold(workspace, micros, name)
        metering.record_usage(
            workspace=workspace, subject=f"render:{name}", offer=OFFER, price=price, measured_ms=ms, hold=placed
        )
    holds.release_hold(hold(workspace, DOLLAR, "released"), reason="cancelled")
    monkeypatch.setattr(timezone, "now", lambda: start + timedelta(days=2))
    give(workspace, 2 * DOLLAR, "late", expires_at=start + timedelta(days=3))
    monkeypatch.setattr(timezone, "now", lambda: start + timedelta(days=4))
    posting.expire_lots()
    holds.settle_hold(hold(workspace, DOLLAR, "wrong"), DOLLAR // 4)
    posting.reverse(Transfer.objects.get(subject="render:wrong"), reason="The wrong face")
    hold(workspace, 5 * DOLLAR, "open")
    make_rich(10, slug="other")


def transfers(**facts: Any) -> Any:
    return Transfer.objects.filter(**facts)


def wallet() -> Any:
    return LedgerAccount.objects.filter(workspace__slug="acme")


def lots(key: str) -> Any:
    return CreditLot.objects.filter(source_key=key)


def drop(rows: Any) -> None:
    assert rows._raw_delete("default") == 1


def newest() -> Transfer:
    return transfers(owner__workspace__slug="acme").latest("owner_seq")


def append_line(source: Transfer, **changes: Any) -> None:
    """A copy of a line at the wallet's end, number, balance, hash and all, as somebody who knows the ledger would."""
    end = newest()
    values = {field.attname: getattr(source, field.attname) for field in Transfer._meta.concrete_fields}
    values |= {"id": None, "key": uuid.uuid4().hex, "owner_seq": end.owner_seq + 1} | changes
    change = values["amount_micros"] if values["credit_id"] == source.owner_id else -values["amount_micros"]
    values["owner_balance"] = end.owner_balance + change
    line = Line(**{name: values[name] for name in Line._fields})
    Transfer(**values | {"owner_hash": line_hash(end.owner_hash, line)}).save(force_insert=True)
    wallet().update(seq=F("seq") + 1, posted=F("posted") + change)
    CreditLot.objects.filter(pk=values["lot_id"]).update(remaining=F("remaining") + change)


@dataclass(frozen=True)
class Corruption:
    plant: Callable[[], object]
    codes: set[str]
    without: tuple[str, ...] = ()  # unique indexes that stand in its way


CORRUPTIONS = {
    "an edited amount": Corruption(
        lambda: transfers(key=f"short:hold:settle:{lots('paid').get().pk}").update(
            amount_micros=F("amount_micros") - 1
        ),
        {"posted_differs", "lot_differs", "settle_differs", "chain_balance", "chain_hash", "not_zero_sum"},
    ),
    "an edited memo": Corruption(lambda: transfers(kind="grant", key="paid").update(memo="Gift"), {"chain_hash"}),
    "an edited date": Corruption(lambda: transfers(key="paid").update(created_at=timezone.now()), {"chain_hash"}),
    "an edited balance": Corruption(
        lambda: transfers(key="paid").update(owner_balance=F("owner_balance") + 1), {"chain_balance", "chain_hash"}
    ),
    "a charge given to another account": Corruption(
        lambda: transfers(reverses__isnull=False).update(debit=posting.platform("write_off")),
        {"chain_hash", "reversal_differs"},
    ),
    "a broken hash": Corruption(lambda: transfers(key="paid").update(owner_hash="0" * 64), {"chain_hash"}),
    "a deleted grant": Corruption(
        lambda: drop(transfers(key="paid")),
        {"posted_differs", "lot_differs", "lot_not_funded", "chain_gap", "not_zero_sum"},
    ),
    "a deleted newest line": Corruption(
        lambda: drop(transfers(pk=newest().pk)), {"posted_differs", "lot_differs", "chain_end", "not_zero_sum"}
    ),
    "a line number twice": Corruption(
        lambda: transfers(key="late").update(owner_seq=F("owner_seq") - 1),
        {"chain_number_twice", "chain_gap"},
        ("transfer_line_number_once",),
    ),
    "a wrong posted": Corruption(
        lambda: wallet().update(posted=F("posted") + 1), {"posted_differs", "lots_differ", "not_zero_sum"}
    ),
    "a wrong held": Corruption(lambda: wallet().update(held=F("held") + 1), {"held_differs"}),
    "an overdrawn wallet": Corruption(
        lambda: wallet().update(posted=1), {"overdrawn", "posted_differs", "lots_differ", "not_zero_sum"}
    ),
    "a platform account with a balance": Corruption(
        lambda: LedgerAccount.objects.filter(code="revenue").update(posted=5), {"untracked_balance"}
    ),
    "credit out of nowhere": Corruption(
        lambda: lots("paid").update(remaining=F("remaining") + 1), {"lots_differ", "lot_differs"}
    ),
    "credit moved between lots": Corruption(
        lambda: (lots("paid").update(remaining=F("remaining") - 1), lots("late").update(remaining=F("remaining") + 1)),
        {"lot_differs"},
    ),
    "credit moved to another wallet": Corruption(
        lambda: lots("other:welcome").update(account=wallet().get()),
        {"lots_differ", "transfer_lot", "lot_not_funded"},
    ),
    "a lot that was held more": Corruption(lambda: lots("paid").update(held=F("held") + 1), {"lot_held_differs"}),
    "a lot beyond its bounds": Corruption(
        lambda: lots("late").update(held=1), {"lot_held_differs", "lot_out_of_bounds"}
    ),
    "a lot larger than what paid for it": Corruption(
        lambda: lots("paid").update(granted=F("granted") + 1), {"lot_not_funded"}
    ),
    "a hold without lots": Corruption(
        lambda: drop(HoldLot.objects.filter(hold__state="open")), {"hold_lots_differ", "lot_held_differs"}
    ),
    "a hold that grew": Corruption(
        lambda: Hold.objects.filter(state="open").update(amount_micros=F("amount_micros") + 1),
        {"held_differs", "hold_lots_differ"},
    ),
    "a hold on another wallet's credit": Corruption(
        lambda: HoldLot.objects.filter(hold__state="open").update(lot=lots("other:welcome").get()),
        {"hold_lot_of_another", "lot_held_differs"},
    ),
    "a hold that never closed": Corruption(
        lambda: Hold.objects.filter(key="released:hold").update(state="open", settled_micros=None, closed_at=None),
        {"held_differs", "lot_held_differs"},
    ),
    "a hold settled above its amount": Corruption(
        lambda: Hold.objects.filter(key="wrong:hold").update(settled_micros=2 * DOLLAR),
        {"hold_state", "settle_differs"},
    ),
    "a settled hold without an amount": Corruption(
        lambda: Hold.objects.filter(key="wrong:hold").update(settled_micros=None), {"hold_state", "settle_differs"}
    ),
    "a released hold that was charged": Corruption(
        lambda: Hold.objects.filter(key="wrong:hold").update(state="released", settled_micros=0), {"settle_differs"}
    ),
    "two settles of a hold": Corruption(
        lambda: append_line(transfers(key__startswith="wrong:hold").get()),
        {"settle_differs", "settled_twice"},
        ("transfer_settles_a_lot_once",),
    ),
    "a settle of a lot that bore nothing": Corruption(
        lambda: append_line(
            transfers(key__startswith="wrong:hold").get(), hold_id=Hold.objects.get(key="long:hold").pk
        ),
        {"settle_differs", "settle_beyond_lot"},
    ),
    "a second reversal": Corruption(
        lambda: append_line(transfers(kind="reversal").get()), {"reversed_twice"}, ("transfer_reversed_once",)
    ),
    "a reversal of another amount": Corruption(
        lambda: append_line(
            transfers(kind="expire", lot=lots("late").get()).get(),
            kind="reversal",
            amount_micros=1,
            reverses_id=transfers(key="late").get().pk,
            lot_id=lots("paid").get().pk,
        ),
        {"reversal_differs"},
    ),
    "a transfer of nothing": Corruption(
        lambda: transfers(subject="render:long", kind="provider_cost").update(amount_micros=0),
        {"transfer_amount", "usage_cost"},
    ),
    "a transfer to itself": Corruption(
        lambda: transfers(subject="render:long", kind="provider_cost").update(credit=posting.platform("provider_cost")),
        {"transfer_to_itself"},
    ),
    "a wallet's transfer outside its chain": Corruption(
        lambda: transfers(pk=newest().pk).update(owner=None, owner_seq=None, owner_balance=None, owner_hash=""),
        {"transfer_owner", "chain_end", "lot_differs"},
    ),
    "usage without its cost": Corruption(
        lambda: drop(transfers(subject="render:long", kind="provider_cost")), {"usage_cost"}
    ),
    "usage without its write-off": Corruption(lambda: drop(transfers(kind="writeoff")), {"usage_write_off"}),
    "usage that says less": Corruption(
        lambda: Usage.objects.filter(subject="render:short").update(amount_micros=F("amount_micros") - 1),
        {"usage_not_charged", "usage_amount", "usage_days_differ"},
    ),
    "a day that says less": Corruption(
        lambda: UsageDay.objects.filter(dimension="member").update(videos=0), {"usage_days_differ"}
    ),
    "a code that counts less": Corruption(
        lambda: PromotionCode.objects.create(code="X", amount_micros=1, reason="x", redeemed=1), {"promotion_differs"}
    ),
    "usage that was shorter": Corruption(
        lambda: Usage.objects.filter(subject="render:short").update(measured_ms=24_000), {"usage_amount"}
    ),
    "usage of another workspace": Corruption(
        lambda: Usage.objects.filter(subject="render:short").update(
            workspace=LedgerAccount.objects.get(workspace__slug="other").workspace
        ),
        {"usage_wallet", "usage_days_differ"},
    ),
    "usage on a hold that is open": Corruption(
        lambda: Usage.objects.filter(subject="render:short").update(hold=Hold.objects.get(state="open")),
        {"usage_not_charged"},
    ),
    "an edited price": Corruption(lambda: Price.objects.update(price_micros_per_second=90_000), {"usage_amount"}),
}


def test_the_books_are_in_order_before_anything_is_planted() -> None:
    assert verification.verify() == []


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_verification_finds(name: str) -> None:
    corruption = CORRUPTIONS[name]
    with lawless(*corruption.without):
        corruption.plant()
    findings = verification.verify()
    assert {finding.code for finding in findings} == corruption.codes
    assert all(finding.sentence.endswith(".") for finding in findings)


@pytest.mark.postgresql  # SQLite can't drop a column's UNIQUE without a new table
def test_verification_finds_a_key_that_acted_twice() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE billing_transfer DROP CONSTRAINT billing_transfer_key_key")
    append_line(transfers(kind="expire", lot=lots("late").get()).get(), lot_id=lots("paid").get().pk, key="paid")
    assert {finding.code for finding in verification.verify()} == {"key_twice"}


def test_other_apps_can_add_their_rules() -> None:
    finding = Finding("render_open_hold", "A render has ended and its hold is open.")
    assert verification.verify([lambda: [finding]]) == [finding]
    checks: list[Callable[[], list[Finding]]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("billing.verify.verification._registered", checks)
        for _ in range(2):
            register_check(_finds_something)
        assert verify() == [finding]
    assert verify() == []


def _finds_something() -> list[Finding]:
    return [Finding("render_open_hold", "A render has ended and its hold is open.")]
