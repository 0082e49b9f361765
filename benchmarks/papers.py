"""What signing a video costs, and reading it again: ``python -m benchmarks.papers``. The key lies in VAR_DIR."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatarsite.settings")
django.setup()

from studio.media import judge  # noqa: E402
from studio.media.manifests import Order  # noqa: E402
from studio.papers.credentials import credentials  # noqa: E402

FILM = Path(__file__).parent.parent / "static/front/welcome.mp4"
SIZES = (0, 4_000_000, 100_000_000)
ROUNDS = 15
CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}


def main() -> None:
    own = credentials()
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            video, signed = Path(folder, "video.mp4"), Path(folder, "signed.mp4")
            data = FILM.read_bytes()
            room = max(0, size - len(data))
            # More of what the pictures are, behind them: an mdat is hashed as any other.
            more = (room.to_bytes(4) + b"mdat" + bytes(room - 8)) if room else b""
            video.write_bytes(data + more)

            def sign(held: bool) -> Callable[[], object]:
                order = Order("mp4", held, {"name": "Avatar Studio"}, [], [CREATED], own.algorithm, own.sent)
                return lambda: judge.sign(video, signed, order, video, owner="w", ask=own.sign)  # noqa: B023

            inside, beside = _ms(sign(held=True)), _ms(sign(held=False))
            sign(held=True)()
            read = _ms(lambda: judge.manifest(signed, own.root, owner="w"))  # noqa: B023
            more_bytes = signed.stat().st_size - video.stat().st_size
            print(
                f"{video.stat().st_size / 1e6:.1f} MB: {inside:.0f} ms into it (+{more_bytes} bytes), "
                f"{beside:.0f} ms beside it, {read:.0f} ms to read"
            )


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
