"""What is bought, refunded, disputed, given up and redeemed, for the machine. Stripe's facts are written here.

How Stripe's money is spread over lots is taken over from the ledger after each step; what is demanded is what the
accounts must then say by the states of top-ups, refunds and disputes alone, that whoever owes is frozen, and that
news which comes a second time moves nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as some
from hypothesis.stateful import Bundle, initialize, multiple, rule

from avatarsite.workspaces.models import User
from billing.debts import freezes, receivables, write_offs
from billing.models import PromotionCode, Refund, StripeCustomer, TopUp
from billing.promotions import promotions
from billing.promotions.promotions import CodeRefused
from billing.refunds import disputes, refunds
from billing.stripe import client
from billing.stripe.objects import DisputeFacts, PaymentFacts, RefundFacts, SessionFacts
from billing.topups import checkout
from tests.billing.stateful.machine import LedgerMachine, crashes, few, platform_sums, told
from tests.billing.stateful.model import ModelLot, ModelWallet

CENT = 10_000
# What the rules of Stripe's money decide among themselves, and the machine takes over.
SPREAD = ("breakage", "write_off", "receivable:")


@dataclass(eq=False)
class Payment:
    wallet: ModelWallet
    number: int
    top_up: str
    cents: int
    tax: int
    paid: bool = False

    @property
    def intent(self) -> str:
        return f"pi_{self.number}"


@dataclass(eq=False)
class Motion:
    """A refund or a dispute at Stripe; ``row`` is ours, where it was asked for here."""

    payment: Payment
    number: int
    cents: int
    row: str = ""


@dataclass(eq=False)
class ModelCode:
    word: str
    amount: int
    days: int | None
    most: int | None
    users: set[int]
    wallets: set[int]


class WholeMachine(LedgerMachine):
    payments = Bundle("payments")
    given_back = Bundle("refunds")
    disputed = Bundle("disputes")
    codes = Bundle("codes")

    def __init__(self) -> None:
        super().__init__()
        # What Stripe knows of refunds is told to the machine by its own rules, and there is nobody else to ask.
        self.patch.setattr(client, "refunds_of", lambda _payment: [])

    @initialize()
    def hire(self) -> None:
        self.people = [User.objects.create(email=f"{name}@example.org", name=name) for name in ("ann", "ben")]

    def customer_of(self, wallet: ModelWallet) -> StripeCustomer:
        number = self.model.wallets.index(wallet)
        made, _ = StripeCustomer.objects.get_or_create(
            workspace=wallet.workspace,
            livemode=False,
            defaults={"stripe_id": f"cus_{number}", "email": "ann@example.org", "name": "Ann"},
        )
        return made

    # --- Promotion codes ---------------------------------------------------------------------------------------------

    @rule(
        target=codes,
        amount=some.integers(1, 5_000),
        days=some.sampled_from([None, 1, 3]),
        most=some.sampled_from([None, 1, 2]),
    )
    def make_code(self, amount: int, days: int | None, most: int | None) -> ModelCode:
        word = self.next_key("code").upper()
        PromotionCode.objects.create(
            code=word, amount_micros=amount, reason=word, credit_days=days, most=most, starts_at=self.model.now
        )
        return ModelCode(word, amount, days, most, set(), set())

    @rule(code=codes, wallet=few, person=few, crash=crashes)
    def redeem(self, code: ModelCode, wallet: int, person: int, crash: int | None) -> None:
        owner, user = self.model.wallets[wallet], self.people[person]
        answer = self.act(lambda: promotions.redeem(owner.workspace, code.word.lower(), user=user), crash)
        used_up = code.most is not None and len(code.users) >= code.most
        if used_up or wallet in code.wallets or person in code.users:
            assert answer is CodeRefused
            return
        code.wallets.add(wallet)
        code.users.add(person)
        self.number += 1
        expires_at = self.model.now + timedelta(days=code.days) if code.days else None
        owner.lots.append(ModelLot(self.number, answer.source_key, "bonus", 50, code.amount, expires_at, code.amount))
        self.model.platform["grants"] -= code.amount

    # --- Top-ups -----------------------------------------------------------------------------------------------------

    @rule(
        target=payments,
        wallet=few,
        cents=some.sampled_from([500, 1_000, 1_999]),
        tax=some.sampled_from([0, 0, 97]),
        paid=some.sampled_from([True, True, False]),
        crash=crashes,
    )
    def buy(self, wallet: int, cents: int, tax: int, paid: bool, crash: int | None) -> Payment:
        owner = self.model.wallets[wallet]
        self.number += 1
        row = TopUp.objects.create(
            workspace=owner.workspace,
            customer=self.customer_of(owner),
            amount_cents=cents,
            livemode=False,
            session_id=f"cs_{self.number}",
        )
        payment = Payment(owner, self.number, row.pk, cents, tax)
        self.tell_of(payment, paid=paid, crash=crash)
        return payment

    @rule(payment=payments, paid=some.booleans(), crash=crashes)
    def pay(self, payment: Payment, paid: bool, crash: int | None) -> None:
        """News of a session: paid at last, or news from before, which comes too late and changes nothing."""
        self.tell_of(payment, paid=paid, crash=crash)

    def tell_of(self, payment: Payment, *, paid: bool, crash: int | None) -> None:
        facts = self.session_of(payment, paid=paid)
        self.happens(lambda: checkout.book_session(facts), crash)
        payment.paid = payment.paid or paid

    def session_of(self, payment: Payment, *, paid: bool) -> SessionFacts:
        names = {"topup": payment.top_up}
        total, customer = payment.cents + payment.tax, self.customer_of(payment.wallet).stripe_id or ""
        common: dict[str, Any] = {
            "currency": "usd",
            "customer_id": customer,
            "livemode": False,
            "metadata": names,
            "created_at": self.model.now,
        }
        status = "succeeded" if paid else "processing"
        intent = PaymentFacts(
            id=payment.intent, status=status, amount=total, amount_received=total if paid else 0, **common
        )
        return SessionFacts(
            id=f"cs_{payment.number}",
            mode="payment",
            status="complete",
            payment_status="paid" if paid else "unpaid",
            url="",
            amount_subtotal=payment.cents,
            amount_total=total,
            amount_tax=payment.tax,
            reference=payment.top_up,
            payment_id=payment.intent,
            payment=intent,
            **common,
        )

    # --- Refunds -----------------------------------------------------------------------------------------------------

    @rule(
        target=given_back,
        payment=payments,
        cents=some.sampled_from([1, 250, 500, 9_999]),
        status=some.sampled_from(["pending", "succeeded", "failed"]),
        crash=crashes,
    )
    def refund_at_stripe(self, payment: Payment, cents: int, status: str, crash: int | None) -> Any:
        left = (
            payment.cents
            + payment.tax
            - sum(
                row.amount_cents
                for row in Refund.objects.filter(top_up=payment.top_up).exclude(state__in=["failed", "cancelled"])
            )
        )
        if not payment.paid or left <= 0:
            return multiple()
        self.number += 1
        refund = Motion(payment, self.number, min(cents, left))
        self.tell_refund(refund, status, crash)
        return refund

    @rule(
        target=given_back,
        payment=payments,
        percent=some.sampled_from([1, 50, 100, 101]),
        forgive=some.booleans(),
        crash=crashes,
    )
    def refund_here(self, payment: Payment, percent: int, forgive: bool, crash: int | None) -> Any:
        if not payment.paid:
            return multiple()
        row = TopUp.objects.get(pk=payment.top_up)
        most = refunds.refundable_micros(row, forgive_spent=forgive)
        cents, token = most * percent // 100 // CENT, uuid.uuid4()

        def ask() -> Refund:
            told_of = {"reason": "Asked for", "user": self.people[0], "token": token}
            return refunds.request_refund(row, cents * CENT, forgive_spent=forgive, **told_of)

        answer = self.happens(ask, crash)
        if answer is ValueError:
            return multiple()
        self.number += 1
        return Motion(payment, self.number, answer.amount_cents, answer.pk)

    @rule(refund=given_back, status=some.sampled_from(["pending", "succeeded", "failed", "canceled"]), crash=crashes)
    def tell_refund(self, refund: Motion, status: str, crash: int | None) -> None:
        facts = RefundFacts(
            id=f"re_{refund.number}",
            status=status,
            amount=refund.cents,
            currency="usd",
            payment_id=refund.payment.intent,
            failure="closed account" if status == "failed" else "",
            metadata={"refund": refund.row} if refund.row else {},
            created_at=self.model.now,
        )
        self.happens(lambda: refunds.book_refund(facts), crash)

    # --- Freezing by hand ---------------------------------------------------------------------------------------------

    @rule(wallet=few, frozen=some.sampled_from([False, False, False, True]))
    def freeze(self, wallet: int, frozen: bool) -> None:
        """As an operator does it, who can't lift what the rules have frozen."""
        owner = self.model.wallets[wallet].workspace
        if frozen:
            self.happens(lambda: freezes.freeze_by_hand(owner, reason="By hand"), None)
        else:
            self.happens(lambda: freezes.end_own_freeze(owner), None)

    # --- Disputes ----------------------------------------------------------------------------------------------------

    @rule(target=disputed, payment=payments, status=some.sampled_from(["warning_needs_response", "needs_response"]))
    def dispute(self, payment: Payment, status: str) -> Any:
        if not payment.paid:
            return multiple()
        self.number += 1
        dispute = Motion(payment, self.number, payment.cents + payment.tax)
        self.tell_dispute(dispute, status, None)
        return dispute

    @rule(
        dispute=disputed,
        status=some.sampled_from(["warning_closed", "needs_response", "under_review", "won", "lost"]),
        crash=crashes,
    )
    def tell_dispute(self, dispute: Motion, status: str, crash: int | None) -> None:
        facts = DisputeFacts(
            id=f"dp_{dispute.number}",
            status=status,
            reason="fraudulent",
            amount=dispute.cents,
            currency="usd",
            payment_id=dispute.payment.intent,
            livemode=False,
            fee=0 if status == "won" or status.startswith("warning") else 1_500,
            created_at=self.model.now,
        )
        self.happens(lambda: disputes.book_dispute(facts), crash)

    @rule(wallet=few, way=some.sampled_from(["let_go_on", "forgive", "forgive", "collect"]), crash=crashes)
    def put_right(self, wallet: int, way: str, crash: int | None) -> None:
        """What an operator and the sweep do about debts and lost disputes."""
        workspace, token = self.model.wallets[wallet].workspace, self.next_key("token")
        owed = receivables.owed_micros(workspace)
        ways: dict[str, Callable[[], int]] = {
            "let_go_on": lambda: disputes.let_go_on(workspace),
            "forgive": lambda: write_offs.write_off(workspace, reason="Goodwill", token=token),
            "collect": lambda: receivables.settle_receivable(workspace),
        }
        answer = self.happens(ways[way], crash)
        left = receivables.owed_micros(workspace)
        told_of = {"forgive": (owed, 0), "collect": (left, left)}
        assert (answer, left) == told_of.get(way, (answer, owed))

    # --- What must hold after news of Stripe's -----------------------------------------------------------------------

    def happens(self, operation: Callable[[], Any], crash: int | None) -> Any:
        """Do it, take over how it was spread, hold the accounts against the states, and do it again for nothing."""
        answer = self.act(operation, crash)
        self.take_over()
        before = told("SELECT COUNT(*), MAX(id) FROM billing_transfer")
        self.act(operation)
        assert told("SELECT COUNT(*), MAX(id) FROM billing_transfer") == before
        return answer

    def take_over(self) -> None:
        """By plain SQL, because it happens after every other step and Django's queries would take longer than those."""
        lots = told(
            "SELECT account_id, source_key, category, priority, granted, remaining, held FROM billing_creditlot"
        )
        sums = platform_sums()
        for account, workspace, frozen, reason in told(_WALLETS):
            wallet = next(wallet for wallet in self.model.wallets if wallet.workspace.pk == workspace)
            known = {lot.key: lot for lot in wallet.lots}
            for _, key, category, priority, granted, remaining, held in (row for row in lots if row[0] == account):
                if key not in known:
                    self.number += 1
                    known[key] = ModelLot(self.number, key, category, priority, granted, None, 0)
                    wallet.lots.append(known[key])
                known[key].remaining, known[key].held = remaining, held
            wallet.frozen = self.frozen_as_the_rules_say(wallet, bool(frozen), reason, sums)
        self.accounts_as_the_states_say(sums)

    def frozen_as_the_rules_say(self, wallet: ModelWallet, frozen: bool, reason: str, sums: dict[str, int]) -> bool:
        """Who owes, or has an open dispute or a lost one, is frozen; nobody else is, but by an operator."""
        owed = -sums.get(f"receivable:{wallet.workspace.pk}", 0)
        assert owed >= 0
        if frozen and reason not in freezes.OURS:
            return True
        states = {
            state for state, workspace, cleared in told(_DISPUTES) if workspace == wallet.workspace.pk and not cleared
        }
        stopped = owed > 0 or bool(states & {"open", "lost"})
        assert frozen == stopped
        return stopped

    def accounts_as_the_states_say(self, sums: dict[str, int]) -> None:
        expected = {code: total for code, total in self.model.platform.items() if not code.startswith(SPREAD)}
        expected |= {"stripe_clearing": 0, "stripe_fees": 0, "refunds": 0, "disputes": 0}
        ((paid,),) = told("SELECT COALESCE(SUM(amount_cents), 0) FROM billing_topup WHERE state = 'paid'")
        expected["stripe_clearing"] -= int(paid) * CENT
        for table, where in _WHERE.items():
            for state, credit in told(f"SELECT state, SUM(credit_micros) FROM billing_{table} GROUP BY state"):
                if state in where:
                    expected[where[state]] += int(credit)
        ((fees,),) = told("SELECT COALESCE(SUM(fee_cents), 0) FROM billing_dispute")
        expected["stripe_clearing"] += int(fees) * CENT
        expected["stripe_fees"] -= int(fees) * CENT
        ours = {code: total for code, total in sums.items() if not code.startswith(SPREAD)}
        assert ours == {code: total for code, total in expected.items() if total}
        spread = {code: total for code, total in sums.items() if code.startswith(SPREAD)}
        self.model.platform.clear()
        self.model.platform.update(expected | spread)


# Where the credit of a refund or a dispute stands by its state; nowhere, once it has gone back to the wallet.
_WHERE = {
    "refund": {"requested": "refunds", "pending": "refunds", "succeeded": "stripe_clearing"},
    "dispute": {"open": "disputes", "lost": "stripe_clearing"},
}
_WALLETS = (
    "SELECT id, workspace_id, frozen_at IS NOT NULL, frozen_reason FROM billing_ledgeraccount WHERE kind = 'wallet'"
)
_DISPUTES = """
SELECT d.state, t.workspace_id, d.cleared_at IS NOT NULL FROM billing_dispute d
JOIN billing_topup t ON t.id = d.top_up_id
"""
