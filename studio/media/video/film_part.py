"""Part of a long video, as its provider made it: what kind of film it is, its packets and its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from studio.media.video.avc import Sets, read_sets
from studio.media.video.videos import UnreadableVideo, VideoFault, opened, picture_of

MAX_JITTER = Fraction(1, 4)  # of a picture's time


@dataclass(frozen=True, slots=True)
class Kind:
    """What two films have to share so that one goes on where the other ends. ``sets`` is None if that can't be."""

    width: int
    height: int
    fps: Fraction
    sets: Sets | None
    colours: tuple[int, ...]  # range, space, primaries, transfer


@dataclass(frozen=True, slots=True)
class FilmPart:
    """``keys`` are the pictures, in the order shown, before which the film can be cut in two.

    ``late`` is by how many places a picture comes in the file after its own in the order shown, at most.
    """

    path: Path
    kind: Kind
    frames: int
    keys: tuple[int, ...] = ()
    late: int = 0
    places: dict[int, int] = field(default_factory=dict)  # in the order shown, by the time that a packet says

    def key_before(self, frame: int) -> int:
        return max((key for key in self.keys if key <= frame), default=0)

    def first_picture(self) -> VideoFrame:
        return self.last_of(0, 1, self.kind.fps)

    def last_of(self, start: int, count: int, fps: Fraction) -> VideoFrame:
        """The last one of so many ``pictures``. Raises UnreadableVideo."""
        found: VideoFrame | None = None
        for frame in islice(self.pictures(start, fps), count):
            found = frame
        if found is None:
            raise UnreadableVideo(VideoFault.DAMAGED, "A part has no picture that can be decoded.")
        return found

    def units(self, end: int) -> Iterator[tuple[int, bool, bytes]]:
        """The packets of the pictures before ``end``, a key picture's place or all, as they come in the file."""
        for packet in islice(self._packets(), end):
            yield self.places[packet.pts or 0], packet.is_keyframe, bytes(packet)

    def pictures(self, start: int, fps: Fraction) -> Iterator[VideoFrame]:
        """From a key picture's place on, at that speed; the last one is held without end."""
        held: VideoFrame | None = None
        shown, origin = 0, Fraction(0)
        for frame in self._decoded(start):
            at = Fraction(frame.pts or 0) * (frame.time_base or 1)
            if held is None:
                origin = at
            while held is not None and (shown + Fraction(1, 2)) / fps < at - origin:
                yield held
                shown += 1
            held = frame
        while held is not None:
            yield held

    def _decoded(self, start: int) -> Iterator[VideoFrame]:
        with opened(self.path) as container:
            stream = picture_of(container)
            stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
            for number, packet in enumerate(container.demux(stream)):
                if number >= start:
                    yield from packet.decode()

    def _packets(self) -> Iterator[av.Packet[Any]]:
        with opened(self.path) as container:
            for packet in container.demux(picture_of(container)):
                if packet.size:
                    yield packet


def read_part(path: Path) -> FilmPart:
    """Without decoding it. Raises UnreadableVideo, and FFmpegError."""
    with opened(path) as container:
        stream = picture_of(container)
        met = [
            (packet.pts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        ]
        kind = _kind(stream, sorted(at for at, _ in met))
    if not met:
        raise UnreadableVideo(VideoFault.WITHOUT_PICTURE, "A part has no pictures.")
    places = {at: place for place, at in enumerate(sorted(at for at, _ in met))}
    order = [places[at] for at, _ in met]
    return FilmPart(
        path,
        kind,
        len(order),
        tuple(_keys(order, [is_key for _, is_key in met])),
        max((number - place for number, place in enumerate(order)), default=0),
        places,
    )


def _keys(order: list[int], is_key: list[bool]) -> Iterator[int]:
    """A key picture with all that come before it in the file shown before it, and all behind it shown behind it."""
    before = -1
    for number, place in enumerate(order):
        if is_key[number] and place == number and before < place:
            yield place
        before = max(before, place)


def _kind(stream: VideoStream, moments: list[int]) -> Kind:
    context = stream.codec_context
    fps = next(
        (rate for rate in (stream.base_rate, stream.average_rate) if rate and _is_even(moments, stream, rate)), None
    )
    sets = read_sets(context.extradata) if context.codec.canonical_name == "h264" else None
    plain = fps is not None and context.pix_fmt == "yuv420p" and context.width % 2 == context.height % 2 == 0
    colours = (context.color_range, context.colorspace, context.color_primaries, context.color_trc)
    return Kind(
        context.width - context.width % 2,
        context.height - context.height % 2,
        fps or stream.average_rate or Fraction(25),
        sets if plain else None,
        tuple(int(one) for one in colours),
    )


def _is_even(moments: list[int], stream: VideoStream, rate: Fraction) -> bool:
    """Whether each picture comes at its own place of that many a second."""
    tick = (stream.time_base or 1) * rate
    return all(abs((at - moments[0]) * tick - place) < MAX_JITTER for place, at in enumerate(moments))
