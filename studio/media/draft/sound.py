"""What the mouth needs to know of the voice: how open, how wide, and how loud, for every frame of the video.

The samples pass through in blocks and are gone; what stays is a handful of numbers for each hundredth of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.lib.stride_tricks import sliding_window_view

from studio.media.draft.arrays import Floats
from studio.media.draft.refusal import DraftInputError
from studio.media.signatures import recognise
from studio.media.voices.sound import DEMUXERS, open_sound

FPS = 25
RATE = 16_000
HOP, WINDOW = RATE // 100, 512
HOPS_PER_FRAME = 100 // FPS
BLOCK_HOPS = 256
# Hz. Open vowels are strong in the second band, "ee" in the third, "oo" in neither; the last one is hissing.
BANDS = ((120, 480), (480, 1300), (1500, 3600), (4200, 7800))
SILENCE_DB = -58.0  # the loudest moments of a voice below this are no voice
# Seconds that an exponential needs for all but a tenth, divided by ln 10.
ATTACK, RELEASE, WIDTH_PACE, MOOD_PACE = 0.040 / 2.3, 0.100 / 2.3, 0.12 / 2.3, 0.6 / 2.3
NO_SOUND = "The voice cannot be read as sound; save it again as MP3 or WAV."
# The mouth is seen to move a moment before it is heard.
LEAD_HOPS = 2


@dataclass(frozen=True, slots=True)
class Voice:
    """One value for each frame: ``opening`` 0 to 1, ``width`` -1 (round) to 1 (wide), ``level`` and ``mood`` 0 to 1.

    ``level`` is what a meter shows; ``mood`` is the loudness of the last half second, for the head.
    """

    duration_ms: int
    channels: int
    opening: Floats
    width: Floats
    level: Floats
    mood: Floats

    @property
    def frames(self) -> int:
        return len(self.opening)


@contextmanager
def open_voice(path: Path) -> Iterator[Iterator[AudioFrame]]:
    """The voice's decoded frames. Raises DraftInputError for a file without sound."""
    content = recognise(path)
    if content not in DEMUXERS:
        raise DraftInputError(NO_SOUND)
    with ExitStack() as stack:
        try:
            sound = stack.enter_context(open_sound(path, content))
        except MemoryError:
            raise
        except (av.FFmpegError, OSError, ValueError) as error:
            raise DraftInputError(NO_SOUND) from error
        if not sound.container.streams.audio or not sound.codec:
            raise DraftInputError(NO_SOUND)
        yield sound.frames()


def listen(path: Path) -> Voice:
    """Hear the whole voice once. The video is as long as what was decoded, to the nearest frame and at least one."""
    bands, duration_ms, channels = _hear(path)
    frames = max(1, round(duration_ms * FPS / 1000))
    power = np.concatenate(bands) if bands else np.zeros((1, len(BANDS)), np.float32)
    if len(power) < frames * HOPS_PER_FRAME + LEAD_HOPS:
        power = np.pad(power, ((0, frames * HOPS_PER_FRAME + LEAD_HOPS - len(power)), (0, 0)))
    opening, width, level, mood = (_per_frame(track, frames) for track in _tracks(power))
    return Voice(duration_ms, channels, opening, width, level, mood)


def _hear(path: Path) -> tuple[list[Floats], int, int]:
    """The power in each band for every hop, in blocks; the length in milliseconds; and how many channels there are."""
    to_mono = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    bands: list[Floats] = []
    waiting = np.zeros(WINDOW // 2, np.float32)  # so that the first window is centred on the first sample
    seconds, channels = Fraction(0), 1
    with open_voice(path) as frames:
        for frame in frames:
            seconds += Fraction(frame.samples, frame.sample_rate)
            channels = max(channels, frame.layout.nb_channels)
            frame.pts = None
            heard = [part.to_ndarray().reshape(-1) for part in to_mono.resample(frame)]
            waiting = np.concatenate([waiting, *heard])
            if len(waiting) >= BLOCK_HOPS * HOP + WINDOW:
                waiting = _take_hops(waiting, bands)
        heard = [part.to_ndarray().reshape(-1) for part in to_mono.resample(None)]
        _take_hops(np.concatenate([waiting, *heard, np.zeros(WINDOW, np.float32)]), bands)
    if not seconds:
        raise DraftInputError("The voice has no sound in it; record it again.")
    return bands, int(seconds * 1000), channels


_HANN = np.hanning(WINDOW).astype(np.float32)
_FULL_SCALE = np.float32((_HANN.sum() / 2) ** 2)  # the power of a sine as loud as can be
_EDGES = np.searchsorted(np.fft.rfftfreq(WINDOW, 1 / RATE), BANDS)


def _take_hops(samples: Floats, bands: list[Floats]) -> Floats:
    """Measure every whole window of ``samples`` and return the rest."""
    hops = (len(samples) - WINDOW) // HOP + 1
    windows = sliding_window_view(samples, WINDOW)[: hops * HOP : HOP]
    spectrum = np.fft.rfft(windows * _HANN, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    bands.append(np.stack([power[:, low:high].sum(axis=1) for low, high in _EDGES], axis=1) / _FULL_SCALE)
    return samples[hops * HOP :].copy()


def _tracks(power: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    low, middle, high, hiss = (power[:, n] for n in range(len(BANDS)))
    loudness = 10 * np.log10(0.5 * low + middle + high + np.float32(1e-12))
    top = float(np.percentile(loudness[loudness > SILENCE_DB - 20], 95)) if loudness.max() > SILENCE_DB else 0.0
    if top < SILENCE_DB or not top:
        still = np.zeros(len(power), np.float32)
        return still, still, still, still
    quiet = _noise_floor(loudness, top)
    level = np.clip((loudness - quiet) / (top + 1 - quiet), 0, 1)
    # Open vowels carry more in the middle band than in the low one.
    vowel = np.clip(middle / (low + middle + np.float32(1e-12)) * 1.6, 0, 1)
    hissing = np.clip((10 * np.log10(hiss + np.float32(1e-12)) - (top - 22)) / 10, 0, 1)
    opening = np.maximum(level**1.5 * (0.62 + 0.38 * vowel), 0.17 * hissing)
    width = _brightness(low + middle, high, level) * np.minimum(level * 2.5, 1)
    width += (np.float32(0.7) - width) * hissing  # teeth close together
    opening = _follow(opening, ATTACK, RELEASE)
    return (
        opening,
        _follow(width, WIDTH_PACE, WIDTH_PACE),
        _follow(level, ATTACK, RELEASE),
        _follow(opening, MOOD_PACE, MOOD_PACE),
    )


def _noise_floor(loudness: Floats, top: float) -> float:
    """The loudness at which the mouth closes: above the room's noise, yet well below the voice."""
    room = float(np.percentile(loudness, 8)) + 5
    return float(np.clip(room, top - 27, top - 14))


def _brightness(dark: Floats, bright: Floats, level: Floats) -> Floats:
    """-1 for the voice's own darkest vowels to 1 for its brightest, whoever speaks into whatever microphone."""
    tilt = np.log10((bright + np.float32(1e-9)) / (dark + np.float32(1e-9)))
    spoken = tilt[level > 0.45]
    if len(spoken) < 10:
        return np.zeros_like(tilt)
    dull, usual, clear = (float(np.percentile(spoken, share)) for share in (8, 50, 92))
    below, above = max(usual - dull, 0.15), max(clear - usual, 0.15)
    return np.clip(np.where(tilt < usual, (tilt - usual) / below, (tilt - usual) / above), -1, 1).astype(np.float32)


def _follow(track: Floats, attack: float, release: float) -> Floats:
    """The track as something with weight would follow it: up in ``attack`` seconds, down in ``release``."""
    up, down = (1 - float(np.exp(-0.01 / pace)) for pace in (attack, release))
    at, followed = 0.0, []
    for target in track.tolist():
        at += (target - at) * (up if target > at else down)
        followed.append(at)
    return np.array(followed, np.float32)


def _per_frame(track: Floats, frames: int) -> Floats:
    """The mean over each frame's time, a moment ahead."""
    hops = track[LEAD_HOPS : LEAD_HOPS + frames * HOPS_PER_FRAME]
    return np.asarray(hops.reshape(frames, HOPS_PER_FRAME).mean(axis=1), np.float32)
