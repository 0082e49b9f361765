"""Videos as bytes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from tempfile import NamedTemporaryFile

import av
import numpy as np

from tests.corpus.sounds import tone

FORMS = {
    "mp4": ("mp4", "libx264", "aac"),
    "mov": ("mov", "libx264", "aac"),
    "webm": ("webm", "libvpx-vp9", "libopus"),
}
RATE = 48_000


def film(
    kind: str = "mp4",
    seconds: Fraction | float = 3,
    *,
    fps: int = 25,
    size: tuple[int, int] = (320, 240),
    sound: bool = True,
    **options: str,
) -> bytes:
    """A grey picture that brightens, with noise in a corner, and a tone; ``options`` go to the muxer."""
    form, video_codec, audio_codec = FORMS[kind]
    with NamedTemporaryFile() as file, av.open(file.name, "w", format=form, options=options) as container:
        picture = container.add_stream(video_codec, rate=fps, options={"threads": "1"})
        picture.width, picture.height = size
        picture.pix_fmt = "yuv420p"
        voice = container.add_stream(audio_codec, rate=RATE) if sound else None
        if voice:
            voice.layout = "mono"
        noise = np.random.default_rng(1)
        for number in range(round(seconds * fps)):
            pixels = np.full((size[1], size[0], 3), 40 + number % 200, np.uint8)
            pixels[:40, :40] = noise.integers(0, 255, (40, 40, 3))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if voice:
            samples = tone(float(seconds), RATE)
            for start in range(0, len(samples), 960):
                part = np.ascontiguousarray(samples[None, start : start + 960])
                frame_of_sound = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                frame_of_sound.sample_rate, frame_of_sound.pts = RATE, start
                container.mux(voice.encode(frame_of_sound))
            container.mux(voice.encode(None))
        container.close()  # which writes the end of the file
        return Path(file.name).read_bytes()
