"""Parts of a script that were spoken one by one, joined into one voice; and when each sentence is heard in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from studio.media.signatures import recognise
from studio.media.voices.sound import DEMUXERS, open_sound
from studio.media.voices.voices import MIN_MS

Pcm = np.ndarray[Any, np.dtype[np.int16]]
Span = tuple[int, int]  # in milliseconds

MAX_PART_SECONDS = 600
STEP_MS = 10
QUIET_DB = -38.0  # below a part's loud moments: breath and noise
MIN_PAUSE_MS = 120  # between two sentences; shorter ones are within words
FRAME = 4_096


class NotSpoken(ValueError):
    """A part is no sound that could be joined."""


@dataclass(frozen=True, slots=True)
class Part:
    """One spoken part. ``pause_ms`` is the silence behind it; without a ``path`` it is that alone.

    ``lengths`` are its sentences' characters, ``spans`` their times where the engine knows them.
    """

    path: Path | None
    lengths: tuple[int, ...]
    spans: tuple[Span, ...] = ()
    pause_ms: int = 0


def join_spoken(parts: list[Part], target: Path) -> list[Span]:
    """Write them to ``target`` as FLAC, one after the other; a silence makes what is too short a voice long enough.

    Gives the times of all sentences, in order. Raises NotSpoken.
    """
    rate = _rate_of(next(part.path for part in parts if part.path))
    times: list[Span] = []
    samples = 0
    with av.open(str(target), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate)
        stream.layout = "mono"
        for part in parts:
            pcm = _decoded(part.path, rate) if part.path else np.zeros(0, np.int16)
            before_ms = samples * 1000 / rate
            heard = times_in(pcm, rate, part) if part.path else []
            times += [(round(before_ms + start), round(before_ms + end)) for start, end in heard]
            whole = np.concatenate([pcm, np.zeros(round(part.pause_ms * rate / 1000), np.int16)])
            for frame in _frames(whole, rate, samples):
                container.mux(stream.encode(frame))
            samples += len(whole)
        missing = np.zeros(max(0, -(-MIN_MS * rate // 1000) - samples), np.int16)
        for frame in _frames(missing, rate, samples):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return times


def times_in(pcm: Pcm, rate: int, part: Part) -> list[Span]:
    """When each sentence is heard: by the engine's own times drawn in to the sound, else by the pauses.

    Of pauses those are taken that are long and near to where the sentences' lengths put them. Where there are fewer
    than sentences, the lengths alone decide.
    """
    loud = _loud(pcm, rate)
    if part.spans:
        return [_drawn_in(loud, span) for span in part.spans]
    first, last = _drawn_in(loud, (0, len(loud) * STEP_MS))
    shares = np.cumsum(part.lengths) / max(sum(part.lengths), 1)
    expected = [first + share * (last - first) for share in shares[:-1]]
    cuts = _chosen(_pauses(loud, first, last), expected)
    return list(zip([first, *(end for _, end in cuts)], [*(start for start, _ in cuts), last], strict=True))


def _loud(pcm: Pcm, rate: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each step whether something is heard in it."""
    step = rate * STEP_MS // 1000
    steps = pcm[: len(pcm) // step * step].reshape(-1, step).astype(np.float32)
    level = np.sqrt((steps**2).mean(axis=1)) if len(steps) else np.zeros(0, np.float32)
    reference = float(np.percentile(level, 95)) if len(level) else 0.0
    found: np.ndarray[Any, np.dtype[np.bool_]] = level > max(reference * 10 ** (QUIET_DB / 20), 1.0)
    return found


def _drawn_in(loud: np.ndarray[Any, np.dtype[np.bool_]], span: Span) -> Span:
    within = np.flatnonzero(loud[span[0] // STEP_MS : -(-span[1] // STEP_MS)])
    if not len(within):
        return span
    start = span[0] // STEP_MS * STEP_MS
    return max(span[0], start + int(within[0]) * STEP_MS), min(span[1], start + (int(within[-1]) + 1) * STEP_MS)


def _pauses(loud: np.ndarray[Any, np.dtype[np.bool_]], first: int, last: int) -> list[Span]:
    edges = np.flatnonzero(np.diff(np.concatenate([[True], loud, [True]]).astype(np.int8)))
    runs = [(int(start) * STEP_MS, int(end) * STEP_MS) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [(start, end) for start, end in runs if start >= first and end <= last and end - start >= MIN_PAUSE_MS]


def _chosen(pauses: list[Span], expected: list[float]) -> list[Span]:
    """One pause for each cut, in order, together the nearest and longest."""
    if len(pauses) < len(expected):
        return [(round(at), round(at)) for at in expected]
    # best[n]: cost and choice for the cuts so far, of which the last is at or before pause n.
    best: list[tuple[float, list[int]]] = [(0.0, [])] * (len(pauses) + 1)
    for at in expected:
        following: list[tuple[float, list[int]]] = [(float("inf"), [])]
        for number, (start, end) in enumerate(pauses):
            cost, chosen = best[number]
            mine = cost + abs((start + end) / 2 - at) - 2 * (end - start)
            following.append(min(following[-1], (mine, [*chosen, number])))
        best = following
    return [pauses[number] for number in best[-1][1]]


def _rate_of(path: Path) -> int:
    with _sound(path) as container:
        return int(container.stream.rate or 0)


def _sound(path: Path) -> Any:
    content = recognise(path)
    if content not in DEMUXERS:
        raise NotSpoken("What came as a voice is no sound.")
    return open_sound(path, content)


def _decoded(path: Path, rate: int) -> Pcm:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    pieces: list[Pcm] = []
    count = 0
    try:
        with _sound(path) as sound:
            for frame in (*sound.frames(), None):
                for made in resampler.resample(frame):
                    pieces.append(made.to_ndarray().reshape(-1).astype(np.int16))
                    count += len(pieces[-1])
                if count > MAX_PART_SECONDS * rate:
                    raise NotSpoken("What came as a voice is longer than its text can be.")
    except MemoryError:
        raise
    except (FFmpegError, IndexError) as error:
        raise NotSpoken(f"What came as a voice can't be decoded: {error}") from error
    if not pieces:
        raise NotSpoken("What came as a voice has no sound.")
    return np.concatenate(pieces)


def _frames(pcm: Pcm, rate: int, at: int) -> Iterator[av.AudioFrame]:
    for start in range(0, len(pcm), FRAME):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(pcm[start : start + FRAME]).reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts = rate, at + start
        yield frame
