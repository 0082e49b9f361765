"""How fast a finished video comes from its provider into our storage, beside a plain streaming copy of the same file.

The plain copy is urllib's stream into a file that is synced to disk, with its name, or into the bucket by boto3's own
``upload_fileobj``; it looks at nothing. Ours is the whole step: fetched, kept, every packet read, pictured, stored
and charged. Both run in turn, each in a process of its own that has copied a small file before, from the same server
here; a first pair warms up.

Columns: ``MB/s`` of each, median of the runs; ``ratio``, of pairs, median; ``ms more``, what ours takes beyond the
plain copy, median; ``first``, milliseconds of the small file before, in which everything is loaded; ``peak``, the most
resident memory of our process, and ``above``, how much of it the measured step has added.

Usage: ``python -m benchmarks.ingest [--sizes 5,500] [--runs 3] [--s3]``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CLIP_SECONDS, FPS, BIT_RATE = 2, 48, 13_000_000  # what a 1080p video of the finest model has
WIDTH, HEIGHT = 1920, 1080
STEP_SECONDS = Fraction(11, 5)  # from one clip to the next: its sound ends a little after its pictures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="5,500", help="megabytes")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--s3", action="store_true", help="into a bucket of SeaweedFS, instead of local files")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-ingest-")))
        environment = stack.enter_context(_storage(folder, s3=given.s3))
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True)
        print(
            f"{'':12} {'plain MB/s':>10} {'ours MB/s':>10} {'ratio':>6} "
            f"{'ms more':>8} {'first':>6} {'peak MB':>8} {'above':>6}",
            flush=True,
        )
        small = _film(folder, 1).rename(folder / "first.mp4")
        for size in map(int, given.sizes.split(",")):
            film = _film(folder, size * 1_000_000)
            megabytes = film.stat().st_size / 1e6
            with _server(folder) as base:
                pairs = [_pair(base, film.name, small.name, environment) for _ in range(given.runs + 1)][1:]
            film.unlink()
            plain, ours = ([megabytes / run[name]["seconds"] for run in pairs] for name in ("plain", "ours"))
            ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, plain, strict=True))
            more = statistics.median(run["ours"]["seconds"] - run["plain"]["seconds"] for run in pairs) * 1000
            first = statistics.median(run["ours"]["first"] for run in pairs) * 1000
            peak, above = (max(run["ours"][name] for run in pairs) / 1e6 for name in ("peak", "above"))
            print(
                f"{megabytes:9.1f} MB {statistics.median(plain):10.1f} {statistics.median(ours):10.1f} {ratio:6.2f} "
                f"{more:8.0f} {first:6.0f} {peak:8.0f} {above:6.1f}",
                flush=True,
            )
    return 0


@contextmanager
def _storage(folder: Path, *, s3: bool) -> Iterator[dict[str, str]]:
    """The environment of a fresh site; its files are on the same disk as the plain copy's."""
    here = {
        "VAR_DIR": str(folder / "var"),
        "DJANGO_SETTINGS_MODULE": "avatarsite.settings",
        # A provider on this machine may have its files on this machine.
        "RUNWARE_API_KEY": "benchmark",
        "RUNWARE_URL": "http://127.0.0.1:9/v1",
    }
    if not s3:
        yield os.environ | here
        return
    from tests.support.servers import s3_server  # noqa: PLC0415 -- only where it is wanted

    with s3_server() as server:
        yield os.environ | here | server.environment


def _pair(base: str, film: str, small: str, environment: dict[str, str]) -> dict[str, dict[str, float]]:
    told = {}
    for name in ("plain", "ours"):
        command = [sys.executable, "-m", "benchmarks.ingest_runs", name, f"{base}/{film}", f"{base}/{small}"]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        told[name] = json.loads(done.stdout.splitlines()[-1])
    return told


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """In a process of its own, because it would take the reader's time."""
    command = [sys.executable, "-m", "benchmarks.ingest", "--serve", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def serve(folder: str) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, directory=folder, **options)  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


def _film(folder: Path, size: int) -> Path:
    """A whole MP4 of about ``size`` bytes: one clip of noise, over and over, with its table in front."""
    clip = folder / "clip.mp4"
    if not clip.exists():
        _encode(clip)
    path, times = folder / f"film-{size}.mp4", max(1, round(size / clip.stat().st_size))
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as made:
        with av.open(str(clip)) as pattern:
            streams = {stream.index: made.add_stream_from_template(stream) for stream in pattern.streams}
        for number in range(times):
            with av.open(str(clip)) as pattern:
                for packet in pattern.demux():
                    if packet.dts is None or packet.pts is None:
                        continue
                    later = int(number * STEP_SECONDS / packet.time_base)
                    packet.pts, packet.dts = packet.pts + later, packet.dts + later
                    packet.stream = streams[packet.stream_index]
                    made.mux(packet)
    return path


def _encode(path: Path) -> None:
    chance = np.random.default_rng(1)
    with av.open(str(path), "w") as made:
        picture = made.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "bf": "0"})
        picture.width, picture.height, picture.pix_fmt, picture.bit_rate = WIDTH, HEIGHT, "yuv420p", BIT_RATE
        sound = made.add_stream("aac", rate=48_000)
        for _ in range(CLIP_SECONDS * FPS):
            coarse = chance.integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(np.kron(coarse, np.ones((8, 8, 1), np.uint8)), format="rgb24")
            made.mux(picture.encode(frame))
        made.mux(picture.encode())
        for start in range(0, CLIP_SECONDS * 48_000, 1024):
            samples = chance.normal(0, 0.05, (2, min(1024, CLIP_SECONDS * 48_000 - start))).astype(np.float32)
            heard = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            heard.sample_rate, heard.pts, heard.time_base = 48_000, start, Fraction(1, 48_000)
            made.mux(sound.encode(heard))
        made.mux(sound.encode())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        sys.exit(main())
