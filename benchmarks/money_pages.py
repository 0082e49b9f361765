"""What a page of money costs in a long history: balance, statement and usage, with 1,000 and 1,000,000 transfers.

The whole page is asked for, by a signed-in member, through Django's own handler: what is measured is queries, templates
and middleware together. Short and long take turns, so that a busy minute of the machine falls on both.

Exits 1 when a page is more than 1.3 times slower. Usage: ``python -m benchmarks.money_pages [--long 1000000]
[--asked 60]``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.ledger import MOST_SLOWER, sqlite_file
from tests.support.servers import postgres_server

SHORT = 1_000
# Lines of both wallets are spread over so many days, and over so many projects and people.
DAYS, PARTIES = 200, 5
PAGES = {
    "balance": "balance/",
    "statement": "statement/",
    "statement, an old page": "statement/?before={middle}",
    "statement of a project": "statement/?project=prj_1",
    "statement of ten days": "statement/?since={since}&until={until}",
    "usage": "usage/",
    "usage of 90 days": "usage/?days=90&by=project",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", type=int, default=1_000_000)
    parser.add_argument("--asked", type=int, default=60)
    parser.add_argument("--inside", action="store_true", help="in a process whose settings have the database")
    options = parser.parse_args()
    if options.inside:
        json.dump(measure(options.long, options.asked), sys.stdout)
        return 0
    print(f"medians of {options.asked} pages; load {os.getloadavg()[0]:.1f}")
    good = measure_on("SQLite", sqlite_file(), options)
    return 0 if measure_on("PostgreSQL", postgres_server(durable=True), options) and good else 1


def measure_on(name: str, database: AbstractContextManager[str], options: argparse.Namespace) -> bool:
    command = [sys.executable, "-m", "benchmarks.money_pages", "--inside"]
    command += ["--long", str(options.long), "--asked", str(options.asked)]
    with database as url, tempfile.TemporaryDirectory() as folder:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DATABASE_URL")}
        env = clean | {"VAR_DIR": folder, "LOG_LEVEL": "ERROR"} | ({"DATABASE_URL": url} if url else {})
        run = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
    print(f"\n{name}\n  {'page':>24} {'short':>10} {'long':>10} {'slower':>6}")
    rows = json.loads(run.stdout)
    for row in rows:
        print(f"  {row['page']:>24} {row['short']:>7.2f} ms {row['long']:>7.2f} ms {row['slower']:>6.2f}")
    return all(row["slower"] <= MOST_SLOWER for row in rows)


# --- In a process that has one database -------------------------------------------------------------------------------


def measure(long: int, asked: int) -> list[dict[str, Any]]:
    os.environ["DJANGO_SETTINGS_MODULE"] = "avatarsite.settings"
    import django  # noqa: PLC0415 -- settings choose the database at the start

    django.setup()
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    settings.ALLOWED_HOSTS = ["testserver"]
    browsers = [(browser_of(name, length), length) for name, length in (("short", SHORT), ("long", long))]
    return [row_of(page, address, browsers, asked) for page, address in PAGES.items()]


def row_of(page: str, address: str, browsers: list[tuple[Any, int]], asked: int) -> dict[str, Any]:
    times: tuple[list[float], list[float]] = ([], [])
    today = datetime.now(UTC).date()
    days = {"since": today - timedelta(days=40), "until": today - timedelta(days=30)}
    for turn in range(asked + 3):
        for taken, (ask, length) in zip(times, browsers, strict=True):
            begin = time.perf_counter()
            ask(address.format(middle=length // 2, **days))
            if turn >= 3:  # until caches are filled
                taken.append((time.perf_counter() - begin) * 1000)
    short, slow = (statistics.median(taken) for taken in times)
    return {"page": page, "short": short, "long": slow, "slower": slow / short}


def browser_of(name: str, length: int) -> Any:
    """Ask for a page of a workspace with so many lines, as its owner."""
    from django.test import Client  # noqa: PLC0415

    from avatarsite.workspaces.create import create_workspace  # noqa: PLC0415
    from avatarsite.workspaces.models import User  # noqa: PLC0415

    user = User.objects.create(email=f"{name}@example.org", name=name)
    workspace = create_workspace(user, name)
    write_history(workspace, length)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def ask(address: str) -> None:
        answer = client.get(f"/w/{workspace.slug}/{address}")
        if answer.status_code != 200:
            raise SystemExit(f"{address} answers {answer.status_code}: {answer.content[:500]!r}")

    return ask


def write_history(workspace: Any, length: int) -> None:
    """A wallet of so many lines, and their usage by day, told by two statements: they are there to be read."""
    from django.db import connection  # noqa: PLC0415

    from billing.ledger import posting  # noqa: PLC0415

    lot = posting.grant(workspace, 10**12, key=f"history:{workspace.pk}", reason="To be spent")
    account, revenue = lot.account_id, posting.platform("revenue").pk
    words = dict(_DIALECT[connection.vendor])
    words["party"] = f"CAST(n %% {PARTIES} AS varchar(10))"
    with connection.cursor() as cursor:
        # The first line stands for the grant, and so is not older than what follows.
        cursor.execute(_LINES.format(**words), [length, account, revenue, workspace.pk, lot.pk, account, length])
        cursor.execute(
            "UPDATE billing_ledgeraccount SET seq = %s, posted = posted - %s WHERE id = %s",
            [length, length - 1, account],
        )
        cursor.execute("UPDATE billing_creditlot SET remaining = remaining - %s WHERE id = %s", [length - 1, lot.pk])
        for dimension, prefix in (("offer", "acme:face"), ("project", "prj_"), ("member", ""), ("token", "tok_")):
            cursor.execute(_DAYS.format(**words), [PARTIES * DAYS, workspace.pk, dimension, prefix, length, length])
        cursor.execute("ANALYZE")


_DIALECT: dict[str, dict[str, str]] = {
    "sqlite": {
        "numbers": "WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)",
        "journal": "lower(hex(randomblob(16)))",
        "at": f"datetime('now', '-' || CAST((1.0 - n * 1.0 / %s) * {DAYS * 86_400} AS integer) || ' seconds')",
        "day": "date('now', '-' || (n %% 200) || ' days')",
        "upsert": "OR IGNORE",
        "nothing": "",
    },
    "postgresql": {
        "numbers": "WITH numbers AS (SELECT generate_series(2, %s) AS n)",
        "journal": "gen_random_uuid()",
        "at": f"now() - make_interval(secs => (1.0 - n * 1.0 / %s) * {DAYS * 86_400})",
        "day": "(now() AT TIME ZONE 'UTC')::date - (n %% 200)::integer",
        "upsert": "",
        "nothing": "ON CONFLICT DO NOTHING",
    },
}
_LINES = """
INSERT INTO billing_transfer (kind, debit_id, credit_id, amount_micros, key, journal, lot_id, subject, memo, owner_id,
    owner_seq, owner_balance, owner_hash, created_at, project, member, token)
{numbers} SELECT 'adjust', %s, %s, 1, 'history:' || %s || ':' || CAST(n AS varchar(10)), {journal}, %s, '',
    '9 s at $0.0001 a second', %s, n, 1000000000000 - n + 1, 'not made', {at}, 'prj_' || {party}, {party}, ''
FROM numbers
"""
_DAYS = """
INSERT {upsert} INTO billing_usageday (workspace_id, dimension, name, day, videos, measured_ms, amount_micros)
{numbers} SELECT %s, %s, %s || {party}, {day}, 1, CAST(%s AS bigint) * 10, CAST(%s AS bigint) FROM numbers {nothing}
"""


if __name__ == "__main__":
    sys.exit(main())
