"""Measures a video by what is in it. Its seconds are what a customer is charged for."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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

from studio.media.cutoff import is_cut
from studio.media.faststart import fast_start
from studio.media.signatures import Content, recognise

__all__ = ["UnreadableVideo", "VideoFacts", "VideoFault", "fast_start", "measure_video", "opened", "picture_of"]

# Named, never guessed: a playlist in disguise would make FFmpeg open other files and addresses.
DEMUXERS = {Content.MP4: "mov", Content.WEBM: "matroska"}
WORK_SECONDS = 60.0
WARM_UP_FRAMES = 25  # decoded one after the other at the beginning; after them a key frame every two seconds
KEY_FRAME_SECONDS = 2
SHORTFALL = Fraction(1, 4)  # seconds by which a header may promise more than there is


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
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What was measured. ``duration_ms`` is the picture track's length, rounded down; ``fps`` its mean rate."""

    duration_ms: int
    width: int
    height: int
    fps: float
    has_audio: bool
    video_codec: str
    audio_codec: str  # "" without sound
    bytes: int
    sha256: str


@dataclass(slots=True)
class _Track:
    """The picture track as its packets tell it, in seconds."""

    frames: int = 0
    start: Fraction | None = None
    last: Fraction = Fraction(0)
    end: Fraction = Fraction(0)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    bad: int = 0
    decoded_at: Fraction = Fraction(0)
    sound_packets: int = 0
    sound_end: Fraction = Fraction(0)

    @property
    def seconds(self) -> Fraction:
        return self.end - (self.start or 0)

    def add(self, at: Fraction, lasting: Fraction) -> None:
        self.frames += 1
        self.start = at if self.start is None else min(self.start, at)
        self.last = max(self.last, at)
        self.end = max(self.end, at + lasting)

    def close(self) -> None:
        """A last frame that says nothing of its length lasts as long as the others did."""
        if self.end == self.last and self.frames > 1:
            self.end += (self.last - (self.start or 0)) / (self.frames - 1)


def measure_video(path: Path) -> VideoFacts:
    """Read every packet, decode enough to know that the rest can be, and compare with what the header promises.

    Raises UnreadableVideo for anything that isn't a whole MP4, MOV or WebM video.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        with opened(path) as container:
            picture = picture_of(container)
            sound = next((stream for stream in container.streams.audio if _is_known(stream)), None)
            track = _read(container, picture, sound)
            _check(container, picture, track)
            return VideoFacts(
                duration_ms=int(track.seconds * 1000),
                width=track.sizes[0][0],
                height=track.sizes[0][1],
                fps=round(float(track.frames / track.seconds), 3),
                has_audio=track.sound_packets > 0,
                video_codec=_codec(picture),
                audio_codec=_codec(sound) if sound and track.sound_packets else "",
                bytes=path.stat().st_size,
                sha256=sha256,
            )
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
        raise UnreadableVideo(VideoFault.CUT_OFF, "The video is cut off: the end of its file is missing.")
    options = {"protocol_whitelist": "file"}
    with av.open(str(path), format=DEMUXERS[content], options=options, metadata_errors="replace") as container:
        yield container


def picture_of(container: InputContainer) -> VideoStream:
    for stream in container.streams.video:
        if _is_known(stream) and not stream.disposition & Disposition.attached_pic:
            return stream
    raise UnreadableVideo(VideoFault.WITHOUT_PICTURE, "The video has no picture track that can be read.")


def _read(container: InputContainer, picture: VideoStream, sound: AudioStream | None) -> _Track:
    track = _Track()
    stop_at = time.monotonic() + WORK_SECONDS
    try:
        for packet in container.demux([stream for stream in (picture, sound) if stream]):
            if time.monotonic() > stop_at:
                raise UnreadableVideo(VideoFault.TOO_SLOW, f"The video takes more than {WORK_SECONDS:.0f} s to read.")
            if packet.stream is sound:
                _hear(packet, track)
            else:
                _take(packet, track)
    except FFmpegError as error:
        raise _cut_off(track) from error
    track.close()
    return track


def _hear(packet: av.Packet[Any], track: _Track) -> None:
    if packet.is_corrupt:
        raise _cut_off(track)
    if packet.size and packet.pts is not None and packet.time_base:
        track.sound_packets += 1
        track.sound_end = max(track.sound_end, (packet.pts + (packet.duration or 0)) * packet.time_base)


def _take(packet: av.Packet[Any], track: _Track) -> None:
    at = packet.pts if packet.pts is not None else packet.dts
    if packet.size and at is not None and packet.time_base and not packet.is_discard:
        seconds = at * packet.time_base
        track.add(seconds, (packet.duration or 0) * packet.time_base)
        if track.frames > WARM_UP_FRAMES:
            if not packet.is_keyframe or seconds - track.decoded_at < KEY_FRAME_SECONDS:
                return
            track.decoded_at = seconds
    if packet.is_corrupt:
        raise _cut_off(track)
    _decode(packet, track)


def _decode(packet: av.Packet[Any], track: _Track) -> None:
    try:
        for frame in packet.decode():
            track.bad += bool(frame.is_corrupt)
            if not track.sizes:
                track.sizes.append((frame.width, frame.height))
    except FFmpegError:
        track.bad += 1


def _check(container: InputContainer, picture: VideoStream, track: _Track) -> None:
    promised = Fraction(container.duration or 0, av.time_base)
    there = max(track.end, track.sound_end)
    # The picture may end a little before the sound, so only the longer of them has to keep the promise closely.
    short = promised - there > SHORTFALL or promised - track.end > max(Fraction(1), promised / 10)
    if short or track.frames < picture.frames:
        raise _cut_off(track)
    if track.bad or not track.sizes or track.frames < track.seconds:
        raise UnreadableVideo(VideoFault.DAMAGED, "The video is damaged: some of its pictures can’t be decoded.")


def _cut_off(track: _Track) -> UnreadableVideo:
    return UnreadableVideo(VideoFault.CUT_OFF, f"The video is cut off after {float(track.seconds):.3f} s.")


def _is_known(stream: VideoStream | AudioStream) -> bool:
    """A track in a codec that FFmpeg doesn't know has no context, whatever the types say."""
    context: Any = stream.codec_context
    return context is not None


def _codec(stream: VideoStream | AudioStream) -> str:
    return stream.codec_context.codec.canonical_name
