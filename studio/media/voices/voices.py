"""A voice is judged by its sound, decoded from beginning to end, and stored as it came."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.media.claims import overclaim
from studio.media.errors import Refusal, UploadRefused, megabytes
from studio.media.signatures import Content, recognise
from studio.media.voices.audio_probe import AGAIN, COUNT_SECONDS, EXPORT, Heard, listen
from studio.media.voices.sound import DEMUXERS
from studio.media.voices.waveform import NotNumbers

logger = logging.getLogger(__name__)

MAX_BYTES = 700_000_000  # an hour of 48 kHz stereo in 16 bits
MIN_MS = 2_000
MAX_MS = 3_600_000
MAX_AT_ONCE_MS = 300_000  # what providers take; a longer one is split
SILENCE_DB = -50  # a voice whose loudest moment is under this is a microphone that was off
PEAKS = 200
# From where on a file that was cut off is told by its own count, and not by its last sound.
SHORTFALL_MS = 250
SHORTFALL_SHARE = 0.01
BAD_SHARE = 0.01  # of the packets; a single bad one is a click, or junk behind the sound

STORED_AS = {
    Content.MP3: ("audio/mpeg", "mp3"),
    Content.WAV: ("audio/wav", "wav"),
    Content.MP4: ("audio/mp4", "m4a"),
    Content.AAC: ("audio/aac", "aac"),
    Content.OGG: ("audio/ogg", "ogg"),
    Content.FLAC: ("audio/flac", "flac"),
    Content.WEBM: ("audio/webm", "webm"),
}
EXPORT_AGAIN = "Export it again, as MP3 or WAV."
CHOOSE = "Choose an MP3, WAV, M4A, AAC, OGG, FLAC or WebM sound."


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that can be used.

    ``details``: codec, sample_rate, channels, peaks (200 numbers, 0 to 100), changes; and ``unclear`` (true) for one in
    which not every program would find this length.
    """

    content_type: str
    extension: str
    duration_ms: int
    details: dict[str, Any]


def read_voice(path: Path) -> Voice:
    """Judge the file by its content. Raises UploadRefused, or MemoryError."""
    check_bytes(path.stat().st_size)
    content = recognise(path)
    if content not in DEMUXERS:
        raise _not_a_sound(content)
    if claim := overclaim(path, content):
        raise UploadRefused(Refusal.VOICE_OVER_LIMITS, f"The voice {claim}.", EXPORT_AGAIN)
    try:
        heard = listen(path, content)
    except (UploadRefused, MemoryError):
        raise
    except NotNumbers as error:
        found = "The voice holds samples that are not numbers, so nothing can play it."
        raise UploadRefused(Refusal.VOICE_NOT_NUMBERS, found, EXPORT) from error
    except Exception as error:
        # Demuxers fail in ways of their own on damaged files; to the person it is one thing.
        logger.info("A voice that began like %s could not be read: %r", content.value, error)
        raise _unreadable(content) from error
    _judge(heard, content)
    content_type, extension = STORED_AS[content]
    return Voice(content_type, extension, heard.duration_ms, _details(heard))


def check_bytes(size: int) -> None:
    if not size:
        raise UploadRefused(
            Refusal.VOICE_EMPTY,
            "The voice is empty: 0 bytes.",
            "Choose the file again; if it stays empty, record or export it again.",
        )
    if size > MAX_BYTES:
        raise UploadRefused(
            Refusal.VOICE_TOO_LARGE,
            f"The voice is {megabytes(size)} MB; the limit is {megabytes(MAX_BYTES)} MB.",
            "Export it as MP3, which is a tenth of the size.",
        )


def check_length(duration_ms: int) -> None:
    """What can't be made of any voice: under 2 s is refused by every provider, and over an hour by us."""
    if duration_ms < MIN_MS:
        found = f"The voice is {_seconds(duration_ms)}; the least is {_seconds(MIN_MS)}."
        raise UploadRefused(Refusal.VOICE_TOO_SHORT, found, "Record or choose a longer one.")
    if duration_ms > MAX_MS:
        endless = duration_ms > COUNT_SECONDS * 1000
        length = f"longer than {COUNT_SECONDS} s" if endless else _seconds(duration_ms)
        found = f"The voice is {length}; the limit is {_seconds(MAX_MS)}."
        raise UploadRefused(Refusal.VOICE_TOO_LONG, found, "Trim it or split it.")


def check_at_once(duration_ms: int) -> None:
    """For whoever speaks a protocol in which a video has no parts. Raises UploadRefused."""
    if duration_ms > MAX_AT_ONCE_MS:
        found = f"The voice is {_seconds(duration_ms)}; the limit is {_seconds(MAX_AT_ONCE_MS)}."
        raise UploadRefused(Refusal.VOICE_TOO_LONG, found, "Trim it or split it.")


def _judge(heard: Heard, content: Content) -> None:
    if not heard.seconds:
        raise _unreadable(content)
    if heard.duration_ms > MAX_MS:
        check_length(heard.duration_ms)
    _check_whole(heard)
    check_length(heard.duration_ms)
    _check_loud(heard)


def _check_whole(heard: Heard) -> None:
    found, promised = heard.duration_ms, heard.promised_ms or 0
    if heard.cut_off and promised - found > max(SHORTFALL_MS, promised * SHORTFALL_SHARE):
        sentence = (
            f"The voice says that it is {_seconds(promised)} long, but only {_seconds(found)} of sound are there."
        )
        raise UploadRefused(Refusal.VOICE_CUT_OFF, sentence, AGAIN)
    if heard.cut_off:
        sentence = f"The voice is cut off in the middle of a sound, after {_seconds(found)}."
        raise UploadRefused(Refusal.VOICE_CUT_OFF, sentence, AGAIN)
    if heard.bad_packets > max(1, heard.packets * BAD_SHARE):
        sentence = f"The voice is damaged: {heard.bad_packets} of its {heard.packets} pieces can’t be decoded."
        raise UploadRefused(Refusal.VOICE_DAMAGED, sentence, AGAIN)


def _check_loud(heard: Heard) -> None:
    loudest = heard.waveform.loudest
    if not loudest:
        sentence = "The voice is silent from beginning to end."
    elif (level := 20 * math.log10(loudest)) < SILENCE_DB:
        sentence = f"The voice is silent: its loudest moment is {level:.0f} dB, and {SILENCE_DB} dB is the least."
    else:
        return
    raise UploadRefused(Refusal.VOICE_SILENT, sentence, "Check the microphone and record it again.")


def _details(heard: Heard) -> dict[str, Any]:
    changes = ["It is a video, of which only the sound is used."] if heard.from_video else []
    if heard.tracks > 1:
        changes.append(f"Only the first of its {heard.tracks} sound tracks is used.")
    details: dict[str, Any] = {
        "codec": heard.codec,
        "sample_rate": heard.sample_rate,
        "channels": heard.channels,
        "peaks": heard.waveform.peaks(PEAKS),
        "changes": changes,
    }
    return details if heard.is_clear else details | {"unclear": True}


def _not_a_sound(content: Content) -> UploadRefused:
    if content.value.endswith("video"):
        return UploadRefused(
            Refusal.VOICE_IS_A_VIDEO,
            f"The voice is {content.value}.",
            "Export its sound alone, as MP3 or WAV, and upload that.",
        )
    but = "which can’t be used here" if content.value.endswith("sound") else "not a sound"
    return UploadRefused(Refusal.VOICE_NOT_A_SOUND, f"The voice is {content.value}, {but}.", CHOOSE)


def _unreadable(content: Content) -> UploadRefused:
    found = f"The voice begins like {content.value} but can’t be read."
    return UploadRefused(Refusal.VOICE_UNREADABLE, found, "It may be damaged or cut off. " + AGAIN)


def _seconds(ms: int) -> str:
    """301 s, 0.5 s, 12.345 s."""
    return f"{ms / 1000:.3f}".rstrip("0").rstrip(".") + " s"
