"""``python -m tests.chaos [--seed 1] [--renders 10000]``, or ``--kills-only [--minutes 5]``: what survives what.

Prints what was planned, done and found; ends with 1 if anything was lost, doubled, stuck or miscounted.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos import plan
from tests.chaos.house import house
from tests.chaos.run import run


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--renders", type=int, default=10_000)
    options.add_argument("--kills-only", action="store_true", help="no faults and no outages, drafts among the videos")
    options.add_argument("--minutes", type=float, default=5.0, help="of asking, with --kills-only")
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all that was started is ended
    planned = plan.kills(given.seed, given.minutes * 60) if given.kills_only else plan.chaos(given.seed, given.renders)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, house(Path(folder)) as there:
        report = run(there, planned)
        print("\n".join(report.lines()), flush=True)
        if report.faults:
            Path(f"{tempfile.gettempdir()}/chaos-{given.seed}.log").write_text(there.log(), encoding="utf-8")
        return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
