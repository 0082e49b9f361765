"""Titles of videos that were asked for without one."""

from __future__ import annotations

import pytest

from studio.models import Upload
from studio.pipeline.request.titles import title_for

LONG = "Welcome aboard. This short clip shows how one portrait and one voice become a talking video."


@pytest.mark.parametrize(
    ("portrait", "voice", "script", "title"),
    [
        ("anna.jpg", "speech.mp3", "Good morning.", "Anna, Good morning."),
        ("anna-k_2.jpg", "speech.mp3", LONG, "Anna k 2, Welcome aboard. This short clip shows how one portrait and…"),
        ("anna.jpg", "speech.mp3", "[pause 0.5s] Hello [pause 1s]\n there", "Anna, Hello there"),
        (".jpg", "speech.mp3", "Hello", "Hello"),
        ("anna.jpg", "my_speech-2.mp3", "", "my speech 2"),
        ("anna.jpg", "my_speech-2.mp3", "[pause 2s]", "my speech 2"),
        ("anna.jpg", ".mp3", "", "Untitled"),
        ("x" * 200 + ".jpg", "a.mp3", "y" * 200, f"X{'x' * 39}, {'y' * 60}…"),
    ],
)
def test_a_title_tells_who_says_what(portrait: str, voice: str, script: str, title: str) -> None:
    assert title_for(Upload(name=portrait), Upload(name=voice, script=script)) == title
