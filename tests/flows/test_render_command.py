"""``manage.py render``: the same way as by page or API, walked in a terminal."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from billing.money import usd, usd_at_most
from billing.prices import price_book
from billing.verify import verification
from studio.management.commands import render as command
from studio.models import Render, RenderState
from studio.providers import registry
from studio.uploads.samples import PORTRAIT
from tests.flows.cast import make_studio, speech
from tests.simulators.fixture import Simulators

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

PAID = [offer.id for offer in registry.for_sale() if offer.provider != "local"]
FAL = "fal:fal-ai/kling-video/ai-avatar/v2/pro"


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    voice = tmp_path / "hello.wav"
    voice.write_bytes(speech(2.1))
    return [str(shutil.copy(PORTRAIT, tmp_path)), str(voice), "--workspace", "flow"]


@pytest.fixture(autouse=True)
def the_ledger_verifies(db: None) -> Iterator[None]:
    price_book.seed_prices()
    make_studio(balance_micros=20_000_000)
    yield
    assert verification.verify() == []


def rendered(*words: Any) -> str:
    out = io.StringIO()
    call_command("render", *map(str, words), stdout=out)
    return out.getvalue().strip()


@pytest.mark.parametrize("offer", PAID)
def test_each_offer_writes_its_video_to_a_file(offer: str, inputs: list[str], tmp_path: Path, site: Simulators) -> None:
    path = tmp_path / "made.mp4"
    said = rendered(*inputs, "--offer", offer, "--output", path)
    render = Render.objects.get()
    assert (render.state, render.offer, path.stat().st_size) == (RenderState.READY, offer, render.video_bytes)
    label, money = registry.offer(offer).provider_label, f"{usd(render.charge_micros)} of at most"
    seconds = f"{(render.measured_ms or 0) / 1000:.3f} s"
    assert said == f"{path}  {seconds}  by {label}  charged {money} {usd_at_most(render.ceiling_micros)}"


def test_a_model_goes_to_the_cheapest_and_moves_on_unless_it_is_to_stay(inputs: list[str], site: Simulators) -> None:
    site.runware.fault("refused")
    with pytest.raises(CommandError, match=r"Nothing was charged\.$"):
        rendered(*inputs, "--model", "kling-avatar-2-pro", "--stay")
    site.runware.no_faults()
    site.runware.fault("out_of_credit")
    assert "  by fal  " in rendered(*inputs, "--model", "kling-avatar-2-pro")
    assert [(render.fallback, render.offer) for render in Render.objects.order_by("pk")] == [
        (False, "runware:klingai:avatar@2.0-pro"),
        (True, FAL),
    ]


def test_what_is_asked_of_the_provider_itself_can_be_asked(inputs: list[str], site: Simulators) -> None:
    offer = "runware:klingai:avatar@2.0-pro"
    rendered(*inputs, "--offer", offer, "--content-check", "full", "--format", "webm", "--quality", "60")
    [job] = site.runware.jobs()
    asked = {name: job["request"][name] for name in ("safety", "outputFormat", "outputQuality")}
    assert asked == {
        "safety": {"checkContent": True, "mode": "full"},
        "outputFormat": "WEBM",
        "outputQuality": 60,
    }


@pytest.mark.parametrize("words", [("--routing", "fastest"), ("--offer", FAL, "--stay")])
def test_a_choice_of_providers_needs_a_model(words: tuple[str, ...], inputs: list[str]) -> None:
    with pytest.raises(CommandError, match="--routing and --stay go with --model"):
        rendered(*inputs, *words)
    assert Render.objects.count() == 0


@pytest.mark.parametrize(("name", "why"), [(".", "is a folder"), ("nowhere/made.mp4", "does not exist")])
def test_a_place_that_can_not_be_written_is_refused_before_anything_is_paid(
    name: str, why: str, inputs: list[str], tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=why):
        rendered(*inputs, "--output", tmp_path / name)
    assert Render.objects.count() == 0


def test_who_stops_waiting_is_told_what_becomes_of_the_video(
    inputs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> Render:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "drive", interrupted)
    with pytest.raises(CommandError) as told:
        rendered(*inputs)
    render = Render.objects.get()
    assert str(told.value).startswith(f"You no longer wait for {render.pk}, and it is not cancelled. A worker goes on")
    assert (render.state, render.hold.state) == (RenderState.QUEUED, "open")


def test_a_script_is_spoken_and_shown(inputs: list[str], tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("Said by a command. It takes a moment.", encoding="utf-8")
    portrait, _, *whose = inputs
    said = rendered(portrait, "--script", words, *whose, "--pace", "1.2", "--output", tmp_path / "made.mp4")
    render = Render.objects.get()
    assert render.state == RenderState.READY
    assert render.voice is not None
    assert [one[2] for one in render.voice.sentences] == ["Said by a command.", "It takes a moment."]
    assert abs((render.measured_ms or 0) - (render.voice.duration_ms or 0)) < 100
    assert said.startswith(str(tmp_path / "made.mp4"))
    with pytest.raises(CommandError, match=r"script: .* can't be read as a text"):
        rendered(portrait, "--script", tmp_path / "nothing.txt", *whose)
    words.write_text("[pause 1s]", encoding="utf-8")
    with pytest.raises(CommandError, match="The script has no words"):
        rendered(portrait, "--script", words, *whose)
