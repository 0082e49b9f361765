"""The machine that drives the ledger: grants, holds, settles, releases, expiries and corrections, in any order,
repeated, and stopped in the middle. ``machine_purchases`` adds what is bought, refunded and disputed.

After every step the model agrees; every few steps, and at the end, all of ``verify()`` is clean and what was written
before stands as it was.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import strategies as some
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from avatarsite.db import raw
from billing.errors import CannotReverse, HoldAlreadyClosed, InsufficientCredit, KeyConflict, WalletFrozen
from billing.holds import holds
from billing.ledger import posting
from billing.models import CreditLot, Hold, Price, Transfer
from billing.money import charge_micros
from billing.usage import metering
from billing.verify import verification
from tests.billing.cast import OFFER, make_price, make_workspace
from tests.billing.stateful.model import Model, ModelCharge, ModelHold, ModelLot, ModelWallet

# Everything is verified after so many steps; in between, only what the steps have touched.
VERIFY_EVERY = 12


class Crash(Exception):
    """The machine stops in the middle of an operation."""


@contextmanager
def crash_before_statement(number: int) -> Iterator[None]:
    """Run the block as if the machine stopped before its ``number``-th statement, or else right before its commit."""
    left = number

    def count(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        if sql.split(maxsplit=1)[0] in {"INSERT", "UPDATE", "SELECT"}:
            left -= 1
            if not left:
                raise Crash
        return execute(sql, params, many, context)

    try:
        with transaction.atomic():
            with connection.execute_wrapper(count):
                yield
            raise Crash  # noqa: TRY301
    except Crash:
        return


amounts = some.integers(1, 2_000) | some.sampled_from([1, 2, 10**6, 10**12])
# Most operations run whole; some stop before one of their statements first, and then run.
crashes = some.sampled_from([None] * 36 + list(range(1, 13)))
few = some.integers(0, 1)


class LedgerMachine(RuleBasedStateMachine):
    ran: Counter[str] = Counter()
    lots = Bundle("lots")
    placed = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(timezone, "now", lambda: self.model.now)
        self.transaction = transaction.atomic()
        self.model = Model([])
        self.history: list[tuple[Any, ...]] = []
        self.charges: list[ModelCharge] = []
        self.number = self.steps = 0
        self.transaction.__enter__()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None and self.model.wallets:
                self.everything_agrees()
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)
            self.patch.undo()

    @initialize(target=lots, amount=some.integers(1_000, 10**7))
    def open_wallets(self, amount: int) -> Any:
        workspaces = [make_workspace("acme"), make_workspace("other")]
        self.model.wallets = [ModelWallet(workspace) for workspace in workspaces]
        self.price: Price = make_price(cost=7_000, price=11_000)
        return multiple(*(self.grant_of(wallet, amount, "paid", None, 50) for wallet in self.model.wallets))

    def next_key(self, name: str) -> str:
        self.number += 1
        return f"{name}:{self.number}"

    def act(self, operation: Callable[[], Any], crash: int | None = None) -> Any:
        """What the operation gives, or the refusal that it raises; crashed before that, if so asked."""
        self.ran[operation.__qualname__.split(".")[1]] += 1
        if crash:
            with crash_before_statement(crash):
                refused(operation)
            self.wallets_agree()
        return refused(operation)

    # --- Credit comes and goes ---------------------------------------------------------------------------------------

    @rule(
        target=lots,
        wallet=few,
        amount=amounts,
        category=some.sampled_from(["bonus", "paid"]),
        days=some.sampled_from([None, None, 1, 2, 3]),
        priority=some.sampled_from([50, 50, 50, 10]),
        crash=crashes,
    )
    def grant(  # noqa: PLR0917
        self, wallet: int, amount: int, category: str, days: int | None, priority: int, crash: int | None
    ) -> ModelLot:
        return self.grant_of(self.model.wallets[wallet], amount, category, days, priority, crash)

    def grant_of(  # noqa: PLR0917
        self,
        owner: ModelWallet,
        amount: int,
        category: str,
        days: int | None,
        priority: int,
        crash: int | None = None,
    ) -> ModelLot:
        key = self.next_key("grant")
        expires_at = self.model.now + timedelta(days=days) if days else None
        lot = ModelLot(self.number, key, category, priority, amount, expires_at, amount)
        self.act(lambda: self.add(owner, lot), crash)
        owner.lots.append(lot)
        self.model.platform["grants"] -= amount
        return lot

    def add(self, owner: ModelWallet, lot: ModelLot) -> CreditLot:
        return posting.add_credit(
            owner.workspace,
            lot.granted,
            source=posting.platform("grants"),
            kind="grant",
            key=lot.key,
            memo=lot.key,
            category=lot.category,
            expires_at=lot.expires_at,
            priority=lot.priority,
        )

    @rule(lot=lots, more=some.sampled_from([0, 0, 1, 5]))
    def grant_again(self, lot: ModelLot, more: int) -> None:
        owner = next(wallet for wallet in self.model.wallets if lot in wallet.lots)
        other = ModelLot(0, lot.key, lot.category, lot.priority, lot.granted + more, lot.expires_at, 0)
        again = self.act(lambda: self.add(owner, other))
        assert again is KeyConflict if more else again.source_key == lot.key

    @rule(lot=lots, crash=crashes)
    def reverse_grant(self, lot: ModelLot, crash: int | None) -> None:
        transfer = Transfer.objects.get(key=lot.key)
        done_before = transfer.reversals.exists()
        answer = self.act(lambda: posting.reverse(transfer, reason="wrong"), crash)
        if done_before or lot.free >= lot.granted:
            assert answer.reverses == transfer
        else:
            assert answer is InsufficientCredit
        if not done_before and lot.free >= lot.granted:
            lot.remaining -= lot.granted
            self.model.platform["grants"] += lot.granted

    @rule(crash=crashes)
    def expire(self, crash: int | None) -> None:
        due = self.act(lambda: posting.expire_lots(), crash)  # noqa: PLW0108 -- it is counted by its rule
        assert due == sum(self.model.sweep(wallet) for wallet in self.model.wallets)

    @rule(hours=some.sampled_from([1, 13, 24, 25, 80]))
    def wait(self, hours: int) -> None:
        self.ran["wait"] += 1
        self.model.now += timedelta(hours=hours)

    @rule(wallet=few, frozen=some.sampled_from([False, False, False, True]))
    def freeze(self, wallet: int, frozen: bool) -> None:
        owner = self.model.wallets[wallet]
        if frozen:
            self.act(lambda: posting.freeze(owner.workspace, reason="disputed"))
        else:
            self.act(lambda: posting.unfreeze(owner.workspace))
        owner.frozen = frozen

    # --- Holds -------------------------------------------------------------------------------------------------------

    @rule(target=placed, wallet=few, amount=amounts | some.just(0), crash=crashes)
    def place(self, wallet: int, amount: int, crash: int | None) -> Any:
        return self.place_of(self.model.wallets[wallet], amount, crash)

    @rule(target=placed, wallet=few, crash=crashes)
    def place_all(self, wallet: int, crash: int | None) -> Any:
        """Exactly what is there, to the micro-dollar."""
        owner = self.model.wallets[wallet]
        return self.place_of(owner, sum(lot.free for lot in owner.lots if not self.model.lapsed(lot)), crash)

    def place_of(self, owner: ModelWallet, amount: int, crash: int | None) -> Any:
        key = self.next_key("render")
        answer = self.act(lambda: self.ask(owner, amount, key), crash)
        expected = self.model.place(owner, amount)
        if isinstance(expected, type):
            assert answer is expected
            return multiple()
        hold = ModelHold(owner, key, f"subject {key}", amount, expected)
        shares = answer.lots.order_by("id").values_list("lot__source_key", "amount_micros")
        assert list(shares) == [(lot.key, share) for lot, share in expected]
        owner.holds.append(hold)
        return hold

    def ask(self, owner: ModelWallet, amount: int, key: str) -> Hold:
        return holds.place_hold(owner.workspace, amount, key=key, subject=f"subject {key}")

    @rule(hold=placed, more=some.sampled_from([0, 0, 1, 5]))
    def place_again(self, hold: ModelHold, more: int) -> None:
        again = self.act(lambda: self.ask(hold.wallet, hold.amount + more, hold.key))
        if more:
            assert again is KeyConflict
        else:
            assert (again.state, again.amount_micros) == (hold.state, hold.amount)

    @rule(hold=placed, percent=some.sampled_from([0, 1, 50, 99, 100, 101]), crash=crashes)
    def settle(self, hold: ModelHold, percent: int, crash: int | None) -> None:
        amount = -(-hold.amount * percent // 100)
        stored = Hold.objects.get(key=hold.key)
        answer = self.act(lambda: holds.settle_hold(stored, amount), crash)
        if amount > hold.amount:
            assert answer is ValueError
        elif hold.state == "released":
            assert answer is HoldAlreadyClosed
        elif hold.state == "settled" and hold.settled != amount:
            assert answer is KeyConflict
        else:
            assert (answer.state, answer.settled_micros) == ("settled", amount)
            if hold.state == "open":
                self.charges += self.model.close(hold, "settled", amount)

    @rule(hold=placed, crash=crashes)
    def release(self, hold: ModelHold, crash: int | None) -> None:
        stored = Hold.objects.get(key=hold.key)
        answer = self.act(lambda: holds.release_hold(stored, reason="cancelled"), crash)
        if hold.state == "settled":
            assert answer is HoldAlreadyClosed
        else:
            assert answer.state == "released"
            if hold.state == "open":
                self.model.close(hold, "released", 0)

    @rule(hold=placed, measured_ms=some.integers(1, 100_000), crash=crashes)
    def meter(self, hold: ModelHold, measured_ms: int, crash: int | None) -> None:
        if hold.state != "open":
            return
        stored = Hold.objects.get(key=hold.key)
        facts = {"subject": hold.subject, "offer": OFFER, "price": self.price, "hold": stored}
        for attempt in range(2):  # the second must change nothing
            usage = self.act(
                lambda: metering.record_usage(workspace=hold.wallet.workspace, measured_ms=measured_ms, **facts),
                None if attempt else crash,
            )
        due, cost = charge_micros(measured_ms, 11_000), charge_micros(measured_ms, 7_000)
        amount = min(due, hold.amount)
        assert (usage.amount_micros, usage.write_off_micros, usage.cost_micros) == (amount, due - amount, cost)
        self.charges += self.model.close(hold, "settled", amount)
        self.model.platform.update(revenue=due - amount, write_off=amount - due, provider_cost=-cost)
        self.model.platform["provider_payable:acme"] += cost

    @rule(pick=some.integers(0, 1_000), crash=crashes)
    def reverse_charge(self, pick: int, crash: int | None) -> None:
        if not self.charges:
            return
        charge = self.charges[pick % len(self.charges)]
        transfer = Transfer.objects.get(hold__key=charge.key, lot__source_key=charge.lot.key, kind="settle")
        answer = self.act(lambda: posting.reverse(transfer, reason="wrong"), crash)
        assert answer.reverses == transfer
        if not charge.reversed:
            charge.reversed = True
            charge.lot.remaining += charge.amount
            self.model.platform["revenue"] -= charge.amount
        self.model.sweep(charge.wallet)

    @rule(hold=placed, crash=crashes)
    def give_charge_back(self, hold: ModelHold, crash: int | None) -> None:
        """All of a charge, or what was not reversed by hand of it; once."""
        stored = Hold.objects.get(key=hold.key)
        left = [charge for charge in self.charges if charge.key == hold.key and not charge.reversed]
        answer = self.act(lambda: metering.reverse_charge(stored, reason="wrong"), crash)
        assert answer is (False if hold.returned else True if left else CannotReverse)
        for charge in left:
            charge.reversed = True
            charge.lot.remaining += charge.amount
            self.model.platform["revenue"] -= charge.amount
        if left:
            hold.returned = hold.settled or 0
            self.model.sweep(hold.wallet)
        assert Hold.objects.get(key=hold.key).returned_micros == hold.returned

    # --- What must hold after every step -----------------------------------------------------------------------------

    @invariant()
    def what_stands_agrees(self) -> None:
        self.steps += 1
        self.wallets_agree()
        if self.steps % VERIFY_EVERY == 0:
            self.everything_agrees()

    def everything_agrees(self) -> None:
        findings = verification.verify()
        assert findings == [], findings
        lines = told("SELECT id, key, amount_micros, memo, owner_hash FROM billing_transfer ORDER BY id")
        assert lines[: len(self.history)] == self.history
        self.history = lines
        held = told("SELECT key, amount_micros, state, settled_micros FROM billing_hold")
        assert set(held) == {(x.key, x.amount, x.state, x.settled) for w in self.model.wallets for x in w.holds}
        assert platform_sums() == {code: total for code, total in self.model.platform.items() if total}

    def wallets_agree(self) -> None:
        for wallet in self.model.wallets:
            balance = posting.balance(wallet.workspace)
            live = [(lot.category, lot.held if self.model.lapsed(lot) else lot.remaining) for lot in wallet.lots]
            paid = sum(amount for category, amount in live if category == "paid")
            bonus = sum(amount for category, amount in live if category == "bonus")
            assert (balance.posted_micros, balance.held_micros) == (wallet.posted, wallet.held)
            assert (balance.paid_micros, balance.bonus_micros) == (paid, bonus)
            assert balance.available_micros == paid + bonus - wallet.held
            assert bool(balance.frozen_at) == wallet.frozen
        lots = told("SELECT source_key, granted, remaining, held FROM billing_creditlot")
        assert set(lots) == {(x.key, x.granted, x.remaining, x.held) for w in self.model.wallets for x in w.lots}


PLATFORM_SUMS = """
SELECT a.code, SUM(m.amount) FROM (
    SELECT credit_id AS id, amount_micros AS amount FROM billing_transfer
    UNION ALL SELECT debit_id, -amount_micros FROM billing_transfer
) m JOIN billing_ledgeraccount a ON a.id = m.id WHERE NOT a.tracked GROUP BY a.code
"""


def platform_sums() -> dict[str, int]:
    """The balance of every platform account that has one: credits less debits."""
    return {code: int(total) for code, total in told(PLATFORM_SUMS) if total}


def told(query: str) -> list[tuple[Any, ...]]:
    sql = raw.Session()
    return sql.run(query)


def refused(operation: Callable[[], Any]) -> Any:
    """What the operation gives, or the type of the refusal that it raises."""
    try:
        return operation()
    except (InsufficientCredit, WalletFrozen, KeyConflict, HoldAlreadyClosed, CannotReverse, ValueError) as refusal:
        return type(refusal)
