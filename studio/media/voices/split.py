"""Split of a voice that is too long for every offer, into parts that follow each other without a gap."""

from __future__ import annotations

import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.media.voices.cuts import Interval, cut_at_pauses, find_known, gaps, keep_known
from studio.media.voices.pauses import Sentence, find_pauses
from studio.media.voices.samples import Samples, samples_of_file


@dataclass(frozen=True, slots=True)
class Stretch:
    """From one sample of the voice to another. ``sha256`` is of its sound alone, wherever that stands."""

    begin: int
    end: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Split:
    """A whole voice in stretches; ``rate`` is samples a second."""

    rate: int
    stretches: tuple[Stretch, ...]


def split_voice(
    path: Path, sentences: Sequence[Sentence], min_ms: int, max_ms: int, known: Mapping[str, int] | None = None
) -> Split:
    """Stretches of ``min_ms`` to ``max_ms`` (at least twice as long), cut in pauses, at ends of sentences first.

    ``known`` are stretches of other voices, their samples by their sha256: where one of them is found again, it is
    kept, so that after a change no stretch is new but those that it touches. Raises FFmpegError or ValueError.
    """
    with samples_of_file(path) as samples:
        return split_samples(samples, sentences, min_ms, max_ms, known or {})


def split_samples(
    samples: Samples, sentences: Sequence[Sentence], min_ms: int, max_ms: int, known: Mapping[str, int]
) -> Split:
    least, most = -(-min_ms * samples.rate // 1000), max_ms * samples.rate // 1000
    pauses, total = find_pauses(samples, sentences), len(samples.values)
    lengths: dict[int, set[str]] = {}
    for sound, length in known.items():
        if least <= length <= most:
            lengths.setdefault(length, set()).add(sound)
    places = [0, *(pause.at for pause in pauses), total]
    kept = keep_known(find_known(places, lengths, samples.sha256), total, least=least, most=most)
    cut = [
        stretch
        for begin, end in gaps(kept, total)
        for stretch in cut_at_pauses(pauses, begin, end, least=least, most=most)
    ]
    stretches = tuple(Stretch(begin, end, samples.sha256(begin, end)) for begin, end in sorted([*kept, *cut]))
    return Split(samples.rate, stretches)


def write_parts(path: Path, stretches: Sequence[Interval], folder: Path) -> list[Path]:
    """A WAV of exactly those samples for each; its bytes follow from them alone. Raises FFmpegError or ValueError."""
    with samples_of_file(path) as samples:
        return [
            _written(samples, begin, end, folder / f"part{number}.wav")
            for number, (begin, end) in enumerate(stretches, 1)
        ]


def _written(samples: Samples, begin: int, end: int, target: Path) -> Path:
    with wave.open(str(target), "wb") as file:
        file.setframerate(samples.rate)
        file.setnchannels(samples.values.shape[1])
        file.setsampwidth(samples.values.itemsize)
        file.writeframes(samples.values[begin:end].tobytes())
    return target
