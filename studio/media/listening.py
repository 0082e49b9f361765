"""Decodes a sound from beginning to end, in bounded memory and time, and tells what was heard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from studio.media.cutoff import ends_inside, is_cut, promised_ms
from studio.media.refusal import Refusal, UploadRefused
from studio.media.signatures import Content
from studio.media.waveform import Waveform, samples_of

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
CODECS = frozenset({"mp3", "aac", "alac", "vorbis", "opus", "flac"})
DECODE_SECONDS = 360  # of sound; what is beyond is counted by its packets, without decoding
COUNT_SECONDS = 3600
WORK_SECONDS = 20.0  # of our time
EXPORT = "Export it as MP3 or WAV and upload that."
AGAIN = "Export or copy it again and upload that."


@dataclass(slots=True)
class Heard:
    """What a sound turned out to be. ``seconds`` is exact up to DECODE_SECONDS, and stops at COUNT_SECONDS."""

    codec: str
    tracks: int
    sample_rate: int = 0
    channels: int = 0
    seconds: Fraction = Fraction(0)
    padding: Fraction = Fraction(0)  # seconds by which the last frame is longer than its container says
    packets: int = 0
    bad_packets: int = 0
    cut_off: bool = False
    promised_ms: int | None = None
    waveform: Waveform = field(default_factory=Waveform)

    @property
    def duration_ms(self) -> int:
        return int(self.seconds * 1000)


def listen(path: Path, content: Content) -> Heard:
    """Raises UploadRefused for what is no plain sound, NotNumbers, and FFmpegError when it can't even be opened."""
    if is_cut(path, content):
        sentence = "The voice is cut off: the end of its file is missing."
        raise UploadRefused(Refusal.VOICE_CUT_OFF, sentence, AGAIN)
    with _opened(path, content) as container:
        stream = _sound_of(container)
        heard = Heard(codec=stream.codec_context.codec.canonical_name, tracks=len(container.streams.audio))
        heard.promised_ms = promised_ms(path, content, container)
        last = _hear(container, stream, heard)
        heard.cut_off = heard.cut_off or ends_inside(content, last)
        if content is Content.MP4 and heard.codec == "aac":
            # AAC comes in whole frames; in an MP4 the last one's length says where the sound really ends.
            heard.seconds -= heard.padding
        return heard


@contextmanager
def _opened(path: Path, content: Content) -> Iterator[InputContainer]:
    options = {"protocol_whitelist": "file"}
    with av.open(str(path), format=DEMUXERS[content], options=options, metadata_errors="replace") as container:
        yield container


def _sound_of(container: InputContainer) -> AudioStream:
    """The first sound track, if the file is a sound: a cover picture is fine, a moving one isn't."""
    if any(_moves(stream) for stream in container.streams.video):
        raise UploadRefused(
            Refusal.VOICE_IS_A_VIDEO, "The voice is a video.", "Export its sound alone, as MP3 or WAV, and upload that."
        )
    if not container.streams.audio:
        raise UploadRefused(Refusal.VOICE_WITHOUT_SOUND, "The voice file has no sound track.", EXPORT)
    stream = container.streams.audio[0]
    # A track in a codec that FFmpeg doesn't know has no context at all, whatever the types say.
    context: Any = stream.codec_context
    codec = context.codec.canonical_name if context else "an unknown codec"
    if codec not in CODECS and not codec.startswith("pcm_"):
        raise UploadRefused(
            Refusal.VOICE_CODEC, f"The sound in the voice file is {codec}, which can’t be used.", EXPORT
        )
    return stream


def _moves(stream: VideoStream) -> bool:
    return not stream.disposition & Disposition.attached_pic


def _hear(container: InputContainer, stream: AudioStream, heard: Heard) -> bytes:
    """Decode everything into ``heard``; gives the last packet, whose end tells whether the file has one."""
    stop_at = time.monotonic() + WORK_SECONDS
    last = b""
    try:
        for packet in container.demux(stream):
            if time.monotonic() > stop_at:
                raise _too_slow(heard)
            if heard.seconds > COUNT_SECONDS:
                break
            if heard.seconds > DECODE_SECONDS:
                heard.seconds += packet.duration * packet.time_base if packet.duration else 0
                continue
            if packet.size:
                heard.packets += 1
                last = bytes(packet)
            _decode(packet, heard)
    except FFmpegError:
        heard.cut_off = True
    return last


def _decode(packet: av.Packet[AudioStream], heard: Heard) -> None:
    try:
        for frame in packet.decode():
            _take(frame, heard)
    except FFmpegError:
        heard.bad_packets += 1


def _take(frame: av.AudioFrame, heard: Heard) -> None:
    samples, rate = samples_of(frame), frame.sample_rate
    length = Fraction(samples.shape[1], rate)
    said = frame.duration * frame.time_base if frame.duration and frame.time_base else length
    heard.sample_rate, heard.channels = heard.sample_rate or rate, heard.channels or len(samples)
    heard.seconds += length
    heard.padding = max(length - said, Fraction(0))
    heard.waveform.add(samples, rate)


def _too_slow(heard: Heard) -> UploadRefused:
    return UploadRefused(
        Refusal.VOICE_TOO_SLOW,
        f"The voice takes too long to read: {int(heard.seconds)} s of it in {WORK_SECONDS:.0f} s of work.",
        EXPORT,
    )
