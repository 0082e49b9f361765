"""Join of the parts of a long video: each part's picture for exactly its part of the sound, and the sound as it came.

Pictures of the same kind are carried over as they are. Encoded again is only the end of a part, from its last key
picture: there it is made as long as its sound, and fades into the picture that the next part begins with. A part of
another kind (another offer has made it) is encoded as a whole, in the kind of most others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from heapq import merge
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from av.video.frame import VideoFrame

from studio.media.draft.encode import BIT_EXACT
from studio.media.portraits.faces import Box
from studio.media.signatures import recognise
from studio.media.video import seams
from studio.media.video.faststart import fast_start
from studio.media.video.film_part import FilmPart, read_part
from studio.media.video.own_pictures import OwnPictures
from studio.media.video.seams import Seam, Size
from studio.media.video.soundtrack import make_soundtrack
from studio.media.video.transcode import ConversionFailed
from studio.media.voices.samples import form_of

TELL_EVERY = 25  # frames


@dataclass(frozen=True, slots=True)
class Joined:
    """A whole video: ``duration_ms`` of its picture, rounded down, and what is seen where its parts meet."""

    path: Path
    duration_ms: int
    seams: tuple[Seam, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A picture as it goes into the file, at its place in the order in which it is shown."""

    place: int
    is_key: bool
    data: bytes


def join_parts(
    parts: Sequence[Path],
    stretches: Sequence[tuple[int, int]],
    voice: Path,
    target: Path,
    *,
    progress: Callable[[int], None] = lambda _frames: None,
) -> Joined:
    """Write ``target`` from the parts of a voice, ``stretches`` of its samples; in memory that doesn't grow with it.

    ``progress`` is told the number of pictures from time to time; what it raises ends the work. Raises UnreadableVideo
    for a part, and ConversionFailed.
    """
    sound = target.with_name(f"{target.name}.sound.mp4")
    try:
        make_soundtrack(voice, sound)
        rate, _ = form_of(voice, recognise(voice))
        joined = _Join([read_part(path) for path in parts], stretches, rate, progress).write(sound, target)
        fast_start(target)
    except (MemoryError, ConversionFailed):
        target.unlink(missing_ok=True)
        raise
    except (FFmpegError, ValueError) as error:
        target.unlink(missing_ok=True)
        raise ConversionFailed(f"The parts could not be joined: {error}") from error
    finally:
        sound.unlink(missing_ok=True)
    return joined


class _Join:
    def __init__(
        self, parts: list[FilmPart], stretches: Sequence[tuple[int, int]], rate: int, progress: Callable[[int], None]
    ) -> None:
        self.parts = parts
        self.kind = max(parts, key=lambda one: sum(part.frames for part in parts if part.kind == one.kind)).kind
        self.size, self.fps = Size(self.kind.width, self.kind.height), self.kind.fps
        self.own = OwnPictures(self.kind)
        # From the beginning, never by adding lengths: so no part of a picture is lost from one seam to the next.
        seconds = [Fraction(begin, rate) for begin, _ in stretches]
        self.edges = [round(at * self.fps) for at in seconds]
        self.edges.append(-(-stretches[-1][1] * self.fps.numerator // (rate * self.fps.denominator)))
        self.late = max((part.late for part in parts if part.kind == self.kind), default=0)
        self.face: Box | None = None
        self.found: list[Seam] = []
        self.progress = progress

    def write(self, sound: Path, target: Path) -> Joined:
        options = {"fflags": BIT_EXACT, "movflags": "+faststart"}
        with (
            av.open(str(sound), format="mov") as heard,
            av.open(str(target), "w", format="mp4", options=options) as output,
        ):
            track = self.own.add_track(output)
            voice: Any = output.add_stream_from_template(heard.streams.audio[0])
            for packet in merge(self._pictures(track), _packets(heard, voice), key=_moment):
                output.mux(packet)
        return Joined(target, int(self.edges[-1] / self.fps * 1000), tuple(self.found))

    def _pictures(self, track: Any) -> Iterator[av.Packet[Any]]:
        tick = 1 / self.fps
        for number, unit in enumerate(self._units()):
            packet = av.Packet(unit.data)
            packet.stream, packet.time_base = track, tick
            packet.pts, packet.dts, packet.duration = unit.place, number - self.late, 1
            packet.is_keyframe = unit.is_key
            yield packet
            if number % TELL_EVERY == 0:
                self.progress(number)

    def _units(self) -> Iterator[_Unit]:
        following = [*self.parts[1:], None]
        for part, then, (begin, end) in zip(self.parts, following, pairwise(self.edges), strict=True):
            first = seams.fitted(then.first_picture(), self.size) if then else None
            for unit in self._of_part(part, end - begin, first, begin):
                yield replace(unit, place=begin + unit.place)

    def _of_part(self, part: FilmPart, length: int, then: VideoFrame | None, begin: int) -> Iterator[_Unit]:
        """``length`` pictures of a part, the last ones on their way into the picture ``then``."""
        last = self._last_picture(part, length)
        seam = self._seam(begin + length, last, then) if then else None
        fade = min(round(seams.FADE_SECONDS * self.fps), length // 2) if seam and seam.hidden == "cross-fade" else 0
        copied = 0
        if part.kind == self.kind and self.own.sets:
            copied = (
                part.frames if (fade, length) == (0, part.frames) else part.key_before(min(length, part.frames) - fade)
            )
        for place, is_key, data in part.units(copied):
            yield _Unit(place, is_key, data)
        if copied < length:
            shown = islice(self._shown(part, copied), length - copied)
            faded = _faded(shown, length - copied, fade, then) if then else shown
            for place, is_key, data in self.own.encoded(faded):
                yield _Unit(copied + place, is_key, data)

    def _copied(self, part: FilmPart, length: int, fade: int) -> int:
        """How many pictures of its beginning are carried over."""
        if part.kind != self.kind or not self.own.sets:
            return 0
        if not fade and length == part.frames:
            return length
        return part.key_before(min(length, part.frames) - fade)

    def _shown(self, part: FilmPart, start: int) -> Iterator[VideoFrame]:
        """From that place on in the form and at the speed of the whole; the last picture is held without end."""
        for frame in part.pictures(start, self.fps):
            yield seams.fitted(frame, self.size)

    def _last_picture(self, part: FilmPart, length: int) -> VideoFrame:
        start = part.key_before(min(length, part.frames) - 1) if part.kind == self.kind else 0
        return seams.fitted(part.last_of(start, length - start, self.fps), self.size)

    def _seam(self, frame: int, last: VideoFrame, then: VideoFrame) -> Seam:
        self.face = self.face or seams.face_in(then)
        score = seams.score(last, then, self.face)
        hidden = "same picture" if score <= seams.MAX_SAME else "cross-fade"
        seam = Seam(int(frame / self.fps * 1000), frame, score, hidden)
        self.found.append(seam)
        return seam


def _faded(shown: Iterator[VideoFrame], count: int, fade: int, then: VideoFrame) -> Iterator[VideoFrame]:
    for number, frame in enumerate(shown):
        step = number - (count - fade) + 1
        yield seams.blended(frame, then, step / (fade + 1)) if step > 0 else frame


def _packets(heard: av.container.InputContainer, track: Any) -> Iterator[av.Packet[Any]]:
    for packet in heard.demux(heard.streams.audio[0]):
        if packet.size and packet.dts is not None:
            packet.stream = track
            yield packet


def _moment(packet: av.Packet[Any]) -> Fraction:
    return Fraction(packet.dts or 0) * (packet.time_base or 1)
