"""What the sandbox's child does for a draft."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from studio.media.draft.engine import render_draft

BEAT_SECONDS = 0.25


def draw(  # noqa: PLR0913, PLR0917 -- as ``render_draft``, by place: it comes over a wire
    portrait: Path,
    voice: Path,
    output: Path,
    output_format: str,
    output_quality: int,
    prompt: str,
    *,
    progress: Callable[[object], None],
) -> int:
    """Length of the finished video in milliseconds. Raises as ``render_draft``.

    ``progress`` is told the percentage all the time, None before the first frame, also while it stands still: whoever
    listens may have to end this.
    """
    percent: int | None = None
    finished = threading.Event()

    def note(done: int, total: int) -> None:
        nonlocal percent
        percent = min(100, done * 100 // max(total, 1))

    def beat() -> None:
        while not finished.wait(BEAT_SECONDS):
            progress(percent)

    teller = threading.Thread(target=beat, daemon=True)
    teller.start()
    try:
        facts = render_draft(
            portrait,
            voice,
            output,
            output_format=output_format,
            output_quality=output_quality,
            prompt=prompt,
            progress=note,
        )
    finally:
        finished.set()
        teller.join()
    return facts.duration_ms
