"""Sits on every seat of a site's draft engine until it is killed: ``python -m tests.browser.sitters SEATS``."""

from __future__ import annotations

import sys
from threading import Thread

from studio.media.sandbox import Limits, run
from studio.media.sandbox.limits import Lane
from tests.studio.media import sandboxed
from tests.support.paths import ROOT

A_DAY = 86_400
LIMITS = Limits(wall_seconds=A_DAY, lane=Lane.DRAFT)


def sit(owner: str) -> None:
    run(
        sandboxed.say_pid_and_sleep,
        A_DAY,
        owner=owner,
        limits=LIMITS,
        reads=[ROOT / "tests"],
        progress=lambda _: print("seated", flush=True),
    )


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        Thread(target=sit, args=(f"sitter {number}",)).start()
