"""Parameter sets of H.264 as an MP4 keeps them: those of two encoders in one track, told apart by their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

SEQUENCES, PICTURES = 0x1F, 0xFF  # the bits that hold their number
NUMBERS = 32
PROFILE, LEVEL = 1, 3  # their places in the record


@dataclass(frozen=True, slots=True)
class Sets:
    """An ``avcC`` record: ``head`` is its profile and level, ``tail`` what a profile adds behind the sets."""

    head: bytes
    sequences: tuple[bytes, ...]
    pictures: tuple[bytes, ...]
    tail: bytes = b""

    @property
    def numbers(self) -> set[int]:
        return {_number(unit[4:]) for unit in self.sequences} | {_number(unit[1:]) for unit in self.pictures}

    @property
    def free_number(self) -> int:
        return next(number for number in count(NUMBERS - 1, -1) if number not in self.numbers)

    def record(self) -> bytes:
        sequences, pictures = (b"".join(map(_counted, units)) for units in (self.sequences, self.pictures))
        counts = bytes([0xE0 | len(self.sequences)]), bytes([len(self.pictures)])
        return self.head + counts[0] + sequences + counts[1] + pictures + self.tail


def read_sets(record: bytes | None) -> Sets | None:
    """None for what is no such record, or has lengths of other than four bytes."""
    if not record or len(record) < 7 or record[0] != 1 or record[4] & 3 != 3:
        return None
    try:
        sequences, at = _units(record, 5, SEQUENCES)
        pictures, at = _units(record, at, PICTURES)
    except IndexError:
        return None
    return Sets(record[:5], sequences, pictures, record[at:])


def both(given: Sets, own: Sets) -> Sets:
    """The sets of two encoders whose numbers differ; the higher profile and level are those of the track."""
    head = bytes(
        max(pair) if place in {1, 3} else pair[0] for place, pair in enumerate(zip(given.head, own.head, strict=True))
    )
    return Sets(bytes(head), given.sequences + own.sequences, given.pictures + own.pictures, given.tail or own.tail)


def _units(record: bytes, at: int, mask: int) -> tuple[tuple[bytes, ...], int]:
    units, left = [], record[at] & mask
    at += 1
    for _ in range(left):
        size = record[at] << 8 | record[at + 1]
        units.append(record[at + 2 : at + 2 + size])
        at += 2 + size
    return tuple(units), at


def _counted(unit: bytes) -> bytes:
    return len(unit).to_bytes(2) + unit


def _number(data: bytes) -> int:
    """The number that a set begins with: as many zeros as bits follow behind the first one."""
    bits = f"{int.from_bytes(data[:8]):0{8 * len(data[:8])}b}"
    zeros = bits.index("1")
    return int(bits[zeros : 2 * zeros + 1], 2) - 1
