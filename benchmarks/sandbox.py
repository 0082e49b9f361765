"""What judging an upload costs in the sandbox beside the bare decoder, both in one run: ``-m benchmarks.sandbox``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from studio.media import judge
from studio.media.portraits import portraits
from studio.media.voices import voices

SAMPLES = Path(__file__).parent.parent / "samples"
ROUNDS = 30


def main() -> None:
    for name, walled, bare in (
        ("portrait.jpg", judge.portrait, portraits.read_portrait),
        ("voice-welcome.mp3", judge.voice, voices.read_voice),
    ):
        path = SAMPLES / name
        inside, outside = _ms(lambda: walled(path, owner="w")), _ms(lambda: bare(path))  # noqa: B023
        print(f"{name}: {inside:.1f} ms in the sandbox, {outside:.1f} ms without: {inside - outside:+.1f} ms")


def _ms(job: Callable[[], object]) -> float:
    job()
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        job()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


if __name__ == "__main__":
    main()
