"""Probe of a video, which measures what is in it. Its seconds are what a customer is charged for."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from studio.media.claims import overclaim
from studio.media.signatures import Content, recognise
from studio.media.video.faststart import fast_start
from studio.media.video.posters import MAX_FRAMES, PosterPicker, poster_of
from studio.media.voices.truncation import ends_inside_element, is_cut, samples_are_cut

__all__ = [
    "UnreadableVideo",
    "VideoFacts",
    "VideoFault",
    "VideoProbe",
    "fast_start",
    "opened",
    "picture_of",
    "probe_video",
    "put_in_order",
    "sha256_of",
]

# Named, never guessed: a playlist in disguise would make FFmpeg open other files and addresses.
DEMUXERS = {Content.MP4: "mov", Content.WEBM: "matroska"}
WORK_SECONDS = 60.0
WARM_UP_FRAMES = 25  # decoded one after the other at the beginning; after them a key frame every two seconds
KEY_FRAME_SECONDS = 2
MAX_KEY_FRAMES = 60  # of a long video: then they are further apart
THREADS = 1  # of one video: others are looked at beside it, and to begin a second takes longer than it saves
MAX_STILL = 1  # seconds that the last picture may stay, if the sound doesn't


class VideoFault(StrEnum):
    EMPTY = "video_empty"
    NOT_A_VIDEO = "video_not_a_video"
    UNREADABLE = "video_unreadable"
    WITHOUT_PICTURE = "video_without_picture"
    CUT_OFF = "video_cut_off"
    DAMAGED = "video_damaged"
    TOO_SLOW = "video_too_slow"


class UnreadableVideo(ValueError):
    """A file that is no whole video. ``code`` is a VideoFault, ``sentence`` says what was found."""

    def __init__(self, code: VideoFault, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class _Seen:
    duration_ms: int
    width: int
    height: int
    fps: float
    has_audio: bool
    video_codec: str
    audio_codec: str  # "" without sound


@dataclass(frozen=True, slots=True)
class VideoFacts(_Seen):
    """What was measured. ``duration_ms`` is the picture track's length, rounded down; ``fps`` its mean rate."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class VideoProbe(_Seen):
    """What reading a whole video has shown; ``poster`` is a JPEG."""

    poster: bytes

    def facts(self, size: int, sha256: str) -> VideoFacts:
        shared = {one.name: getattr(self, one.name) for one in fields(_Seen)}
        return VideoFacts(**shared, bytes=size, sha256=sha256)


@dataclass(slots=True)
class _Track:
    """The tracks as their packets tell it, in ticks of their clocks: fractions would take longer than reading it."""

    tick: Fraction
    sound_tick: Fraction
    rest: Fraction  # from one picture that is decoded to the next
    frames: int = 0
    first: int | None = None
    last: int = 0
    stop: int | Fraction = 0
    size: tuple[int, int] | None = None
    bad: int = 0
    decoded_at: int = 0
    sound_packets: int = 0
    sound_stop: int = 0
    picker: PosterPicker = field(default_factory=PosterPicker)

    @property
    def seconds(self) -> Fraction:
        return (self.stop - (self.first or 0)) * self.tick

    @property
    def end(self) -> Fraction:
        return self.stop * self.tick

    @property
    def sound_end(self) -> Fraction:
        return self.sound_stop * self.sound_tick

    def add(self, at: int, lasting: int) -> None:
        self.frames += 1
        self.first = at if self.first is None else min(self.first, at)
        self.last = max(self.last, at)
        self.stop = max(self.stop, at + lasting)

    def close(self) -> None:
        """A last frame lasts as long as the others did if it says nothing of its length, or far too much.

        What says too much lasts no longer than the sound does.
        """
        if self.frames < 2:
            return
        usual = Fraction(self.last - (self.first or 0), self.frames - 1)
        if self.stop == self.last:
            self.stop += usual
        elif (self.stop - self.last) * self.tick > MAX_STILL:
            self.stop = min(Fraction(self.stop), max(self.last + usual, self.sound_end / self.tick))

    def wants(self, at: int, *, is_key: bool) -> bool:
        """Whether the picture that was just added is to be decoded."""
        if self.frames <= WARM_UP_FRAMES or (not self.picker.is_content and self.frames <= 2 * MAX_FRAMES):
            return True
        if not is_key or at - self.decoded_at < self.rest:
            return False
        self.decoded_at = at
        return True


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def probe_video(path: Path) -> VideoProbe:
    """Read every packet, decode enough to know that the rest can be, and compare with what the header promises.

    Raises UnreadableVideo for anything that isn't a whole MP4, MOV or WebM video.
    """
    with _in_our_words(), opened(path) as container:
        return _probe(container, path)


def put_in_order(path: Path) -> VideoProbe:
    """The same for a file that may be changed: its table of contents goes to the front. Raises UnreadableVideo."""
    fast_start(path)
    return probe_video(path)


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except FFmpegError as error:
        raise UnreadableVideo(VideoFault.UNREADABLE, f"The video can’t be read: {error.strerror}.") from error


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Raises UnreadableVideo by the file's first bytes, and FFmpegError by the rest of it."""
    content = recognise(path)
    if content is Content.EMPTY:
        raise UnreadableVideo(VideoFault.EMPTY, "The video is empty: 0 bytes.")
    if content not in DEMUXERS:
        raise UnreadableVideo(VideoFault.NOT_A_VIDEO, f"The video is {content.value}, not a video.")
    if is_cut(path, content):
        raise _end_is_missing()
    if claim := overclaim(path, content):
        raise UnreadableVideo(VideoFault.TOO_SLOW, f"The video {claim}.")
    options = {"protocol_whitelist": "file"}
    with av.open(str(path), format=DEMUXERS[content], options=options, metadata_errors="replace") as container:
        tracks: list[VideoStream | AudioStream] = [*container.streams.video, *container.streams.audio]
        if content is Content.MP4 and any(samples_are_cut(path, stream) for stream in tracks if _is_known(stream)):
            raise _end_is_missing()
        yield container


def picture_of(container: InputContainer) -> VideoStream:
    for stream in container.streams.video:
        if _is_known(stream) and not stream.disposition & Disposition.attached_pic:
            return stream
    raise UnreadableVideo(VideoFault.WITHOUT_PICTURE, "The video has no picture track that can be read.")


def _probe(container: InputContainer, path: Path) -> VideoProbe:
    picture = picture_of(container)
    sound = next((stream for stream in container.streams.audio if _is_known(stream)), None)
    track = _read(container, picture, sound)
    if not track.frames or (recognise(path) is Content.WEBM and ends_inside_element(path)):
        raise _cut_off(track)
    if track.bad or track.size is None or track.frames < track.seconds:
        raise _damaged()
    if track.size is None or track.picker.frame is None:
        raise _damaged()
    return VideoProbe(
        duration_ms=int(track.seconds * 1000),
        width=track.size[0],
        height=track.size[1],
        fps=round(float(track.frames / track.seconds), 3),
        has_audio=track.sound_packets > 0,
        video_codec=_codec(picture),
        audio_codec=_codec(sound) if sound and track.sound_packets else "",
        poster=poster_of(track.picker.frame),
    )


def _read(container: InputContainer, picture: VideoStream, sound: AudioStream | None) -> _Track:
    tick, sound_tick = (_tick(stream) for stream in (picture, sound))
    apart = max(Fraction(KEY_FRAME_SECONDS), Fraction(container.duration or 0, av.time_base * MAX_KEY_FRAMES))
    track = _Track(tick, sound_tick, apart / tick)
    picture.thread_type, picture.codec_context.thread_count = "AUTO", THREADS
    stop_at = time.monotonic() + WORK_SECONDS
    try:
        for packet in container.demux([stream for stream in (picture, sound) if stream]):
            if time.monotonic() > stop_at:
                raise UnreadableVideo(VideoFault.TOO_SLOW, f"The video takes more than {WORK_SECONDS:.0f} s to read.")
            if packet.stream is sound:
                _hear(packet, track)
            else:
                _take(packet, track)
    except MemoryError:
        raise
    except FFmpegError as error:
        raise _cut_off(track) from error
    track.close()
    return track


def _hear(packet: av.Packet[Any], track: _Track) -> None:
    if packet.is_corrupt:
        raise _cut_off(track)
    at = packet.pts
    if packet.size and at is not None:
        track.sound_packets += 1
        track.sound_stop = max(track.sound_stop, at + (packet.duration or 0))


def _take(packet: av.Packet[Any], track: _Track) -> None:
    at = packet.pts if packet.pts is not None else packet.dts
    if packet.size and at is not None and not packet.is_discard:
        track.add(at, packet.duration or 0)
        if not track.wants(at, is_key=packet.is_keyframe):
            return
    if packet.is_corrupt:
        raise _cut_off(track)
    _decode(packet, track)


def _decode(packet: av.Packet[Any], track: _Track) -> None:
    try:
        for frame in packet.decode():
            track.bad += bool(frame.is_corrupt)
            track.size = track.size or (frame.width, frame.height)
            track.picker.show(frame)
    except MemoryError:
        raise
    except FFmpegError:
        track.bad += 1


def _damaged() -> UnreadableVideo:
    return UnreadableVideo(VideoFault.DAMAGED, "The video is damaged: some of its pictures can’t be decoded.")


def _end_is_missing() -> UnreadableVideo:
    return UnreadableVideo(VideoFault.CUT_OFF, "The video is cut off: the end of its file is missing.")


def _cut_off(track: _Track) -> UnreadableVideo:
    return UnreadableVideo(VideoFault.CUT_OFF, f"The video is cut off after {float(track.seconds):.3f} s.")


def _tick(stream: VideoStream | AudioStream | None) -> Fraction:
    return (stream.time_base if stream else None) or Fraction(1, av.time_base)


def _is_known(stream: VideoStream | AudioStream) -> bool:
    """A track in a codec that FFmpeg doesn't know has no context, whatever the types say."""
    context: Any = stream.codec_context
    return context is not None


def _codec(stream: VideoStream | AudioStream) -> str:
    return stream.codec_context.codec.canonical_name
