"""How well a pasted text finds its sentences in a voice, and how fast captions are drawn.

    python -m benchmarks.captions

Sentences are spoken one by one by this server's voice and joined with pauses of our choice, so that it is known when
each begins. Then their text is aligned with the sound, as with any voice whose times nobody knows. Drawing is timed
beside the same conversion without captions. Needs the extra ``speech``.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from pathlib import Path

import av
import numpy as np

PAUSES = {"0.3 to 0.7 s": (0.3, 0.7), "0.15 to 0.35 s": (0.15, 0.35), "none": (0.0, 0.1)}
VOICES, PER_VOICE = 8, 24
HISS = 30  # of 32,767
MARGIN = 0.04  # seconds of the engine's own silence that stay at a sentence's ends
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatarsite.settings")
    import django

    django.setup()
    with tempfile.TemporaryDirectory(prefix="captions-benchmark-") as name:
        _alignment(Path(name))
        _drawing(Path(name))


def _alignment(folder: Path) -> None:
    from studio.media.captions.align import aligned, levels_of
    from studio.speech.engines import local, piper

    sentences = _sentences()
    model = local.models()[local.WHEEL_VOICE]
    said = []
    for sentence in sentences:
        said += piper.say_all((sentence,), model=model, scale=1.0, folder=folder)
        if len(said) % 10 == 0:
            piper.end()  # it takes ever more memory, and has a limit
    rate = said[0].rate
    sounds = dict(zip(sentences, (_trimmed(samples.frames, rate) for samples in said), strict=True))
    piper.end()
    for label, (least, most) in PAUSES.items():
        late, seconds, took = [], 0.0, 0.0
        for seed in range(VOICES):
            luck = random.Random(seed)
            chosen = luck.sample(sentences, PER_VOICE)
            begins, voice = _joined([sounds[one] for one in chosen], rate, luck, (least, most), folder)
            began = time.perf_counter()
            found = aligned(levels_of(voice), chosen)
            took += time.perf_counter() - began
            late += [abs(start - begin) for (start, _, _), begin in zip(found, begins, strict=True)]
            seconds += begins[-1] / 1000
        shares = ", ".join(f"{np.mean(np.array(late) <= ms):.1%} within {ms / 1000} s" for ms in (150, 500, 1000))
        print(f"pauses of {label}: {shares}; median {np.median(late):.0f} ms, worst {max(late):.0f} ms", end="")
        print(f"; {seconds / took:,.0f} × real time")


def _sentences() -> list[str]:
    import sentencex

    text = " ".join((ROOT / "docs" / name).read_text() for name in ("architecture.md", "billing.md", "operations.md"))
    words = " ".join(text.split())
    plain = (one.strip() for one in sentencex.segment("en", words))
    return list(dict.fromkeys(one for one in plain if 15 < len(one) < 200 and not set(one) & set("`|*[]/_<>#")))[:100]


def _trimmed(pcm: bytes, rate: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    sound = np.frombuffer(pcm, np.int16)
    loud = np.flatnonzero(np.abs(sound.astype(int)) > 300)
    return sound[max(loud[0] - int(MARGIN * rate), 0) : loud[-1] + int(MARGIN * rate)]


def _joined(
    sounds: list[np.ndarray[tuple[int], np.dtype[np.int16]]],
    rate: int,
    luck: random.Random,
    pauses: tuple[float, float],
    folder: Path,
) -> tuple[list[float], Path]:
    """When each begins to be heard, in milliseconds, and the voice."""
    at, begins, pieces = 0, [], []
    for sound in sounds:
        begins.append((at / rate + MARGIN) * 1000)
        pieces += [sound, np.zeros(int(luck.uniform(*pauses) * rate), np.int16)]
        at += len(pieces[-2]) + len(pieces[-1])
    hiss = np.random.default_rng(0).normal(0, HISS, at)
    voice = np.clip(np.concatenate(pieces) + hiss, -32_768, 32_767).astype(np.int16)
    path = folder / "voice.wav"
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(voice.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return begins, path


def _drawing(folder: Path) -> None:
    from studio.media.captions.burn import burn
    from studio.media.captions.cues import Cue
    from studio.media.captions.painter import LOOKS
    from studio.media.video.transcode import Conversion, transcode

    source = ROOT / "static/front/welcome.mp4"
    cues = [Cue(at, at + 1_900, "One portrait and one voice become\na talking video.") for at in range(0, 8_000, 2_000)]
    with av.open(str(source)) as container:
        seconds = (container.duration or 0) / av.time_base
    began = time.perf_counter()
    transcode(source, folder / "plain.mp4", Conversion("mp4", "mp4", 95, encodes=True))
    bare = time.perf_counter() - began
    print(
        f"512 × 512, {seconds:.1f} s: the conversion alone takes {bare:.2f} s, {seconds / bare:.1f} × real time", end=""
    )
    for look in LOOKS:
        began = time.perf_counter()
        burn(source, folder / f"{look}.mp4", cues, look)
        print(f"; {look} {time.perf_counter() - began:.2f} s", end="")
    print()


if __name__ == "__main__":
    main()
