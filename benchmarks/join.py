"""What joining a long video takes beside a plain remux of its parts, for 5 and 60 minutes: ``-m benchmarks.join``."""

from __future__ import annotations

import resource
import tempfile
import time
import wave
from collections.abc import Callable
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import numpy as np

from studio.media.video.join import join_parts
from studio.media.voices.split import split_voice

SIDE, FPS, PART_SECONDS, RATE = 720, 25, 60, 48_000
MINUTES = (5, 60)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        part = _part(folder / "part.mp4")
        for minutes in MINUTES:
            voice = _voice(folder / f"{minutes}.wav", minutes)
            count = minutes * 60 // PART_SECONDS
            edges = [number * PART_SECONDS * RATE for number in range(count + 1)]
            parts, target = [part] * count, folder / "joined.mp4"
            taken = {
                "remux": _measured(_remux, parts, target),
                "join": _measured(join_parts, parts, list(pairwise(edges)), voice, target),
                "split": _measured(split_voice, voice, [], 30_000, 120_000),
            }
            megabytes = part.stat().st_size * count / 1e6
            for what, (seconds, processor, peak) in taken.items():
                print(
                    f"{minutes} min, {count} parts, {megabytes:.0f} MB: {what} {seconds:.1f} s, {processor:.1f} s of a "
                    f"processor, {megabytes / seconds:.0f} MB/s, {peak:.0f} MB of memory"
                )
            voice.unlink()


def _measured(job: Callable[..., Any], *args: Any) -> tuple[float, float, float]:
    """Seconds, seconds of a processor, and megabytes at most of a process of its own."""
    mine, its = (context := get_context("fork")).Pipe(duplex=False)
    process = context.Process(target=_run, args=(its, job, args))
    process.start()
    peak = 0.0
    while not mine.poll(0.05):
        peak = max(peak, _memory(process.pid or 0))
    process.join()
    seconds, processor = mine.recv()
    return seconds, processor, peak


def _memory(pid: int) -> float:
    """Megabytes of its own: pages of files, which the kernel takes back when it likes, are not counted."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1000


def _run(answer: Connection, job: Callable[..., Any], args: tuple[Any, ...]) -> None:
    began = time.perf_counter()
    job(*args)
    used = resource.getrusage(resource.RUSAGE_SELF)
    answer.send((time.perf_counter() - began, used.ru_utime + used.ru_stime))


def _remux(parts: list[Path], target: Path) -> None:
    """The packets alone, one part behind the other."""
    with av.open(str(parts[0])) as first, av.open(str(target), "w", options={"movflags": "+faststart"}) as output:
        track = output.add_stream_from_template(first.streams.video[0])
        for number, part in enumerate(parts):
            with av.open(str(part)) as container:
                source = container.streams.video[0]
                behind = round(number * PART_SECONDS / float(source.time_base or 1))
                for packet in container.demux(source):
                    if packet.dts is not None and packet.pts is not None:
                        packet.pts, packet.dts = packet.pts + behind, packet.dts + behind
                        packet.stream = track
                        output.mux(packet)


def _part(path: Path) -> Path:
    """A picture with a grain that moves, so that it has the bits of a filmed face: a key picture every ten seconds."""
    chance = np.random.default_rng(1)
    still = chance.integers(90, 150, (SIDE, SIDE, 3), np.uint8)
    with av.open(str(path), "w") as output:
        track = output.add_stream("libx264", rate=FPS, options={"crf": "27", "preset": "veryfast"})
        track.width = track.height = SIDE
        track.pix_fmt = "yuv420p"
        for number in range(PART_SECONDS * FPS):
            pixels = still.copy()
            pixels[200:500, 200:500] = np.roll(still, number, axis=1)[200:500, 200:500] // 2 + number % 60
            output.mux(track.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        output.mux(track.encode(None))
    return path


def _voice(path: Path, minutes: int) -> Path:
    """Noise with a pause every three seconds."""
    chance = np.random.default_rng(2)
    second = chance.integers(-6_000, 6_000, 3 * RATE).astype(np.int16)
    second[-RATE // 2 :] //= 500
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for _ in range(minutes * 20):
            file.writeframes(second.tobytes())
    return path


if __name__ == "__main__":
    main()
