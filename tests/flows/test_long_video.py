"""A long voice the whole way, by the draft engine: split, made in parts, joined; then with one sentence changed."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from billing.verify import verification
from studio.library import delete_video
from studio.media.voices.samples import samples_of_file
from studio.models import Render, RenderState, StoredFile, Upload, UploadKind
from studio.pipeline.drive import drive
from studio.pipeline.long import sound
from studio.pipeline.long.cut import drop_cuts
from studio.storage_audit import verify_storage
from studio.uploads import listening
from studio.uploads.add import add_upload
from tests.flows.cast import Studio, ask, make_studio

pytestmark = pytest.mark.django_db(transaction=True)
RATE, FPS = 16_000, 25


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nobody took more than 7 s at once."""
    monkeypatch.setattr(listening, "MAX_AT_ONCE_MS", 7_000)
    monkeypatch.setattr(sound, "MIN_PART_MS", 2_000)
    monkeypatch.setattr(sound, "MAX_PART_MS", 5_000)


@pytest.fixture(autouse=True)
def all_adds_up() -> Iterator[None]:
    yield
    assert verification.verify() == []
    assert verify_storage() == []


@pytest.fixture
def studio() -> Studio:
    return make_studio(balance_micros=20_000_000, price_micros=100_000)


def spoken(pitches: Sequence[int]) -> bytes:
    """Sentences of 1.5 s, each a hum of its own, with 0.4 s of silence between them."""
    time = np.arange(round(1.5 * RATE)) / RATE
    pause = np.zeros(round(0.4 * RATE))
    loudness = 0.4 + 0.3 * np.sin(9 * time)
    hums = [np.concatenate([np.sin(2 * np.pi * pitch * time) * loudness, pause]) for pitch in pitches]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.concatenate(hums) * 20_000).astype("<i2").tobytes())
    return out.getvalue()


def take_voice(studio: Studio, pitches: Sequence[int]) -> Upload:
    file = ContentFile(spoken(pitches))
    return add_upload(studio.workspace, kind=UploadKind.VOICE, file=file, name="lecture.wav")


def asked(studio: Studio, voice: Upload, **also: Any) -> Render:
    return ask(Studio(studio.workspace, studio.project, studio.portrait, voice), **also)


def heard(path: Path) -> np.ndarray[Any, Any]:
    with samples_of_file(path) as samples:
        return np.array(samples.values)


def pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


PITCHES = [120, 131, 143, 157, 170, 182, 195, 207]


def test_a_long_voice_becomes_one_video_with_the_very_sound(studio: Studio, tmp_path: Path) -> None:
    voice = take_voice(studio, PITCHES)
    whole = drive(asked(studio, voice).pk)
    assert (whole.state, whole.failure_message) == (RenderState.READY, "")
    assert whole.parts_total is not None
    assert 3 <= whole.parts_total <= 7
    joined = tmp_path / "joined.mp4"
    with default_storage.open(whole.video.name) as stored:
        joined.write_bytes(stored.read())
    source = tmp_path / "voice.wav"
    source.write_bytes(spoken(PITCHES))
    assert np.array_equal(heard(joined), heard(source))
    length = len(heard(source))
    assert pictures(joined) == -(-length * FPS // RATE)
    assert whole.measured_ms is not None
    assert abs(whole.measured_ms - length * 1000 // RATE) <= 1000 // FPS
    assert len(whole.work.seams) == whole.parts_total - 1
    assert whole.charge_micros == sum(part.render.charge_micros or 0 for part in whole.parts.select_related("render"))
    assert drop_cuts() == whole.parts_total
    assert not Upload.objects.filter(cut_from__isnull=False).exists()


def test_one_changed_sentence_is_one_or_two_parts_to_make_and_pay(studio: Studio) -> None:
    first = drive(asked(studio, take_voice(studio, PITCHES)).pk)
    changed = drive(asked(studio, take_voice(studio, [*PITCHES[:4], 300, *PITCHES[5:]])).pk)
    assert (first.state, changed.state) == ("ready", "ready")
    made = changed.parts.filter(kept=False)
    assert 1 <= made.count() <= 2
    assert changed.charge_micros == sum(part.render.charge_micros or 0 for part in made.select_related("render"))
    assert changed.charge_micros < (first.charge_micros or 0)
    for render in (first, changed):
        delete_video(render)
    drop_cuts()
    left = StoredFile.objects.exclude(state="leaving").values_list("kind", flat=True)
    assert sorted(set(left)) == ["thumbnail", "upload"]


def test_the_same_again_is_joined_for_nothing(studio: Studio) -> None:
    voice = take_voice(studio, PITCHES)
    drive(asked(studio, voice).pk)
    again = drive(asked(studio, voice, options={"output_format": "webm"}).pk)
    assert (again.state, again.charge_micros, again.ceiling_micros) == ("ready", 0, 0)
    assert again.video.name.endswith(".webm")
