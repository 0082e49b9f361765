"""Splice: a voice with one stretch of it replaced by other sound; every other sample stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from studio.media.draft.encode import BIT_EXACT
from studio.media.signatures import recognise
from studio.media.voices.pauses import find_pauses
from studio.media.voices.samples import LAYOUTS, Samples, Values, alike, samples_of_file
from studio.media.voices.sound import DEMUXERS
from studio.media.voices.voices import MAX_MS

NEAR_MS = 500  # how far from where it was asked for a cut may be moved into a pause
FRAME = 4_096


@dataclass(frozen=True, slots=True)
class Spliced:
    """From where to where the old voice was taken out, and how long what came instead is."""

    begin_ms: int
    end_ms: int
    new_ms: int


def splice_voice(  # noqa: PLR0913, PLR0917 -- two sounds, and what of each
    voice: Path, new: Path | None, begin_ms: int, end_ms: int, new_ms: int | None, target: Path
) -> Spliced:
    """Write ``target``, a FLAC, with ``new`` (nothing, if None) instead of the stretch, each cut in the nearest pause.

    Of ``new`` no more than ``new_ms`` are taken. Raises FFmpegError, or ValueError for what holds no sound.
    """
    if new and (content := recognise(new)) not in DEMUXERS:
        raise ValueError(f"what is to come in is {content.value}.")
    with samples_of_file(voice) as samples:
        rate, channels = samples.rate, samples.values.shape[1]
        begin, end = (_in_a_pause(samples, ms * rate // 1000) for ms in (begin_ms, max(begin_ms, end_ms)))
        begin, end = min(begin, end), max(begin, end)
        added = 0
        with av.open(str(target), "w", format="flac", options={"fflags": BIT_EXACT}) as output:
            track = output.add_stream("flac", rate=rate, layout=LAYOUTS[channels], format="s16")
            done = 0
            for values in _pieces(samples, begin, end, new, new_ms):
                frame = av.AudioFrame.from_ndarray(values.reshape(1, -1), "s16", LAYOUTS[channels])
                frame.sample_rate, frame.pts = rate, done
                done += len(values)
                output.mux(track.encode(frame))
            output.mux(track.encode(None))
            added = done - (len(samples.values) - (end - begin))
    return Spliced(begin * 1000 // rate, end * 1000 // rate, added * 1000 // rate)


def _pieces(samples: Samples, begin: int, end: int, new: Path | None, new_ms: int | None) -> Iterator[Values]:
    values, channels = samples.values, samples.values.shape[1]
    left = (MAX_MS if new_ms is None else new_ms) * samples.rate // 1000
    for start in range(0, begin, FRAME):
        yield np.ascontiguousarray(values[start : min(start + FRAME, begin)])
    if new:
        for frame in alike(new, recognise(new), "s16", LAYOUTS[channels], samples.rate):
            piece: Values = frame.to_ndarray().astype(np.int16).reshape(-1, channels)[:left]
            left -= len(piece)
            if not len(piece):
                break
            yield piece
    for start in range(end, len(values), FRAME):
        yield np.ascontiguousarray(values[start : start + FRAME])


def _in_a_pause(samples: Samples, at: int) -> int:
    """The middle of the nearest pause, or there if none is near; the ends stay ends."""
    near, total = NEAR_MS * samples.rate // 1000, len(samples.values)
    if at <= 0 or at >= total:
        return min(max(at, 0), total)
    first = max(at - 4 * near, 0)
    around = Samples(samples.rate, samples.values[first : at + 4 * near])
    places = [first + pause.at for pause in find_pauses(around, []) if pause.end > pause.begin]
    return min((place for place in places if abs(place - at) <= near), key=lambda place: abs(place - at), default=at)
