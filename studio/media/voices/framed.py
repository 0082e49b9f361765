"""MP3 and AAC, which have no container: where their frames stand in the file, and what else stands there."""

from __future__ import annotations

import io
import mmap
import os
from dataclasses import dataclass, field
from pathlib import Path

from studio.media.signatures import Content
from studio.media.voices.frames import ID3V1_BYTES, adts_frame_bytes, family_of, mp3_frame_bytes, tag_end

CHAIN = 3  # frames that follow each other are no chance
MAX_GUESSES = 500_000  # places that look like a frame and are none; a file made of them is not searched on
HEAD_BYTES = 56  # up to where encoders leave their count
VBRI = b"VBRI"
HAS_FRAMES, HAS_BYTES = 1, 2


@dataclass(frozen=True, slots=True)
class Count:
    """What an Info, Xing or VBRI frame says of the file; 0 where it is silent."""

    frames: int
    bytes: int


@dataclass(slots=True)
class Frames:
    """What a walk over the frames has found.

    ``parts`` are the stretches of the file that hold them, ``frames`` leaves out the ``headers``, which only count the
    others; ``count`` is what the first of those says. ``plain``: nothing is there but frames of one kind, between tags
    where every reader looks for them. ``cut``: the file ends inside a frame.
    """

    parts: list[tuple[int, int]] = field(default_factory=list)
    frames: int = 0
    headers: int = 0
    count: Count | None = None
    bytes: int = 0
    kbits_vary: bool = False
    plain: bool = True
    cut: bool = False

    @property
    def is_clear(self) -> bool:
        """Whether every reader finds one length: by the one header, which is right, or by frames that are all alike."""
        if not self.plain or self.headers > 1:
            return False
        # Some encoders count the header among the frames.
        return self.count.frames - self.frames in {0, 1} if self.count else not self.kbits_vary

    @property
    def falls_short(self) -> bool:
        """Whether both its counts, of frames and of bytes, are of more than there is. One alone may just be wrong."""
        return self.count is not None and self.count.frames > self.frames and self.count.bytes > self.bytes


def find_frames(path: Path, content: Content) -> Frames:
    """Walk from frame to frame, over the tags between them."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _Walk(data, is_mp3=content is Content.MP3).found


class Parts(io.RawIOBase):
    """Some stretches of a file as if they were one file."""

    def __init__(self, path: Path, parts: list[tuple[int, int]]) -> None:
        self._file = path.open("rb", buffering=0)
        self._parts = parts
        self._size = sum(end - start for start, end in parts)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = self._size if size < 0 else size
        found, before = [], 0
        for start, end in self._parts:
            inside = self._at - before
            if left and 0 <= inside < end - start:
                found.append(os.pread(self._file.fileno(), min(left, end - start - inside), start + inside))
                self._at, left = self._at + len(found[-1]), left - len(found[-1])
            before += end - start
        return b"".join(found)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Walk:
    def __init__(self, data: mmap.mmap, *, is_mp3: bool) -> None:
        self._data, self._size, self._is_mp3 = data, len(data), is_mp3
        self._frame_bytes = mp3_frame_bytes if is_mp3 else adts_frame_bytes
        self._guesses = MAX_GUESSES
        self._family = b""
        self._kbits: int | None = None
        self.found = Frames()
        start = tag_end(data, 0)
        first = self._next_frame(start)
        if first < 0:
            self.found = Frames(parts=[(0, self._size)], plain=False)
        else:
            self.found.plain = first == start
            self._go(first)

    def _go(self, at: int) -> None:
        found, start = self.found, at
        while at < self._size:
            length = self._frame_at(at)
            if at + length > self._size:
                found.cut, at = True, self._size
            elif length:
                after = at + length
                if self._counts(at, length) and found.headers > 1:
                    self._close(start, at)
                    start = after
                at = after
            elif (after := tag_end(self._data, at)) > at:
                self._close(start, at)
                found.plain &= after == self._size and after - at == ID3V1_BYTES
                at = start = after
            else:
                found.plain = False
                after = self._next_frame(at)
                if after < 0:
                    break
                at = after
        self._close(start, at)

    def _close(self, start: int, end: int) -> None:
        if end > start:
            self.found.parts.append((start, end))

    def _frame_at(self, at: int) -> int:
        """The length of the frame of the usual kind that begins here; more than is left if it is cut off."""
        head = self._data[at : at + 7]
        if len(head) < 4:
            return self._size if len(head) > 1 and self._family.startswith(head[:2]) else 0
        return self._frame_bytes(head) if family_of(head) == self._family else 0

    def _counts(self, at: int, length: int) -> bool:
        """Take the frame to account. True if it is a header, which sounds like nothing."""
        found, head = self.found, self._data[at : at + HEAD_BYTES]
        found.bytes += length
        said = _count_of(head) if self._is_mp3 else None
        if said:
            found.headers += 1
            found.plain &= head[36:40] != VBRI  # which some readers take as one frame more
            found.count = found.count or said
            return True
        found.frames += 1
        if self._is_mp3:
            found.kbits_vary |= self._kbits not in {None, head[2] >> 4}
            self._kbits = head[2] >> 4
        return False

    def _next_frame(self, at: int) -> int:
        """Where some frames follow each other; -1 if nowhere."""
        at = self._data.find(b"\xff", at)
        while at >= 0 and self._guesses:
            self._guesses -= 1
            if self._chain_at(at):
                self._family = family_of(self._data[at : at + 4])
                return at
            at = self._data.find(b"\xff", at + 1)
        return -1

    def _chain_at(self, at: int) -> bool:
        family = family_of(self._data[at : at + 4])
        for number in range(CHAIN):
            head = self._data[at : at + 7]
            length = self._frame_bytes(head) if family_of(head) == family else 0
            if not length or at + length > self._size:
                return number > 0 and (at >= self._size or number == CHAIN - 1)
            at += length
        return True


def _count_of(head: bytes) -> Count | None:
    if head[36:40] == VBRI:
        return Count(frames=int.from_bytes(head[50:54]), bytes=int.from_bytes(head[46:50]))
    at = max(head.find(b"Xing", 4), head.find(b"Info", 4))
    if at < 0:
        return None
    flags, numbers = head[at + 7], head[at + 8 :]
    frames = int.from_bytes(numbers[:4]) if flags & HAS_FRAMES else 0
    numbers = numbers[4:] if flags & HAS_FRAMES else numbers
    return Count(frames, int.from_bytes(numbers[:4]) if flags & HAS_BYTES else 0)
