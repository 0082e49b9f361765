"""Many at once on one wallet. Each race sets up, lets its runners go together, and says what must hold afterwards.

The same races run in threads on PostgreSQL (test_races.py) and in processes on a SQLite file:
``VAR_DIR=/tmp/x python -m tests.billing.ledger.races`` migrates a database there, runs them all and prints what came
of each.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from unittest.mock import patch

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "avatarsite.settings"
    import django

    django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.db.models import Sum
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.budgets import budgets
from billing.debts import receivables, write_offs
from billing.errors import BudgetReached, HoldAlreadyClosed, InsufficientCredit, KeyConflict, WalletFrozen
from billing.holds import holds
from billing.ledger import posting
from billing.models import (
    BudgetNotice,
    BudgetPeriod,
    CreditLot,
    Dispute,
    Hold,
    Refund,
    StripeCustomer,
    TopUp,
    Transfer,
    TransferKind,
    Usage,
)
from billing.refunds import disputes, refunds
from billing.stripe import client
from billing.stripe.objects import DisputeFacts, PaymentFacts, RefundFacts, SessionFacts
from billing.topups import checkout
from billing.usage import metering
from billing.verify import verification
from tests.billing.cast import DOLLAR, give, hold, make_price, make_rich, make_workspace

PATIENCE = 900  # seconds: so many at one SQLite file are in no order
Job = Callable[[], object]
Together = Callable[[Sequence[Job]], list[object]]


def outcome(job: Job) -> object:
    """What a runner gives, or the name of the refusal; anything else is told with its trace."""
    try:
        return job()
    except (InsufficientCredit, BudgetReached, HoldAlreadyClosed, KeyConflict) as refusal:
        return type(refusal).__name__
    except Exception:  # noqa: BLE001 -- a race must report what it did not expect
        return traceback.format_exc()


def in_threads(jobs: Sequence[Job]) -> list[object]:
    start, connecting = threading.Barrier(len(jobs)), threading.Semaphore(8)

    def run(job: Job) -> object:
        with connecting:  # so many at a time; what races is what follows
            _connect()
        start.wait()
        try:
            return outcome(job)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def _connect() -> None:
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {PATIENCE * 1_000}")


def in_processes(jobs: Sequence[Job]) -> list[object]:
    connections.close_all()
    start, go = os.pipe()
    results = [_fork(job, start, go) for job in jobs]
    os.close(start)
    os.close(go)  # all forked: reading the other end now gives nothing, to everybody at once
    return [_read(*result) for result in results]


def _fork(job: Job, start: int, go: int) -> tuple[int, int]:
    result, answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        os.read(start, 1)
        with os.fdopen(answer, "wb") as pipe:
            pickle.dump(outcome(job), pipe)
        os._exit(0)
    os.close(answer)
    return pid, result


def _read(pid: int, result: int) -> object:
    with os.fdopen(result, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    return pickle.loads(answer)


def count(together: Together, jobs: Sequence[Job]) -> Counter[object]:
    return Counter(together(jobs))


def race_nobody_overdraws(together: Together) -> None:
    """$60.50 and 8 runners who each want $1 sixteen times: 60 get it, and nobody is refused while there is some."""
    workspace = make_workspace("overdraw")
    give(workspace, 40 * DOLLAR, "overdraw:paid", category="paid")
    give(workspace, 20 * DOLLAR + DOLLAR // 2, "overdraw:bonus")

    def want(runner: int) -> tuple[int, int]:
        got = [outcome(lambda n=n: hold(workspace, DOLLAR, f"overdraw:{runner}:{n}").state) for n in range(16)]
        return got.count("open"), got.count("InsufficientCredit")

    results = together([lambda runner=runner: want(runner) for runner in range(8)])
    assert [sum(column) for column in zip(*results, strict=True)] == [60, 68], results
    assert posting.balance(workspace).available_micros == DOLLAR // 2


def race_two_hundred_get_exactly_what_there_is(together: Together) -> None:
    """$60.50 and two hundred who each want $1 at the same moment: 60 get it. Nobody waits for ever, none overdraws."""
    workspace = make_workspace("crowd")
    give(workspace, 40 * DOLLAR, "crowd:paid", category="paid")
    give(workspace, 20 * DOLLAR + DOLLAR // 2, "crowd:bonus")
    jobs = [lambda number=number: hold(workspace, DOLLAR, f"crowd:{number}").state for number in range(200)]
    results = count(together, jobs)
    assert results == {"open": 60, "InsufficientCredit": 140}, results
    assert posting.balance(workspace).available_micros == DOLLAR // 2


def race_two_hundred_are_all_served_where_there_is_enough(together: Together) -> None:
    """$200 to the micro-dollar: each holds $1, and settles half of it or gives it back. Nobody is refused."""
    workspace = make_rich(200, slug="served")

    def buy(number: int) -> str:
        placed = hold(workspace, DOLLAR, f"served:{number}")
        if number % 4 == 0:
            return holds.release_hold(placed, reason="cancelled").state
        return holds.settle_hold(placed, DOLLAR // 2).state

    results = count(together, [lambda number=number: buy(number) for number in range(200)])
    assert results == {"settled": 150, "released": 50}, results
    balance = posting.balance(workspace)
    assert (balance.posted_micros, balance.held_micros) == (125 * DOLLAR, 0)


def race_news_of_stripe_against_spending(together: Together) -> None:
    """Payments, refunds and disputes told many times at once, while the credit is spent and what is owed given up."""
    workspace = make_rich(1, slug="stripe")
    names = {"workspace": workspace, "livemode": False}
    customer = StripeCustomer.objects.create(**names, stripe_id="cus_race", email="ann@example.org", name="Ann")
    bought = [
        TopUp.objects.create(**names, customer=customer, amount_cents=1_000, session_id=f"cs_race{number}").pk
        for number in range(3)
    ]
    paid = [partial(checkout.book_session, paid_session(pk, number)) for number, pk in enumerate(bought)]
    assert set(map(str, together([job for job in paid for _ in range(6)]))) == {
        text for pk in bought for text in (f"{pk} was credited", f"{pk} was credited before")
    }
    assert posting.balance(workspace).posted_micros == 31 * DOLLAR

    def spend(runner: int) -> str:
        for number in range(10):
            try:
                placed = hold(workspace, DOLLAR, f"stripe:{runner}:{number}")
            except (InsufficientCredit, WalletFrozen):
                continue
            holds.settle_hold(placed, DOLLAR)
        return "done"

    def give_up(token: str) -> str:
        write_offs.write_off(workspace, reason="Goodwill", token=token)
        return "done"

    news: list[Job] = [
        *[partial(refunds.book_refund, refund_facts(0, status)) for status in ("pending", "succeeded")] * 4,
        *[partial(disputes.book_dispute, dispute_facts(1, status)) for status in ("needs_response", "won")] * 4,
        *[partial(disputes.book_dispute, dispute_facts(2, status)) for status in ("needs_response", "lost")] * 4,
        *[partial(give_up, f"race:{number}") for number in range(2)],
    ]
    # A dispute asks Stripe for refunds that it has not told of yet; here all are told.
    with patch.object(client, "refunds_of", return_value=[]):
        results = together([*news, *(partial(spend, runner) for runner in range(6))])
    assert not [text for text in map(str, results) if "Traceback" in text], results
    assert Refund.objects.get().state == "succeeded"
    assert set(Dispute.objects.values_list("stripe_id", "state")) == {("dp_race1", "won"), ("dp_race2", "lost")}
    clearing = posting.platform("stripe_clearing")
    moved = Transfer.objects.filter(debit=clearing).aggregate(sum=Sum("amount_micros"))["sum"]
    back = Transfer.objects.filter(credit=clearing).aggregate(sum=Sum("amount_micros"))["sum"]
    assert moved - back == 10 * DOLLAR, (moved, back)
    assert receivables.owed_micros(workspace) >= 0


def paid_session(top_up: str, number: int) -> SessionFacts:
    common = {"currency": "usd", "customer_id": "cus_race", "livemode": False, "created_at": timezone.now()}
    names = {"topup": top_up}
    payment = PaymentFacts(
        id=f"pi_race{number}", status="succeeded", amount=1_000, amount_received=1_000, metadata=names, **common
    )
    return SessionFacts(
        id=f"cs_race{number}",
        mode="payment",
        status="complete",
        payment_status="paid",
        url="",
        amount_subtotal=1_000,
        amount_total=1_000,
        amount_tax=0,
        reference=top_up,
        payment_id=payment.id,
        payment=payment,
        metadata=names,
        **common,
    )


def refund_facts(number: int, status: str) -> RefundFacts:
    return RefundFacts(
        id=f"re_race{number}",
        status=status,
        amount=1_000,
        currency="usd",
        payment_id=f"pi_race{number}",
        failure="",
        metadata={},
        created_at=timezone.now(),
    )


def dispute_facts(number: int, status: str) -> DisputeFacts:
    return DisputeFacts(
        id=f"dp_race{number}",
        status=status,
        reason="fraudulent",
        amount=1_000,
        currency="usd",
        payment_id=f"pi_race{number}",
        livemode=False,
        fee=0,
        created_at=timezone.now(),
    )


def race_a_cap_admits_exactly_what_it_has_room_for(together: Together) -> None:
    """Two hundred ask at once for $1, and the tightest of three caps has room for ten."""
    workspace = make_rich(1_000, slug="capped")
    for scope, dollars in (("workspace", 30), ("project:prj_1", 10), ("member:7", 20)):
        budgets.set_budget(workspace, scope, dollars * DOLLAR, user=None)

    def ask(number: int) -> str:
        name = f"capped:{number}"
        whose = ["project:prj_1", "member:7"]
        return holds.place_hold(workspace, DOLLAR, key=name, subject=f"render:{name}", budgets=whose).state

    results = count(together, [lambda number=number: ask(number) for number in range(200)])
    assert results == {"open": 10, "BudgetReached": 190}, results
    assert set(BudgetPeriod.objects.values_list("spent_micros", "reserved_micros")) == {(0, 10 * DOLLAR)}
    assert list(BudgetNotice.objects.filter(scope="project:prj_1").order_by("percent").values_list("percent")) == [
        (50,),
        (80,),
        (100,),
    ]


def race_holds_against_caps_that_change(together: Together) -> None:
    """Caps are set, moved and taken away while holds come and go in and out of them: no count is lost."""
    workspace = make_rich(1_000, slug="recapped")
    whose = ["project:prj_2", "member:8"]

    def spend(runner: int) -> str:
        dice = random.Random(runner)
        for number in range(20):
            name = f"recapped:{runner}:{number}"
            try:
                placed = holds.place_hold(workspace, DOLLAR, key=name, subject=f"render:{name}", budgets=whose)
            except BudgetReached:
                continue
            if dice.random() < 0.5:
                holds.release_hold(placed, reason="cancelled")
            elif dice.random() < 0.8:
                holds.settle_hold(placed, DOLLAR // 2)
        return "done"

    def change() -> str:
        dice = random.Random(0)
        for _ in range(30):
            micros = dice.choice([None, 5 * DOLLAR, 50 * DOLLAR])
            budgets.set_budget(workspace, dice.choice(["workspace", *whose]), micros, user=None)
        return "done"

    results = count(together, [change, *(lambda runner=runner: spend(runner) for runner in range(6))])
    assert results == {"done": 7}, results


def race_the_same_key_acts_once(together: Together) -> None:
    workspace = make_rich(100, slug="once")
    price = make_price(offer="once:face")
    placed = hold(workspace, 5 * DOLLAR, "once:metered")
    charged = holds.settle_hold(hold(workspace, DOLLAR, "once:charged"), DOLLAR)
    charge = Transfer.objects.get(hold=charged)
    accounts = {"debit": posting.platform("provider_cost"), "credit": posting.platform("provider_payable:once")}
    facts = {"subject": "render:once:metered", "offer": "once:face", "price": price, "measured_ms": 12_345}
    jobs: dict[str, Job] = {
        "grant": lambda: give(workspace, DOLLAR, "once:gift").pk,
        "hold": lambda: hold(workspace, DOLLAR, "once:held").pk,
        "post": lambda: posting.post(**accounts, kind=TransferKind.ADJUST, amount_micros=7, key="once:post").pk,
        "usage": lambda: metering.record_usage(workspace=workspace, hold=Hold.objects.get(pk=placed.pk), **facts).pk,
        "reverse": lambda: posting.reverse(charge, reason="wrong").pk,
        "wallet": lambda: posting.wallet(Workspace.objects.get(slug="once")).pk,
    }
    for name, job in jobs.items():
        results = count(together, [job] * 8)
        assert list(results.values()) == [8], (name, results)
    assert CreditLot.objects.filter(source_key="once:gift").count() == 1
    assert Usage.objects.filter(subject="render:once:metered").count() == 1
    assert posting.balance(workspace).posted_micros == 101 * DOLLAR - 1_234_500


def race_new_wallets_and_accounts_are_made_once(together: Together) -> None:
    """The first use of everything, by all at once."""
    make_workspace("new")

    def begin(runner: int) -> str:
        workspace = Workspace.objects.get(slug="new")
        give(workspace, DOLLAR, f"new:{runner}")
        return holds.settle_hold(hold(workspace, DOLLAR, f"new:{runner}"), DOLLAR).state

    results = count(together, [lambda runner=runner: begin(runner) for runner in range(8)])
    assert results == {"settled": 8}, results


def race_a_hold_closes_one_way(together: Together) -> None:
    workspace = make_rich(100, slug="close")
    hold(workspace, 50 * DOLLAR, "close:other")  # so that the account alone would have enough for a second close
    for number in range(12):
        placed = hold(workspace, DOLLAR, f"close:{number}")

        def settle(pk: int = placed.pk) -> str:
            return holds.settle_hold(Hold.objects.get(pk=pk), DOLLAR).state

        def release(pk: int = placed.pk) -> str:
            return holds.release_hold(Hold.objects.get(pk=pk), reason="cancelled").state

        results = count(together, [settle, release] * 4)
        state = Hold.objects.get(pk=placed.pk).state
        assert results == {state: 4, "HoldAlreadyClosed": 4}, results
    assert posting.balance(workspace).held_micros == 50 * DOLLAR


def race_a_charge_is_given_back_once(together: Together) -> None:
    """Many operators press at once, while others spend and lots lapse: each charge comes back once, to its lots."""
    workspace = make_workspace("returned")
    give(workspace, 3 * DOLLAR, "returned:bonus")
    give(workspace, 40 * DOLLAR, "returned:paid", category="paid")
    for scope in ("workspace", "project:prj_3"):
        budgets.set_budget(workspace, scope, 100 * DOLLAR, user=None)
    charged = []
    for number in range(4):
        name = f"returned:{number}"
        whose = ["project:prj_3"]
        placed = holds.place_hold(workspace, 3 * DOLLAR, key=name, subject=f"render:{name}", budgets=whose)
        charged.append(holds.settle_hold(placed, 2 * DOLLAR))

    def spend(runner: int) -> str:
        for number in range(5):
            holds.settle_hold(hold(workspace, DOLLAR, f"returned:{runner}:{number}"), DOLLAR // 2)
        return "done"

    returning = [partial(metering.reverse_charge, placed, reason="A test") for placed in charged for _ in range(6)]
    results = count(together, [*returning, *(partial(spend, runner) for runner in range(3))])
    assert results == {True: 4, False: 20, "done": 3}, results
    assert posting.balance(workspace).posted_micros == 43 * DOLLAR - 15 * DOLLAR // 2
    spent = dict(BudgetPeriod.objects.filter(workspace=workspace).values_list("scope", "spent_micros"))
    assert spent == {"workspace": 15 * DOLLAR // 2, "project:prj_3": 0}, spent


def race_everything_at_once(together: Together) -> None:
    """Grants, holds, settles, releases, expiries, reversals and checks: no deadlock, and it all adds up."""
    workspaces = [make_rich(5, slug="all-one"), make_rich(5, slug="all-two")]
    tomorrow = timezone.now() + timedelta(days=1)

    def live(runner: int) -> str:
        dice = random.Random(runner)
        for number in range(25):
            workspace = dice.choice(workspaces)
            key = f"all:{runner}:{number}"
            if dice.random() < 0.3:
                give(workspace, dice.randrange(1, DOLLAR), key, expires_at=tomorrow)
            try:
                placed = hold(workspace, dice.randrange(2 * DOLLAR), key)
            except InsufficientCredit:
                posting.expire_lots(tomorrow)
                continue
            if dice.random() < 0.5:
                holds.release_hold(placed, reason="cancelled")
            else:
                holds.settle_hold(placed, placed.amount_micros * dice.randrange(101) // 100)
                for charge in Transfer.objects.filter(hold=placed, kind="settle"):
                    if dice.random() < 0.5:
                        posting.reverse(charge, reason="wrong")
            assert posting.balance(workspace).available_micros >= 0
        return "done"

    def watch() -> str:
        """What is verified beside the others is one moment of theirs."""
        for _ in range(10):
            findings = verification.verify()
            assert findings == []
        return "done"

    results = count(together, [watch, *(lambda runner=runner: live(runner) for runner in range(8))])
    assert results == {"done": 9}, results


def race_against_being_killed(together: Together) -> None:
    """Processes only: one is killed wherever it happens to be, and what it leaves is whole."""
    if together is not in_processes:
        return
    workspace = make_rich(10_000, slug="killed")

    def work(turn: int) -> None:
        for number in range(100_000):
            holds.settle_hold(hold(workspace, DOLLAR, f"killed:{turn}:{number}"), 3 * DOLLAR // 4)

    for turn in range(6):
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            work(turn)
        while not Hold.objects.filter(key__startswith=f"killed:{turn}:").exists():
            time.sleep(0.005)
        time.sleep(0.02 + turn * 0.013)  # another place each time; any is right
        os.kill(pid, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        assert verification.verify() == []
    for placed in Hold.objects.filter(key__startswith="killed:", state="open"):
        holds.release_hold(placed, reason="swept")
    assert posting.balance(workspace).held_micros == 0


RACES = {name: race for name, race in globals().items() if name.startswith("race_")}


def run(name: str, together: Together) -> None:
    RACES[name](together)
    findings = verification.verify()
    assert findings == []


def have_patience() -> None:
    """Two hundred writers of one file are no site's: who is last waits longer there than a request may here."""
    options = settings.DATABASES["default"]["OPTIONS"]
    options["timeout"] = PATIENCE
    options["init_command"] += f" PRAGMA busy_timeout={PATIENCE * 1000};"


def main() -> None:
    have_patience()
    call_command("migrate", verbosity=0)
    results = {}
    for name in RACES:
        results[name] = outcome(lambda name=name: run(name, in_processes))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
