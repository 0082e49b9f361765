"""What the gateway adds: submit and status through it beside the same calls through /api/v1, in one run.

All go through the whole of Django in one process, on SQLite in a file, taking turns, so that whatever else the machine
does hits each of them alike. Milliseconds are of CPU. The API's submit names uploads that are there and asks for the
render; the gateway's names addresses and writes them down, and a task asks for the render: its time is shown, too.

Exits 1 when a median is above 1.2 times its neighbour's. Usage: ``python -m benchmarks.gateway [--calls 200]``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

MOST = 1.2
DOORS = ("runware", "fal", "aimlapi")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DATABASE_URL")}
        env = clean | {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "avatarsite.settings", "LOG_LEVEL": "ERROR"}
        env |= {"API_READS_PER_MINUTE": "0", "API_WRITES_PER_MINUTE": "0"}
        env |= dict.fromkeys(("DRAFTS_WAITING", "DRAFTS_WAITING_PER_TOKEN"), "0")
        env |= dict.fromkeys(("FREE_SECONDS_A_DAY", "FREE_SECONDS_A_DAY_PER_TOKEN"), "0")
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], env=env, check=True)
        command = [sys.executable, "-m", "benchmarks.gateway_calls", str(options.calls)]
        run = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
    return 0 if show(json.loads(run.stdout.splitlines()[-1])) else 1


def show(found: dict[str, dict[str, float]]) -> bool:
    print(f"{'':>10} {'/api/v1':>10} {'Runware':>16} {'fal':>16} {'AI/ML API':>16}")
    good = True
    for call, seconds in found.items():
        base = seconds["api"]
        cells = [f"{seconds[door] * 1000:6.2f} ms {seconds[door] / base:4.2f} ×" for door in DOORS]
        print(f"{call:>10} {base * 1000:7.2f} ms {cells[0]:>16} {cells[1]:>16} {cells[2]:>16}")
        good &= call == "task" or all(seconds[door] <= MOST * base for door in DOORS)
    print("on target" if good else f"above {MOST} ×")
    return good


if __name__ == "__main__":
    sys.exit(main())
