"""A long script straight in a render: by a hosted voice through the stand-ins, and by the command with our own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from billing.ledger import posting
from billing.models import Hold, Transfer
from billing.prices import price_book
from billing.statements.statements import statement
from billing.verify import verification
from studio.captions.wish import BESIDE, usual_wish
from studio.models import Render, Speech
from studio.pipeline.drive import drive
from studio.pipeline.long import plan, sound
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.spoken import spoken_of
from studio.pipeline.request.take import take
from studio.speech.engines import piper
from studio.speech.plan import SpeechWish
from studio.uploads import listening
from studio.uploads.samples import PORTRAIT
from tests.flows.cast import Studio, make_studio
from tests.simulators.fixture import Simulators

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]
BALANCE = 50_000_000
EACH = 7_700  # a generation, with a markup of a tenth
SCRIPT = "[pause 0.6s]".join(f"This is sentence number {number}, and it is a little longer." for number in range(1, 6))


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Any:
    monkeypatch.setattr(listening, "MAX_AT_ONCE_MS", 8_000)
    for place in (plan, sound):
        monkeypatch.setattr(place, "MAX_PART_MS", 6_000)
    monkeypatch.setattr(sound, "MIN_PART_MS", 2_000)
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    settings.PRICE_MARKUP_PERCENT = Decimal(10)
    price_book.seed_prices()
    yield make_studio(balance_micros=BALANCE)
    piper.end()


def test_a_hosted_voice_is_paid_beside_each_part(site: Simulators, studio: Studio) -> None:
    spoken, voice = spoken_of(SpeechWish(studio.workspace, SCRIPT, "fal:reader_en_m-v1"))
    request = RenderRequest(
        studio.workspace,
        studio.project,
        studio.portrait,
        voice,
        spoken=spoken,
        model="kling-avatar-2-pro",
        captions=usual_wish(voice, BESIDE),
    )
    (render,) = take(request, user=None)
    held = posting.balance(studio.workspace).held_micros
    assert (held, Hold.objects.count()) == (render.ceiling_micros + 5 * EACH, 2)
    quoted = render.ceiling_micros
    render = drive(render.pk)
    assert (render.state, render.failure_message) == ("ready", "")
    assert (render.parts_total or 0) >= 3
    assert 0 < (render.charge_micros or 0) <= render.ceiling_micros <= quoted
    speech = Speech.objects.get()
    assert (speech.charge_micros, speech.upload) == (5 * EACH, render.voice)
    assert [" ".join(text.split()) for *_, text in render.captions.cues] == [
        sentence for *_, sentence in speech.upload.sentences
    ]
    balance = posting.balance(studio.workspace)
    paid = (render.charge_micros or 0) + 5 * EACH
    assert (balance.held_micros, balance.posted_micros) == (0, BALANCE - paid)
    lines = [line for line in statement(studio.workspace) if line.amount_micros < 0]
    assert len(lines) == 1 + (render.parts_total or 0)
    assert sum(line.amount_micros for line in lines) == -paid
    assert Transfer.objects.filter(kind="settle").count() == len(lines)
    assert len(site.fal.jobs()) >= 5
    assert verification.verify() == []


def test_the_command_takes_a_long_script(studio: Studio, tmp_path: Path) -> None:
    script, video = tmp_path / "script.txt", tmp_path / "video.mp4"
    script.write_text(SCRIPT)
    call_command("render", str(PORTRAIT), script=script, workspace=studio.workspace.slug, output=video)
    render = Render.objects.get(whole=None)
    assert (render.state, render.is_whole) == ("ready", True)
    assert video.stat().st_size == render.video_bytes
    assert render.voice is not None
    assert abs((render.measured_ms or 0) - (render.voice.duration_ms or 0)) <= 40
    assert verification.verify() == []
