"""How fast the draft engine is: seconds of video per second of work at 720p on two cores.

Beside it, in the same run and taking turns, the very same frames go straight into the encoder with nothing drawn. Exits
1 when a picture misses a target. Usage: ``python -m benchmarks.draft [--seconds 30] [--rounds 5]``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from studio.media.draft.encode import Film
from studio.media.draft.engine import render_draft, stage
from studio.media.draft.reel import drawn_ahead
from studio.media.draft.sound import open_voice

MIN_SPEED, MIN_SHARE = 5.0, 0.8
SAMPLES = Path(__file__).resolve().parent.parent / "samples"
QUALITY = 95


@dataclass(frozen=True)
class Case:
    name: str
    portrait: Path


@dataclass(frozen=True)
class Run:
    wall: float  # seconds
    processor: float  # seconds on all cores together


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)  # as in the media sandbox, where drafts are drawn
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    busy = os.getloadavg()[0]
    print(f"{options.seconds} s of video, medians of {options.rounds} rounds; load before the start {busy:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        voice = _looped_voice(place / "voice.wav", options.seconds)
        cases = _cases(place)
        passed = [_measure(case, voice, place / "film.mp4", options.rounds) for case in cases]
    print("targets met" if all(passed) else "TARGET MISSED")
    return 0 if all(passed) else 1


def _cases(place: Path) -> list[Case]:
    sample: Any = cv2.imread(str(SAMPLES / "portrait.jpg"))
    tall = cv2.resize(sample, (720, 720), interpolation=cv2.INTER_LANCZOS4)
    pictures = {
        "sample, 1280 x 720": cv2.copyMakeBorder(tall, 0, 0, 280, 280, cv2.BORDER_REFLECT),
        "close-up, 720 x 720": cv2.resize(sample[20:210, 130:320], (720, 720), interpolation=cv2.INTER_LANCZOS4),
        "no face, 1280 x 720": np.roll(cv2.resize(sample[330:], (1280, 720)), 300, axis=1),
    }
    cases = []
    for number, (name, picture) in enumerate(pictures.items()):
        path = place / f"portrait-{number}.png"
        cv2.imwrite(str(path), picture)
        cases.append(Case(name, path))
    return cases


def _looped_voice(path: Path, seconds: int) -> Path:
    rate = 44_100
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    with av.open(str(SAMPLES / "voice-welcome.mp3")) as container:
        parts = [part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    once = np.concatenate([part.reshape(-1) for part in parts])
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.resize(once, seconds * rate).tobytes())
    return path


def _measure(case: Case, voice: Path, film: Path, rounds: int) -> bool:
    scene, heard, size = stage(case.portrait, voice)
    with closing(drawn_ahead(scene, size, heard.frames)) as drawn:
        frames = list(drawn)
    seconds = heard.frames / 25

    def engine() -> None:
        render_draft(case.portrait, voice, film, output_quality=QUALITY)

    def bare() -> None:
        _encode(frames, voice, heard.channels, film)

    whole, plain = [], []
    for _ in range(rounds):
        whole.append(_timed(engine))
        plain.append(_timed(bare))
    speed, bare_speed = (seconds / statistics.median(run.wall for run in runs) for runs in (whole, plain))
    share = statistics.median(b.wall / a.wall for a, b in zip(whole, plain, strict=True))
    met = speed >= MIN_SPEED and share >= MIN_SHARE
    processor = [1000 * statistics.median(run.processor for run in runs) / len(frames) for runs in (whole, plain)]
    print(
        f"{case.name:20} engine {speed:5.1f} x real time (target {MIN_SPEED:.0f}), "
        f"bare encoder {bare_speed:5.1f} x, ratio {share:.2f} (target {MIN_SHARE}), "
        f"processor time per frame {processor[0]:.1f} and {processor[1]:.1f} ms"
        f"{'' if met else '  <- missed'}",
        flush=True,
    )
    return met


def _encode(frames: list[VideoFrame], voice: Path, channels: int, film: Path) -> None:
    size = (frames[0].width, frames[0].height)
    with open_voice(voice) as sound, Film(film, "mp4", QUALITY, size) as out:
        out.lay_voice(sound, channels)
        for frame in frames:
            out.add(frame)
        out.finish()


def _timed(work: Callable[[], None]) -> Run:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Run(time.perf_counter() - wall, time.process_time() - processor)


if __name__ == "__main__":
    sys.exit(main())
