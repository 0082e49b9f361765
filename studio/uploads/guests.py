"""A guest's recording: listened to for its length, for somebody who has not signed in, and kept for nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.files.base import File

from avatarsite.http.tries import count_try
from avatarsite.temporary_files import temporary_file
from avatarsite.web.places import JUDGING, Place
from studio.media import judge
from studio.media.errors import Refusal, UploadRefused, megabytes

MAX_BYTES = 25_000_000
MAX_TRIES, WINDOW_SECONDS = 12, 600
GUESTS = "guests"  # share the places and the sandbox as if they were one workspace
TOO_OFTEN = "Your address has sent as many recordings as are priced at a time."
SMALLER = "Save it as an MP3, or set the length with the slider."


def length_of(recording: File[Any], address: str) -> int:
    """Its milliseconds. The copy that a decoder reads is gone when this returns, and no row is written.

    Raises UploadRefused, TooManyTries, and NoPlace when too many files are judged already.
    """
    if recording.size > MAX_BYTES:
        told = f"The recording is {megabytes(recording.size)} MB; here the limit is {megabytes(MAX_BYTES)} MB."
        raise UploadRefused(Refusal.VOICE_TOO_LARGE, told, SMALLER)
    count_try("recording", address, most=MAX_TRIES, seconds=WINDOW_SECONDS, refusal=TOO_OFTEN)
    with Place(GUESTS, JUDGING), temporary_file("guest-") as copy:
        for chunk in recording.chunks():
            copy.write(chunk)
        copy.flush()
        return judge.guest_voice(Path(copy.name), owner=GUESTS).duration_ms
