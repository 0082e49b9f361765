"""What must not become a voice."""

from __future__ import annotations

import numpy as np

from studio.media.errors import Refusal
from tests.corpus import films, hostile, pictures, sounds
from tests.corpus.bad import Bad, archive, heic, noise, part

CHOOSE_SOUND = "Choose an MP3, WAV, M4A, AAC, OGG, FLAC or WebM sound."
EXPORT_SOUND = "Export it as MP3 or WAV and upload that."
AGAIN = "Export or copy it again and upload that."
MISSING_END = "The voice is cut off: the end of its file is missing."
LONGER = "Record or choose a longer one."
TRIM = "Trim it or split it."
RECORD_AGAIN = "Check the microphone and record it again."
SOUND_ALONE = "Export its sound alone, as MP3 or WAV, and upload that."
EMPTY_SOUND = "Choose the file again; if it stays empty, record or export it again."


def broken_numbers(number: float) -> bytes:
    samples = sounds.tone(3)
    samples[12_000] = number
    return sounds.float_wav(samples)


def offset() -> bytes:
    """A broken sound card: a constant voltage, which is loud in numbers and silent to the ear."""
    return sounds.wav(np.full(24_000, 0.5, np.float32))


def adpcm() -> bytes:
    data = bytearray(sounds.wav(sounds.tone(3)))
    data[20:22] = b"\x02\0"
    return bytes(data)


def garbled_table() -> bytes:
    """An M4A whose table of contents is overwritten."""
    data = bytearray(sounds.encoded("m4a", 3))
    table = data.index(b"moov") + 4
    data[table:] = b"\x7f" * (len(data) - table)
    return bytes(data)


def not_a_sound(what: str) -> str:
    return f"The voice is {what}, not a sound."


def promised(said: str, found: str) -> str:
    return f"The voice says that it is {said} long, but only {found} of sound are there."


def cut_after(found: str) -> str:
    return f"The voice is cut off in the middle of a sound, after {found}."


_NO_SOUND = Refusal.VOICE_NOT_A_SOUND
_CUT = Refusal.VOICE_CUT_OFF
_VIDEO = Refusal.VOICE_IS_A_VIDEO

VOICES = [
    Bad("empty.mp3", bytes, Refusal.VOICE_EMPTY, "The voice is empty: 0 bytes.", EMPTY_SOUND),
    Bad("picture.mp3", pictures.jpeg, _NO_SOUND, not_a_sound("a JPEG picture"), CHOOSE_SOUND),
    Bad("picture.heic", heic, _NO_SOUND, not_a_sound("a HEIC picture"), CHOOSE_SOUND),
    Bad("sounds.zip", archive, _NO_SOUND, not_a_sound("a ZIP archive"), CHOOSE_SOUND),
    Bad("drawing.wav", lambda: pictures.SVG_WITH_SCRIPT, _NO_SOUND, not_a_sound("an SVG drawing"), CHOOSE_SOUND),
    Bad("list.mp3", lambda: b"#EXTM3U\nfile:///etc/passwd\n", _NO_SOUND, not_a_sound("a playlist"), CHOOSE_SOUND),
    Bad("noise.mp3", lambda: noise(4000), _NO_SOUND, not_a_sound("a file of no known kind"), CHOOSE_SOUND),
    Bad(
        "sound.aiff",
        lambda: b"FORM\0\0\0\x20AIFF" + bytes(100),
        _NO_SOUND,
        "The voice is an AIFF sound, which can’t be used here.",
        CHOOSE_SOUND,
    ),
    Bad("film.avi", lambda: b"RIFF\0\0\0\0AVI LIST", _VIDEO, "The voice is an AVI video.", SOUND_ALONE),
    Bad(
        "silent film.m4a",
        lambda: films.film(sound=False),
        Refusal.VOICE_WITHOUT_SOUND,
        "The voice is a video without sound.",
        "Choose a file with a voice in it.",
    ),
    Bad(
        "surround.mkv",
        lambda: sounds.encoded("mkv", 3),
        Refusal.VOICE_CODEC,
        "The sound in the voice file is ac3, which can’t be used.",
        EXPORT_SOUND,
    ),
    Bad(
        "one sample a second.wav",
        hostile.slow_wav,
        Refusal.VOICE_CODEC,
        "The sound in the voice file has 1 samples a second; a voice has 4,000 to 384,000.",
        EXPORT_SOUND,
    ),
    Bad(
        "twenty channels.wav",
        lambda: sounds.wav(np.repeat(sounds.tone(3)[:, None], 20, axis=1)),
        Refusal.VOICE_CODEC,
        "The sound in the voice file has 20 channels; the limit is 16.",
        EXPORT_SOUND,
    ),
    Bad(
        "claims 80 million samples.m4a",
        lambda: hostile.table_that_claims(b"stsz", 1, hostile.MANY),
        Refusal.VOICE_OVER_LIMITS,
        "The voice has a table of 80,000,000 samples, which 18,112 bytes can’t hold.",
        "Export it again, as MP3 or WAV.",
    ),
    Bad(
        "1,001 tracks.m4a",
        lambda: hostile.tracks(1_000),
        Refusal.VOICE_OVER_LIMITS,
        "The voice has more than 100 tracks.",
        "Export it again, as MP3 or WAV.",
    ),
    Bad(
        "dictaphone.wav",
        adpcm,
        Refusal.VOICE_CODEC,
        "The sound in the voice file is adpcm_ms, which can’t be used.",
        EXPORT_SOUND,
    ),
    Bad(
        "garbled.m4a",
        garbled_table,
        Refusal.VOICE_WITHOUT_SOUND,
        "The voice file has no sound track.",
        EXPORT_SOUND,
    ),
    Bad(
        "only a tag.mp3",
        lambda: b"ID3\x03\0\0\0\0\0\0",
        Refusal.VOICE_UNREADABLE,
        "The voice begins like an MP3 sound but can’t be read.",
        "It may be damaged or cut off. " + AGAIN,
    ),
    Bad(
        "only a beginning.flac",
        lambda: b"fLaC" + noise(4000),
        Refusal.VOICE_UNREADABLE,
        "The voice begins like a FLAC sound but can’t be read.",
        "It may be damaged or cut off. " + AGAIN,
    ),
    Bad(
        "flipped.aac",
        lambda: sounds.with_flipped_bytes(sounds.encoded("aac", 3), every=900),
        Refusal.VOICE_DAMAGED,
        "The voice is damaged: 16 of its 48 pieces can’t be decoded.",
        AGAIN,
    ),
    Bad("half.wav", lambda: part(sounds.wav(sounds.tone(6)), 0.5), _CUT, promised("6 s", "2.998 s"), AGAIN),
    Bad("half.mp3", lambda: part(sounds.mp3(6), 0.5), _CUT, promised("6 s", "2.954 s"), AGAIN),
    Bad(
        "half, no count.mp3",
        lambda: part(sounds.mp3_without_count(6), 0.5),
        _CUT,
        cut_after("3.06 s"),
        AGAIN,
    ),
    Bad("half.m4a", lambda: part(sounds.encoded("m4a", 6), 0.5), _CUT, MISSING_END, AGAIN),
    Bad(
        "half, table first.m4a",
        lambda: part(sounds.encoded("m4a", 6, movflags="+faststart"), 0.5),
        _CUT,
        MISSING_END,
        AGAIN,
    ),
    Bad(
        "half.aac",
        lambda: part(sounds.encoded("aac", 6), 0.5),
        _CUT,
        cut_after("3.008 s"),
        AGAIN,
    ),
    Bad("half.ogg", lambda: part(sounds.encoded("opus", 6), 0.5), _CUT, MISSING_END, AGAIN),
    Bad("half.flac", lambda: part(sounds.encoded("flac", 6), 0.5), _CUT, promised("6 s", "2.232 s"), AGAIN),
    Bad("half.webm", lambda: part(sounds.encoded("webm", 6), 0.5), _CUT, MISSING_END, AGAIN),
    Bad(
        "claims a minute.wav",
        lambda: sounds.wav(sounds.tone(5), claimed_bytes=60 * 16_000),
        _CUT,
        promised("60 s", "5 s"),
        AGAIN,
    ),
    Bad(
        "claims five seconds.mp3",
        lambda: sounds.mp3(5) + 715 * sounds.mp3_without_count(5),
        Refusal.VOICE_TOO_LONG,
        "The voice is 3634.346 s; the limit is 3600 s.",
        TRIM,
    ),
    Bad(
        "NaN.wav",
        lambda: broken_numbers(float("nan")),
        Refusal.VOICE_NOT_NUMBERS,
        "The voice holds samples that are not numbers, so nothing can play it.",
        EXPORT_SOUND,
    ),
    Bad(
        "endless.wav",
        lambda: broken_numbers(float("inf")),
        Refusal.VOICE_NOT_NUMBERS,
        "The voice holds samples that are not numbers, so nothing can play it.",
        EXPORT_SOUND,
    ),
    Bad(
        "half a second.wav",
        lambda: sounds.wav(sounds.tone(0.5)),
        Refusal.VOICE_TOO_SHORT,
        "The voice is 0.5 s; the least is 2 s.",
        LONGER,
    ),
    Bad(
        "a hair too short.wav",
        lambda: sounds.wav(sounds.tone(1.999)),
        Refusal.VOICE_TOO_SHORT,
        "The voice is 1.999 s; the least is 2 s.",
        LONGER,
    ),
    Bad(
        "3601 seconds.wav",
        lambda: sounds.wav(np.full(4_000 * 3_601, 128, np.uint8), 4_000),
        Refusal.VOICE_TOO_LONG,
        "The voice is 3601 s; the limit is 3600 s.",
        TRIM,
    ),
    Bad(
        "a hair too long.wav",
        lambda: sounds.wav(np.full(4_000 * 3_600 + 4, 128, np.uint8), 4_000),
        Refusal.VOICE_TOO_LONG,
        "The voice is 3600.001 s; the limit is 3600 s.",
        TRIM,
    ),
    Bad(
        "a night.wav",
        lambda: sounds.wav(np.full(4_000 * 7_300, 128, np.uint8), 4_000),
        Refusal.VOICE_TOO_LONG,
        "The voice is longer than 7200 s; the limit is 3600 s.",
        TRIM,
    ),
    Bad(
        "silence.wav",
        lambda: sounds.wav(np.zeros(24_000, np.float32)),
        Refusal.VOICE_SILENT,
        "The voice is silent from beginning to end.",
        RECORD_AGAIN,
    ),
    Bad("offset.wav", offset, Refusal.VOICE_SILENT, "The voice is silent from beginning to end.", RECORD_AGAIN),
    Bad(
        "hiss.wav",
        lambda: sounds.wav(sounds.tone(3, loudness=0.001)),
        Refusal.VOICE_SILENT,
        "The voice is silent: its loudest moment is -60 dB, and -50 dB is the least.",
        RECORD_AGAIN,
    ),
]
