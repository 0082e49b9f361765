"""A sound file decoded from beginning to end: the frames that are heard, with its pauses in their places.

Everything that measures, converts or draws a voice hears it through here, so that all hear the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from studio.media.signatures import Content
from studio.media.voices.framed import Frames, Parts, find_frames

# The demuxer is named, never guessed: a playlist in disguise would make FFmpeg open other files and addresses.
DEMUXERS = {
    Content.MP3: "mp3",
    Content.WAV: "wav",
    Content.MP4: "mov",
    Content.AAC: "aac",
    Content.OGG: "ogg",
    Content.FLAC: "flac",
    Content.WEBM: "matroska",
}
FRAMED = frozenset({Content.MP3, Content.AAC})
# These have a clock beside their sound: where it leaps, nothing was recorded, and players are silent for as long.
CLOCKED = frozenset({Content.OGG, Content.WEBM, Content.MP4})
MAX_UNUSUAL = 4
MIN_PAUSE = 0.05  # seconds; clocks jitter by less


class Sound:
    """An open sound. What was met on the way is counted as its ``frames`` are taken."""

    def __init__(self, container: InputContainer, content: Content, framed: Frames | None) -> None:
        self.container, self.content, self.framed = container, content, framed
        self.packets = 0
        self.bad_packets = 0
        self.last = b""  # the beginning of the last packet
        self.last_is_bad = False
        self.broke = False  # the container could not be read on
        self.pauses: dict[int, float] = {}  # seconds of silence before the packet of this number
        self._demuxed: Iterator[av.Packet[AudioStream]] = iter(())

    @property
    def stream(self) -> AudioStream:
        return self.container.streams.audio[0]

    @property
    def codec(self) -> str | None:
        """None for one that FFmpeg doesn't know: then the track has no context, whatever the types say."""
        context: Any = self.stream.codec_context
        return context.codec.canonical_name if context else None

    @property
    def has_pictures(self) -> bool:
        """A cover doesn't count."""
        return any(not stream.disposition & Disposition.attached_pic for stream in self.container.streams.video)

    def frames(self, tick: Callable[[], None] = lambda: None) -> Iterator[av.AudioFrame]:
        """Without gaps; a damaged packet is passed over. ``tick`` is called for each packet, and may end it by raising.

        AAC comes in whole frames; in an MP4 the last one's length says where the sound really ends.
        """
        self._demuxed = self.container.demux(self.stream)
        held: av.AudioFrame | None = None
        for frame in self._all(tick):
            if held:
                yield held
            held = frame
        if held:
            yield _clipped(held) if self.content is Content.MP4 and self.codec == "aac" else held

    def rest(self, most: Fraction) -> Fraction:
        """The seconds of what has not been decoded, by its packets: up to about ``most``."""
        seconds = Fraction(0)
        for packet in self._demuxed:
            seconds += (packet.duration or 0) * (packet.time_base or 0)
            if seconds > most:
                break
        return seconds

    def _all(self, tick: Callable[[], None]) -> Iterator[av.AudioFrame]:
        heard: av.AudioFrame | None = None
        try:
            for packet in self._demuxed:
                tick()
                if packet.size:
                    if heard and self.packets in self.pauses:
                        yield from _silence(heard, self.pauses[self.packets])
                    self.packets += 1
                    self.last = bytes(packet)[:8]
                for frame in self._decoded(packet):
                    heard = frame
                    yield frame
        except MemoryError:
            raise
        except FFmpegError:
            self.broke = True

    def _decoded(self, packet: av.Packet[AudioStream]) -> list[av.AudioFrame]:
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except FFmpegError:
            self.bad_packets += 1
            self.last_is_bad = True
            return []
        self.last_is_bad &= not packet.size
        return frames


@contextmanager
def open_sound(path: Path, content: Content) -> Iterator[Sound]:
    """Raises FFmpegError, of which its MemoryError is no damage. A file without a sound track opens too."""
    framed = find_frames(path, content) if content in FRAMED else None
    with _opened(path, content, framed) as container:
        sound = Sound(container, content, framed)
        if content in CLOCKED and container.streams.audio and sound.codec:
            with _opened(path, content, None) as again:
                sound.pauses = _pauses(again)
        yield sound


@contextmanager
def _opened(path: Path, content: Content, framed: Frames | None) -> Iterator[InputContainer]:
    with ExitStack() as stack:
        source: Any = str(path)
        if framed and framed.parts != [(0, path.stat().st_size)]:
            source = stack.enter_context(Parts(path, framed.parts))
        options = {"protocol_whitelist": "file"}
        yield stack.enter_context(av.open(source, format=DEMUXERS[content], options=options, metadata_errors="replace"))


def _pauses(container: InputContainer) -> dict[int, float]:
    """Where the clock leaps for good. One that comes back has only jittered, or was written wrong."""
    stream = container.streams.audio[0]
    tick = float(stream.time_base or 0)
    moments: list[int] = []
    lengths: list[int] = []
    try:
        for packet in container.demux(stream):
            if packet.size:
                moments.append(packet.pts if packet.pts is not None else -1)
                lengths.append(packet.duration or 0)
    except MemoryError:
        raise
    except FFmpegError:
        pass  # whoever decodes it will meet this too
    if len(moments) < 2 or -1 in moments[1:]:
        return {}
    at, lasting = np.array(moments), np.array(lengths)
    lasting[lasting == 0] = np.median(np.diff(at))
    # In an MP4 the last sample before a pause is said to last as long as it.
    usual = np.median(lasting)
    lasting[lasting > MAX_UNUSUAL * usual] = usual
    lead = at - np.concatenate([[0], np.cumsum(lasting[:-1])])
    for_good = np.minimum.accumulate(lead[::-1])[::-1]
    leaps = np.diff(for_good) * tick
    return {int(number) + 1: float(leaps[number]) for number in np.flatnonzero(leaps > MIN_PAUSE)}


def _silence(like: av.AudioFrame, seconds: float) -> Iterator[av.AudioFrame]:
    left = round(seconds * like.sample_rate)
    while left > 0:
        count = min(left, like.sample_rate)
        yield _frame_of(like, np.zeros_like(_samples(like), shape=(len(_samples(like)), count * _width(like))))
        left -= count


def _clipped(frame: av.AudioFrame) -> av.AudioFrame:
    if not frame.duration or frame.time_base is None:
        return frame
    kept = round(frame.duration * frame.time_base * frame.sample_rate)
    if not 0 < kept < frame.samples:
        return frame
    return _frame_of(frame, _samples(frame)[:, : kept * _width(frame)])


def _samples(frame: av.AudioFrame) -> np.ndarray[Any, Any]:
    samples: np.ndarray[Any, Any] = frame.to_ndarray()
    return samples


def _width(frame: av.AudioFrame) -> int:
    return 1 if frame.format.is_planar else frame.layout.nb_channels


def _frame_of(like: av.AudioFrame, samples: np.ndarray[Any, Any]) -> av.AudioFrame:
    made = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=like.format.name, layout=like.layout.name)
    made.sample_rate = like.sample_rate
    return made
