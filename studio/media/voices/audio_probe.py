"""Audio probe: decodes a sound from beginning to end, in bounded memory and time, and tells what was heard."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av

from studio.media.errors import Refusal, UploadRefused
from studio.media.signatures import Content
from studio.media.voices.clarity import is_clear
from studio.media.voices.sound import DEMUXERS, Sound, open_sound
from studio.media.voices.truncation import ends_inside_element, is_cut, samples_are_cut, wav_bytes
from studio.media.voices.waveform import Waveform, samples_of

__all__ = ["AGAIN", "COUNT_SECONDS", "DEMUXERS", "EXPORT", "Heard", "listen"]

CODECS = frozenset({"mp3", "aac", "alac", "vorbis", "opus", "flac"})
DECODE_SECONDS = 3_660  # of sound; what is beyond is counted by its packets, without decoding
COUNT_SECONDS = 7_200
WORK_SECONDS = 80.0  # of our time
MIN_RATE, MAX_RATE = 4_000, 384_000
MAX_CHANNELS = 16
# How much may be missing of a WAV: some programs count their own header, or whole blocks.
SHORTFALL_SECONDS = Fraction(1, 4)
SHORTFALL_BYTES = 4096
FLAC_FRAMES = (b"\xff\xf8", b"\xff\xf9")
EXPORT = "Export it as MP3 or WAV and upload that."
AGAIN = "Export or copy it again and upload that."


@dataclass(slots=True)
class Heard:
    """What a sound turned out to be. ``seconds`` is exact up to DECODE_SECONDS, and stops at COUNT_SECONDS.

    ``promised_ms`` is what the header says of a file that was cut off. ``is_clear``: every reader finds this length.
    """

    codec: str
    tracks: int
    from_video: bool = False
    sample_rate: int = 0
    channels: int = 0
    seconds: Fraction = Fraction(0)
    packets: int = 0
    bad_packets: int = 0
    cut_off: bool = False
    promised_ms: int | None = None
    is_clear: bool = False
    waveform: Waveform = field(default_factory=Waveform)

    @property
    def duration_ms(self) -> int:
        return int(self.seconds * 1000)


def listen(path: Path, content: Content) -> Heard:
    """Raises UploadRefused for what holds no sound, NotNumbers, and FFmpegError when it can't even be opened."""
    if is_cut(path, content):
        raise _end_is_missing()
    with open_sound(path, content) as sound:
        heard = _begin(sound)
        if content is Content.MP4 and samples_are_cut(path, sound.stream):
            raise _end_is_missing()
        _hear(sound, heard)
        heard.packets, heard.bad_packets = sound.packets, sound.bad_packets
        heard.cut_off = sound.broke or _ends_inside(path, sound, heard)
        if heard.cut_off:
            heard.promised_ms = _promised_ms(path, sound, heard)
        else:
            heard.is_clear = is_clear(path, sound, heard.seconds)
        return heard


def _begin(sound: Sound) -> Heard:
    if not sound.container.streams.audio:
        if sound.has_pictures:
            raise UploadRefused(
                Refusal.VOICE_WITHOUT_SOUND, "The voice is a video without sound.", "Choose a file with a voice in it."
            )
        raise UploadRefused(Refusal.VOICE_WITHOUT_SOUND, "The voice file has no sound track.", EXPORT)
    codec = sound.codec or "an unknown codec"
    if codec not in CODECS and not codec.startswith("pcm_"):
        raise UploadRefused(
            Refusal.VOICE_CODEC, f"The sound in the voice file is {codec}, which can’t be used.", EXPORT
        )
    return Heard(codec, len(sound.container.streams.audio), from_video=sound.has_pictures)


def _hear(sound: Sound, heard: Heard) -> None:
    stop_at = time.monotonic() + WORK_SECONDS

    def tick() -> None:
        if time.monotonic() > stop_at:
            raise _too_slow(heard)

    for frame in sound.frames(tick):
        _take(frame, heard)
        if heard.seconds > DECODE_SECONDS:
            heard.seconds += sound.rest(COUNT_SECONDS - heard.seconds)
            return


def _take(frame: av.AudioFrame, heard: Heard) -> None:
    _check_form(frame)
    samples, rate = samples_of(frame), frame.sample_rate
    heard.sample_rate, heard.channels = heard.sample_rate or rate, heard.channels or len(samples)
    heard.seconds += Fraction(samples.shape[1], rate)
    heard.waveform.add(samples, rate)


def _check_form(frame: av.AudioFrame) -> None:
    """Whether a voice can be sampled so. Each frame is asked, because a file may change it on the way."""
    rate, channels = frame.sample_rate, frame.layout.nb_channels
    if not MIN_RATE <= rate <= MAX_RATE:
        found = f"has {rate:,} samples a second; a voice has {MIN_RATE:,} to {MAX_RATE:,}"
    elif channels > MAX_CHANNELS:
        found = f"has {channels:,} channels; the limit is {MAX_CHANNELS}"
    else:
        return
    raise UploadRefused(Refusal.VOICE_CODEC, f"The sound in the voice file {found}.", EXPORT)


def _ends_inside(path: Path, sound: Sound, heard: Heard) -> bool:
    """Whether the file ends before a piece of it does."""
    if sound.framed:
        return sound.framed.cut or sound.framed.falls_short
    if sound.content is Content.FLAC:
        return sound.last_is_bad and sound.last.startswith(FLAC_FRAMES)
    if sound.content is Content.WAV and (data := wav_bytes(path)):
        said, there = data
        missing = heard.seconds * (said - there) / max(there, 1)
        return said - there > SHORTFALL_BYTES or missing > SHORTFALL_SECONDS
    return sound.content is Content.WEBM and ends_inside_element(path)


def _promised_ms(path: Path, sound: Sound, heard: Heard) -> int | None:
    if sound.content is Content.WAV:
        said, there = wav_bytes(path) or (0, 1)
        return round(heard.seconds * said / there * 1000)
    stream = sound.stream
    has_count = sound.content is Content.FLAC or (sound.framed is not None and sound.framed.count is not None)
    if has_count and stream.duration is not None and stream.time_base is not None:
        return int(stream.duration * stream.time_base * 1000)
    return None


def _end_is_missing() -> UploadRefused:
    sentence = "The voice is cut off: the end of its file is missing."
    return UploadRefused(Refusal.VOICE_CUT_OFF, sentence, AGAIN)


def _too_slow(heard: Heard) -> UploadRefused:
    return UploadRefused(
        Refusal.VOICE_TOO_SLOW,
        f"The voice takes too long to read: {int(heard.seconds)} s of it in {WORK_SECONDS:.0f} s of work.",
        EXPORT,
    )
