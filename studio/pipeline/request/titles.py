"""Titles of videos that were asked for without one."""

from __future__ import annotations

import re

from studio.models import Upload
from studio.pipeline.request.render_request import TITLE_LIMIT

MAX_WORDS_LENGTH, MAX_NAME_LENGTH = 60, 40  # so that a list shows all of a title
PAUSE = re.compile(r"\[[^\]]*\]")


def title_for(portrait: Upload, voice: Upload) -> str:
    """The portrait and the first words of the script; without a script the voice's name."""
    words = " ".join(PAUSE.sub(" ", voice.script).split())
    if not words:
        return _stem(voice.name)[:TITLE_LIMIT] or "Untitled"
    name = _stem(portrait.name)[:MAX_NAME_LENGTH]
    first = _first(words)
    return f"{name[:1].upper()}{name[1:]}, {first}" if name else first


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0].replace("_", " ").replace("-", " ").strip()


def _first(words: str) -> str:
    """Whole words, as far as there is room."""
    if len(words) <= MAX_WORDS_LENGTH:
        return words
    cut = words[:MAX_WORDS_LENGTH]
    return f"{cut.rsplit(' ', 1)[0].rstrip(' ,;:–-')}…"
