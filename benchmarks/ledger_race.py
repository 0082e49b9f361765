"""The measuring half of ``benchmarks.ledger``, in a process that has one database. Prints JSON."""

from __future__ import annotations

import json
import logging
import os
import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "avatarsite.settings"
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402

from avatarsite.workspaces.models import Workspace  # noqa: E402
from benchmarks.ledger_by_hand import Ids, bare_driver  # noqa: E402
from billing.holds import holds  # noqa: E402
from billing.ledger import posting  # noqa: E402
from billing.models import CreditLot, LedgerAccount  # noqa: E402
from billing.statements.statements import open_holds, statement  # noqa: E402
from billing.verify import verification  # noqa: E402

CLIENTS = 8
WARMING = 20  # pairs of each client, until statements are prepared and caches filled
HELD, SETTLED = 1_000, 900
MEMO = "9 s at $0.0001 a second"
ASKED = 500

Pair = Callable[[], object]
Way = Callable[[list[Workspace]], Pair]


def main() -> None:
    seconds, rounds, long = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    logging.disable(logging.WARNING)
    call_command("migrate", verbosity=0)
    pairs = [race_on(wallets, seconds, rounds) for wallets in (1, 100)]
    # Both ways did the whole work, or this would say so.
    if findings := verification.verify():
        raise SystemExit(f"The ledger does not verify after the race: {findings[:3]}")
    json.dump({"pairs": pairs, "pages": list(pages(long))}, sys.stdout)


# --- Pairs a second ---------------------------------------------------------------------------------------------------


def race_on(wallets: int, seconds: float, rounds: int) -> dict[str, float]:
    workspaces = open_wallets(wallets)
    # Many short rounds, taking turns: a busy minute of the machine falls on both.
    rates = [[race(way, workspaces, seconds) for way in (by_product, by_hand)] for _ in range(rounds)]
    product, hand = (statistics.median(column) for column in zip(*rates, strict=True))
    share = statistics.median(ours / theirs for ours, theirs in rates)
    return {"wallets": wallets, "product": product, "by_hand": hand, "share": share}


def open_wallets(number: int) -> list[Workspace]:
    workspaces = []
    for place in range(number):
        slug = f"w{number}-{place}"
        workspaces.append(Workspace.objects.create(slug=slug, name=slug))
        posting.grant(workspaces[-1], 10**12, key=slug, reason="To be spent")
    posting.platform("revenue")
    return workspaces


def by_product(workspaces: list[Workspace]) -> Pair:
    connection.ensure_connection()

    def pair() -> None:
        key = uuid.uuid4().hex
        hold = holds.place_hold(random.choice(workspaces), HELD, key=key, subject=f"render:{key}")
        holds.settle_hold(hold, SETTLED, memo=MEMO)

    return pair


def by_hand(workspaces: list[Workspace]) -> Pair:
    codes = [f"wallet:{workspace.pk}" for workspace in workspaces]
    revenue = LedgerAccount.objects.get(code="revenue").pk
    wallets = [Ids(lot.account_id, lot.pk, revenue) for lot in CreditLot.objects.filter(account__code__in=codes)]
    driver = bare_driver()
    return lambda: driver.pair(random.choice(wallets), held=HELD, settled=SETTLED, memo=MEMO)


def race(way: Way, workspaces: list[Workspace], seconds: float) -> float:
    """Pairs a second of all clients together."""
    connections.close_all()
    start, go = os.pipe()
    clients = [client(way, workspaces, seconds, start, go) for _ in range(CLIENTS)]
    os.close(start)
    for _, answer in clients:
        os.read(answer, 1)  # it is warm
    os.close(go)
    done = 0
    for pid, answer in clients:
        with os.fdopen(answer) as pipe:
            done += int(pipe.read())
        os.waitpid(pid, 0)
    return done / seconds


def client(way: Way, workspaces: list[Workspace], seconds: float, start: int, go: int) -> tuple[int, int]:
    answer, told = os.pipe()
    pid = os.fork()
    if pid:
        os.close(told)
        return pid, answer
    os.close(go)
    pair = way(workspaces)
    for _ in range(WARMING):
        pair()
    os.write(told, b".")
    os.read(start, 1)  # nothing comes; it ends for all clients at once
    done, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        pair()
        done += 1
    os.write(told, str(done).encode())
    os._exit(0)


# --- Long histories ---------------------------------------------------------------------------------------------------


def pages(long: int) -> Iterator[dict[str, Any]]:
    histories = [(write_history(name, length), length) for name, length in (("short", 1_000), ("long", long))]
    questions: dict[str, Callable[[Workspace, int], object]] = {
        "balance": lambda workspace, _: posting.balance(workspace),
        "statement, newest page": lambda workspace, _: statement(workspace),
        "statement, in the middle": lambda workspace, length: statement(workspace, before=length // 2),
        "open holds": lambda workspace, _: open_holds(workspace),
    }
    for name, ask in questions.items():
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ASKED):
            for taken, (workspace, length) in zip(times, histories, strict=True):
                begin = time.perf_counter()
                ask(workspace, length)
                taken.append((time.perf_counter() - begin) * 1000)
        short, slow = (statistics.median(taken) for taken in times)
        yield {"name": name, "short": short, "long": slow, "slower": slow / short}


def write_history(name: str, length: int) -> Workspace:
    """A wallet of so many lines, told by one statement: they are there to be read, and their hashes are not made."""
    workspace = Workspace.objects.create(slug=name, name=name)
    lot = posting.grant(workspace, 10**12, key=f"history:{name}", reason="To be spent")
    numbers = {
        "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)",
        "postgresql": "WITH numbers AS (SELECT generate_series(2, %s) AS n)",
    }[connection.vendor]
    journal = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "gen_random_uuid()"}[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO billing_transfer (kind, debit_id, credit_id, amount_micros, key, journal, lot_id, subject,
                memo, owner_id, owner_seq, owner_balance, owner_hash, created_at, project, member, token)
            {numbers} SELECT 'adjust', %s, %s, 1, 'history:' || CAST(%s AS varchar(10)) || n, {journal}, %s, '',
                %s, %s, n, 1000000000000 - n, 'not made', CURRENT_TIMESTAMP, '', '', '' FROM numbers
            """,
            [length, lot.account_id, posting.platform("revenue").pk, name, lot.pk, MEMO, lot.account_id],
        )
        cursor.execute("ANALYZE")
    return workspace


if __name__ == "__main__":
    main()
