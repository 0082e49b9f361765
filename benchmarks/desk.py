"""First page of the admin site, its search, its list of renders and what machines ask, with 1,000,000 renders.

Exits 1 when the first page's median takes 300 ms or more. The rows are copies of one, written by SQL.
Usage: ``python -m benchmarks.desk [--renders 1000000] [--rounds 20] [--database sqlite|postgresql]``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MAX_MS = 300
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def main() -> int:
    options = _options()
    pages = measure(options)
    print(f"\n{options.renders:,} renders on {NAMES[options.database]}, {options.rounds} rounds\n")
    print("| What | Median | 95 % |\n|---|---|---|")
    for name, times in pages.items():
        print(
            f"| {name} | {median(times):.0f} ms | {quantiles(times, n=20)[-1] if len(times) > 1 else times[0]:.0f} ms |"
        )
    return int(median(pages["First page"]) >= MAX_MS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renders", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--database", choices=tuple(NAMES), default="sqlite")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict[str, list[float]]:
    from tests.support.servers import postgres_server  # noqa: PLC0415 -- a benchmark's own servers

    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(dir=os.environ.get("TMPDIR")))
        env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        env |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "avatarsite.settings", "LOG_LEVEL": "ERROR"}
        env |= {"DRAFT_PRICE_PER_SECOND": "0.01", "METRICS_TOKEN": "benchmark"}
        if options.database == "postgresql":
            env["DATABASE_URL"] = stack.enter_context(postgres_server(durable=False))
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], env=env, check=True, cwd=ROOT)
        inside = [sys.executable, "-m", "benchmarks.desk_inside", str(options.renders), str(options.rounds)]
        told = subprocess.run(inside, env=env, check=True, cwd=ROOT, stdout=subprocess.PIPE)
        found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
        return found


if __name__ == "__main__":
    sys.exit(main())
