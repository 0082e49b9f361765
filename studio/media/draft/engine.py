"""The draft provider's drawing engine: a portrait and a voice become a video in which the portrait speaks.

Needs no Django. The same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from studio.media.draft.encode import FORMATS, Film
from studio.media.draft.face import find_face
from studio.media.draft.meter import Meter
from studio.media.draft.picture import read_portrait
from studio.media.draft.puppet import Puppet
from studio.media.draft.reel import Scene, drawn_ahead
from studio.media.draft.refusal import DraftInputError
from studio.media.draft.sound import FPS, Voice, listen, open_voice

__all__ = ["DraftFacts", "DraftInputError", "render_draft"]


@dataclass(frozen=True, slots=True)
class DraftFacts:
    frames: int
    fps: int
    width: int
    height: int
    duration_ms: int


def render_draft(  # noqa: PLR0913 -- one call, and these are what a provider is told
    portrait: Path,
    voice: Path,
    output: Path,
    *,
    output_format: str = "mp4",
    output_quality: int = 95,
    prompt: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> DraftFacts:
    """Write the video to ``output`` and say what it became; ``duration_ms`` is that of its frames.

    ``prompt`` only varies when the head moves and the eyes blink: a draft understands no words. ``progress`` is told
    (frames done, frames in all), first with 0. Raises DraftInputError, with a sentence for the customer, when the
    portrait or the voice can't be read, and ValueError for a format or quality that does not exist; an output that
    was begun is removed when anything goes wrong.
    """
    if output_format not in FORMATS:
        raise ValueError(f"output_format must be one of {', '.join(FORMATS)}, not {output_format!r}.")
    if not 20 <= output_quality <= 99:
        raise ValueError(f"output_quality must be from 20 to 99, not {output_quality}.")
    scene, heard, size = stage(portrait, voice, prompt)
    tell = progress or (lambda _done, _total: None)
    try:
        with open_voice(voice) as sound, Film(output, output_format, output_quality, size) as film:
            film.lay_voice(sound, heard.channels)
            tell(0, heard.frames)
            with closing(drawn_ahead(scene, size, heard.frames)) as frames:
                for done, frame in enumerate(frames, start=1):
                    film.add(frame)
                    tell(done, heard.frames)
            film.finish()
    except BaseException:
        output.unlink(missing_ok=True)
        raise
    return DraftFacts(heard.frames, FPS, *size, heard.frames * 1000 // FPS)


def stage(portrait: Path, voice: Path, prompt: str = "") -> tuple[Scene, Voice, tuple[int, int]]:
    """What will be drawn, what will be heard, and the (width, height) of the video."""
    picture = read_portrait(portrait)
    heard = listen(voice)
    face = find_face(picture)
    scene = Puppet(picture, face, heard, _seed(portrait, voice, prompt)) if face else Meter(picture, heard)
    return scene, heard, (picture.shape[1], picture.shape[0])


def _seed(portrait: Path, voice: Path, prompt: str) -> int:
    """One number for these inputs, so that chance falls the same way each time."""
    total = hashlib.sha256(prompt.encode())
    for path in (portrait, voice):
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return int.from_bytes(total.digest()[:8], "big")
