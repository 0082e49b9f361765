"""How fast money moves: hold + settle pairs a second, and what a page costs in a long history.

Eight processes share one hot wallet, then a hundred, on SQLite and on PostgreSQL. Beside the product, in the same run,
on the same tables and taking turns, goes the least SQL that could do the same work by hand through the bare driver
(benchmarks/ledger_by_hand.py). Then balance and statement are asked of a wallet with 1,000 and with 1,000,000 lines.

Exits 1 when a target is missed. Usage: ``python -m benchmarks.ledger [--seconds 2] [--rounds 8] [--long 1000000]``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.support.servers import postgres_server

MIN_SHARE = 0.6
MAX_SLOWER = 1.3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--long", type=int, default=1_000_000)
    options = parser.parse_args()
    print(f"8 clients, medians of {options.rounds} rounds of {options.seconds:g} s; load {os.getloadavg()[0]:.1f}")
    good = measure_on("SQLite (WAL, synchronous FULL)", sqlite_file(), options)
    return 0 if measure_on("PostgreSQL (fsync on)", postgres_server(durable=True), options) and good else 1


@contextmanager
def sqlite_file() -> Iterator[str]:
    yield ""


def measure_on(name: str, database: AbstractContextManager[str], options: argparse.Namespace) -> bool:
    """Measure in a process of its own, because settings choose the database at the start. True when on target."""
    command = [sys.executable, "-m", "benchmarks.ledger_race"]
    command += [str(number) for number in (options.seconds, options.rounds, options.long)]
    with database as url, tempfile.TemporaryDirectory() as folder:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DATABASE_URL")}
        env = clean | {"VAR_DIR": folder} | ({"DATABASE_URL": url} if url else {})
        run = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
    found = json.loads(run.stdout)
    print(f"\n{name}")
    return show_pairs(found["pairs"]) & show_pages(found["pages"])


def show_pairs(pairs: list[dict[str, Any]]) -> bool:
    print(f"  {'wallets':>24} {'product':>9} {'by hand':>9} {'share':>6}")
    for row in pairs:
        print(f"  {row['wallets']:>24} {row['product']:>7.0f}/s {row['by_hand']:>7.0f}/s {row['share']:>6.2f}")
    return all(row["share"] >= MIN_SHARE for row in pairs)


def show_pages(pages: list[dict[str, Any]]) -> bool:
    print(f"  {'asked':>24} {'short':>9} {'long':>9} {'slower':>6}")
    for row in pages:
        print(f"  {row['name']:>24} {row['short']:>6.2f} ms {row['long']:>6.2f} ms {row['slower']:>6.2f}")
    return all(row["slower"] <= MAX_SLOWER for row in pages)


if __name__ == "__main__":
    sys.exit(main())
