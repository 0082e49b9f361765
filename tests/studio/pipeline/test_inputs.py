"""What providers elsewhere are sent: the upload itself, or a copy. Which of them is found out once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from studio.media import judge
from studio.media.normalise import Normalised
from studio.models import Upload
from studio.pipeline.inputs import as_sent
from tests.flows.cast import make_studio

pytestmark = pytest.mark.django_db


def test_an_upload_is_looked_at_once_for_all_its_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, look = [], judge.copy_for_providers

    def counted(make: Callable[[Path, Path], Normalised], source: Path, folder: Path, *, owner: str) -> Normalised:
        looked.append(make.__name__)
        return look(make, source, folder, owner=owner)

    monkeypatch.setattr(judge, "copy_for_providers", counted)
    studio = make_studio()
    first, second = ([as_sent(Upload.objects.get(pk=one.pk)) for one in (studio.portrait, studio.voice)] for _ in "12")
    assert first == second
    assert looked == ["normalise_portrait", "normalise_voice"]
    portrait, voice = first
    assert (portrait.name, portrait.changes) == (studio.portrait.file.name, [])
    assert voice.changes == ["Converted from WAV to MP3, which all providers take."]
