"""Real films of an exact length, cheaply: eight frames are encoded once and their packets repeated along the grid."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import io
import os
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from PIL import Image

FPS = 30
FRAMES_PER_STEP = 8
RATE = 48_000
SAMPLES_PER_STEP = RATE * 4 // 15
SHORT_SIDE = 288
PLAIN = (72, 96, 128)


class Format(NamedTuple):
    container: str
    content_type: str
    video: str
    video_options: dict[str, str]
    audio: str
    audio_frame: int


X264 = {"preset": "ultrafast", "bf": "0", "sc_threshold": "0"}
FORMATS = {
    "mp4": Format("mp4", "video/mp4", "libx264", X264, "aac", 1024),
    "mov": Format("mov", "video/quicktime", "libx264", X264, "aac", 1024),
    "webm": Format("webm", "video/webm", "libvpx", {"deadline": "realtime", "cpu-used": "8"}, "libopus", 960),
}


@dataclass(frozen=True, slots=True)
class Film:
    """What to make: ``steps`` of 4/15 s, with the portrait as its picture and the voice as its sound if given."""

    steps: int
    format: str = "mp4"
    quality: int = 95
    portrait: Path | None = None
    voice: Path | None = None
    picture: bool = True
    sound: bool = True
    padding: int = 0  # bytes of an ignorable box at the end, for tests with large files

    @property
    def key(self) -> str:
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()[:32]


class FilmStore:
    """Makes each film once, one at a time on a thread of its own, and keeps it for as long as the process lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="films")
        self._making: dict[str, asyncio.Future[Path]] = {}

    async def get(self, film: Film) -> Path:
        if film.key not in self._making:
            self._making[film.key] = asyncio.get_running_loop().run_in_executor(self._thread, self._make, film)
        return await asyncio.shield(self._making[film.key])

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _make(self, film: Film) -> Path:
        path = self._folder / f"{film.key}.{film.format}"
        path.write_bytes(make_film(film))
        if film.padding and film.format != "webm":
            _pad(path, film.padding)
        return path


def make_film(film: Film) -> bytes:
    """The whole file, made the same way each time."""
    form = FORMATS[film.format]
    tracks = []
    if film.picture:
        tracks.append((av.open(_eight_frames(film, form)), _repeated, "video"))
    if film.sound:
        tracks.append((av.open(_sound(film, form)), _copied, "audio"))
    target = io.BytesIO()
    with av.open(target, "w", format=form.container) as output:
        flows = []
        for source, flow, kind in tracks:
            stream = source.streams.get({kind: 0})[0]
            flows.append(flow(source, stream, output.add_stream_from_template(stream), film.steps))
        for _, _, packet in heapq.merge(*flows, key=lambda item: item[:2]):
            output.mux(packet)
    for source, _, _ in tracks:
        source.close()
    return target.getvalue()


def _repeated(source: Any, stream: Any, target: Any, steps: int) -> Iterator[tuple[float, int, av.Packet]]:
    unit = [(bytes(packet), packet.is_keyframe) for packet in source.demux(stream) if packet.size]
    for number in range(steps * FRAMES_PER_STEP):
        content, is_key = unit[number % FRAMES_PER_STEP]
        packet = av.Packet(content)
        packet.stream = target
        packet.time_base = Fraction(1, FPS)
        packet.pts = packet.dts = number
        packet.duration = 1
        packet.is_keyframe = is_key
        yield number / FPS, 0, packet


def _copied(source: Any, stream: Any, target: Any, steps: int) -> Iterator[tuple[float, int, av.Packet]]:
    for packet in source.demux(stream):
        if packet.size and packet.pts is not None:
            at = float(packet.pts * packet.time_base)
            packet.stream = target
            yield at, 1, packet


def _eight_frames(film: Film, form: Format) -> io.BytesIO:
    picture = _picture(film.portrait)
    crf = str(round(40 - (film.quality - 20) * 22 / 79))
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form.container) as output:
        options = form.video_options | {"crf": crf} | ({"b": "1M"} if form.video == "libvpx" else {})
        stream = output.add_stream(form.video, rate=FPS, options=options)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.gop_size = FRAMES_PER_STEP
        for number in range(FRAMES_PER_STEP):
            glow = 4 * min(number, FRAMES_PER_STEP - number)
            lit = np.clip(picture.astype(np.int16) + glow, 0, 255).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(lit, format="rgb24")))
        output.mux(stream.encode())
    buffer.seek(0)
    return buffer


def _picture(portrait: Path | None) -> np.ndarray[Any, Any]:
    if portrait is None:
        return np.full((SHORT_SIDE * 16 // 9, SHORT_SIDE, 3), PLAIN, np.uint8)
    with Image.open(portrait) as image:
        scale = SHORT_SIDE / min(image.size)
        size = tuple(max(2, round(side * scale / 2) * 2) for side in image.size)
        image.draft("RGB", size)
        return np.asarray(image.convert("RGB").resize(size))


def _sound(film: Film, form: Format) -> io.BytesIO:
    count = film.steps * SAMPLES_PER_STEP // form.audio_frame * form.audio_frame
    samples = _voice_samples(film.voice, count) if film.voice else tone(count)
    return encode_audio(samples, form.container, form.audio)


def encode_audio(samples: np.ndarray[Any, Any], container: str, codec: str, rate: int = RATE) -> io.BytesIO:
    """Mono 16-bit ``samples`` as a file of this container and codec."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.layout = "mono"
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.rate = rate
        frame.pts = 0
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=rate)
        for fitting in resampler.resample(frame):
            output.mux(stream.encode(fitting))
        output.mux(stream.encode())
    buffer.seek(0)
    return buffer


def tone(count: int, rate: int = RATE) -> np.ndarray[Any, Any]:
    at = np.arange(count) / rate
    return (np.sin(2 * np.pi * 180 * at) * (3000 + 2500 * np.sin(2 * np.pi * 3 * at))).astype(np.int16)


def _voice_samples(voice: Path, count: int) -> np.ndarray[Any, Any]:
    parts = []
    with av.open(str(voice)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for frame in container.decode(container.streams.audio[0]):
            parts.extend(part.to_ndarray()[0] for part in resampler.resample(frame))
    samples = np.concatenate(parts)[:count] if parts else np.zeros(0, np.int16)
    return np.pad(samples, (0, count - len(samples)))


def _pad(path: Path, size: int) -> None:
    """Add a ``free`` box of ``size`` bytes; the file is sparse, so that it costs no room."""
    with path.open("ab") as file:
        file.write(struct.pack(">I4sQ", 1, b"free", size))
        end = file.tell() + size - 16
    os.truncate(path, end)
