"""Captions of a row: “yes”, a look that is drawn into a further video, or the very words of its voice."""

from __future__ import annotations

from studio.captions.wish import Wish, wish_of
from studio.errors import RequestRefused
from studio.media.captions.painter import LOOKS
from studio.models import BatchRow, CaptionSource, Upload

YES, NO = ("yes", "true", "1"), ("", "no", "false", "0")
NO_WORDS = "Nobody has told what this voice says. Write its words into this cell, or leave it empty."


def captions_of(row: BatchRow, voice: Upload) -> Wish | None:
    """What the row asks for, of this voice. Raises RequestRefused."""
    text = row.cells.get("captions", "")
    word = text.casefold()
    if word in NO:
        return None
    asked = {"from": CaptionSource.SCRIPT}
    if word in LOOKS:
        asked["burn"] = word
    elif word not in YES:
        asked = {"from": CaptionSource.TEXT, "text": text}
    return wish_of(asked, voice, length_ms=voice.duration_ms or 0)


def check_captions(row: BatchRow) -> None:
    """Write into a row why its captions can’t be had. A script has words, so one is not asked before it is spoken."""
    if row.errors or row.voice is None:
        return
    try:
        captions_of(row, row.voice)
    except RequestRefused as refusal:
        told = NO_WORDS if refusal.code == "captions_without_words" else str(refusal)
        row.errors = [["captions", told]]
