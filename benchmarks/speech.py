"""How fast this server speaks: seconds of voice a second, through our way and by the bare engine; and its true rate.

    python -m benchmarks.speech

The script is spoken whole, as a speech of a workspace (rows, process, join, judged upload), then by Piper's own program
from a file, with a process and a model load of its own. What a voice takes of time for a character, at three paces, is
what ``MEASURED`` in studio/speech/engines/local.py says. Last, what a process takes after sentences of a length, which
``LONGEST`` in studio/speech/engines/piper.py goes by. Needs the extra ``speech``; uses a database of its own.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import psutil

SENTENCES = (
    "Welcome, and thank you for taking a moment to watch this.",
    "Every video that you see here began as one portrait and one voice.",
    "On 5 March 2026 we measured 1,250 of them, and 98.4% were ready in under 3 minutes!",
    "Dr. Alvarez asked: how long does it take, and what does it cost?",
    "The price that you see is the most that you pay, and a video that fails costs nothing.",
    "That is all.",
    "If you change one sentence, only that sentence is made anew, and the rest stays exactly as it was before.",
    "Some words, such as Worcestershire or quinoa, are said as you write them down in the settings.",
)
REPEATS = 4
LENGTHS = (90, 120, 150, 200, 300, 400)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="speech-benchmark-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "avatarsite.settings"}
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        _measure(Path(folder))


def _measure(folder: Path) -> None:
    from avatarsite.workspaces.models import Workspace
    from studio.speech.engines import local, piper
    from studio.speech.plan import SpeechWish
    from studio.speech.speak import speak_now

    workspace = Workspace.objects.create(name="Benchmark", slug="benchmark")
    model = local.models()[local.WHEEL_VOICE]
    script = " ".join(SENTENCES * REPEATS)
    speak_now(SpeechWish(workspace, "This makes it warm."))
    began = time.perf_counter()
    upload = speak_now(SpeechWish(workspace, script)).upload
    ours = time.perf_counter() - began
    assert upload is not None
    assert upload.duration_ms
    piper.end()
    text, bare = folder / "script.txt", folder / "bare.wav"
    text.write_text("\n".join(SENTENCES * REPEATS), encoding="utf-8")
    began = time.perf_counter()
    command = [sys.executable, "-m", "piper", "-m", str(model), "-i", str(text), "-f", str(bare)]
    subprocess.run(command, check=True, capture_output=True)
    theirs = time.perf_counter() - began
    with wave.open(str(bare)) as file:
        bare_seconds = file.getnframes() / file.getframerate()
    print(f"{len(script):,} characters, {upload.duration_ms / 1000:.1f} s of voice")
    print(f"  ours (a speech, kept and judged)   {ours:6.2f} s   {upload.duration_ms / 1000 / ours:5.1f} × real time")
    print(f"  the bare engine, with its start    {theirs:6.2f} s   {bare_seconds / theirs:5.1f} × real time")
    _rates(model, folder)
    piper.end()
    _memory(model, folder)


def _rates(model: Path, folder: Path) -> None:
    """A line through the sentences' lengths, at each pace."""
    from studio.speech.engines.piper import say_all

    for pace in (0.5, 1.0, 2.0):
        said = [samples.ms for samples in say_all(SENTENCES, model=model, scale=1 / pace, folder=folder)]
        slope, ends = statistics.linear_regression([len(one) for one in SENTENCES], said)
        print(f"  at pace {pace:3}: {slope:5.1f} ms a character and {ends:4.0f} ms a sentence")


def _memory(model: Path, folder: Path) -> None:
    """A process of its own for each length."""
    from studio.speech.engines.piper import Piper

    words = " ".join(SENTENCES).split()
    for length in LENGTHS:
        piper = Piper(model, 1.0, folder)
        began, ms = time.perf_counter(), 0.0
        for start in range(3):
            ms += piper.say(" ".join(words[start:])[:length]).ms
        pace = ms / 1000 / (time.perf_counter() - began)
        resident = psutil.Process(piper.pid).memory_info().rss / 1e6
        print(f"  {length} characters at once: {resident:.0f} MB resident, {pace:.1f} × real time with its start")
        piper.close()


if __name__ == "__main__":
    main()
