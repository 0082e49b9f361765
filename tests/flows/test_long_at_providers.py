"""Twelve minutes of voice through the providers' stand-ins: one video with the very sound, then a changed sentence."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from billing.ledger import posting
from billing.prices import price_book
from billing.verify import verification
from studio.media.voices.samples import samples_of_file
from studio.models import Render, UploadKind, Whole
from studio.models.renders import ALIVE
from studio.pipeline.long.tally import parts_of
from studio.pipeline.long.work import move_whole
from studio.uploads.add import add_upload
from tests.flows.cast import Studio, ask, make_studio
from tests.flows.pace import let_time_pass, step
from tests.simulators.fixture import Simulators

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]
RATE = 16_000
BALANCE = 500_000_000
SENTENCES = 120  # of 5.6 s and a pause of 0.4 s: twelve minutes
MODEL = "kling-avatar-2-pro"
STEPS = 30


@pytest.fixture
def studio(site: Simulators) -> Studio:
    site.reset(speed=0.001)
    price_book.seed_prices()
    return make_studio(balance_micros=BALANCE)


def spoken(pitches: Sequence[float]) -> bytes:
    time = np.arange(round(5.6 * RATE)) / RATE
    loudness, pause = 0.4 + 0.3 * np.sin(9 * time), np.zeros(round(0.4 * RATE))
    hums = [np.concatenate([np.sin(2 * np.pi * pitch * time) * loudness, pause]) for pitch in pitches]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.concatenate(hums) * 20_000).astype("<i2").tobytes())
    return out.getvalue()


def asked(studio: Studio, sound: bytes) -> Render:
    voice = add_upload(studio.workspace, kind=UploadKind.VOICE, file=ContentFile(sound), name="lecture.wav")
    return ask(Studio(studio.workspace, studio.project, studio.portrait, voice), model=MODEL)


def made(whole: Render, site: Simulators) -> Render:
    for _ in range(STEPS):
        Whole.objects.filter(render=whole, next_try_at__isnull=False).update(next_try_at=timezone.now())
        move_whole(whole.pk)
        whole.refresh_from_db()
        if whole.ended:
            break
        for part in parts_of(whole).filter(state__in=ALIVE):
            step(part)
        for control in (site.fal, site.runware):
            let_time_pass(control)
    return whole


def heard(path: Path) -> np.ndarray[Any, Any]:
    with samples_of_file(path) as samples:
        return np.array(samples.values)


def test_twelve_minutes_and_a_changed_sentence(studio: Studio, site: Simulators, tmp_path: Path) -> None:
    pitches = [110 + 1.7 * number for number in range(SENTENCES)]
    source, joined = tmp_path / "voice.wav", tmp_path / "joined.mp4"
    source.write_bytes(spoken(pitches))
    whole = made(asked(studio, source.read_bytes()), site)
    assert (whole.state, whole.failure_message) == ("ready", "")
    assert (whole.parts_total or 0) >= 6
    assert 0 < (whole.charge_micros or 0) <= whole.ceiling_micros
    assert posting.balance(studio.workspace).posted_micros == BALANCE - (whole.charge_micros or 0)
    with default_storage.open(whole.video.name) as stored:
        joined.write_bytes(stored.read())
    was = heard(source)
    assert np.array_equal(heard(joined), was)
    with av.open(str(joined)) as container:
        picture = container.streams.video[0]
        rate = picture.average_rate
        frames = sum(1 for packet in container.demux(picture) if packet.size)
    assert rate
    assert abs(frames - len(was) * rate / RATE) <= 1
    assert abs((whole.measured_ms or 0) - 720_000) <= 1000 / rate

    changed = made(asked(studio, spoken([*pitches[:61], 400, *pitches[62:]])), site)
    new = changed.parts.filter(kept=False).count()
    assert (changed.state, new in {1, 2}) == ("ready", True)
    assert changed.charge_micros == sum(parts_of(changed).values_list("charge_micros", flat=True))
    assert changed.ceiling_micros < whole.ceiling_micros / 2
    assert sum(len(control.jobs()) for control in (site.fal, site.runware)) == (whole.parts_total or 0) + new
    assert verification.verify() == []
