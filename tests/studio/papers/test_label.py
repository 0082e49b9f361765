"""The visible label: in the picture on wish, away from faces, in what is made of the video afterwards, for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings

from studio.media.captions.painter import Box
from studio.media.video.label import overlay_of
from studio.models import ContentChoice, Papers, Render, RenderState
from studio.models.content import VISIBLE
from studio.pipeline.drive import drive
from studio.pipeline.request.options import OptionRefused, checked_options
from tests.flows.cast import Studio, ask, make_studio

FACE = Box(150, 100, 300, 400)


@pytest.mark.parametrize(
    ("faces", "corner"),
    [
        ([FACE], "top right"),
        ([Box(300, 0, 300, 500)], "top left"),
        ([Box(100, 50, 400, 760)], "bottom right"),  # its captions are above it
        ([Box(300, 100, 300, 800)], "bottom left"),
        ([], "top right"),
    ],
)
def test_it_stands_where_no_face_is(faces: list[Box], corner: str) -> None:
    overlay = overlay_of((600, 900), faces)
    height, width = overlay.pixels.shape[:2]
    found = ("top" if overlay.y < 450 else "bottom", "left" if overlay.x < 300 else "right")
    assert " ".join(found) == corner
    assert overlay.x + width <= 600
    assert overlay.y + height <= 900
    assert all(number % 2 == 0 for number in (overlay.x, overlay.y, width, height))


def test_only_a_label_that_there_is_can_be_asked_for() -> None:
    with pytest.raises(OptionRefused, match="Choose one of none, ai_generated"):
        checked_options({"visible_label": "yes"})


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Studio:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    return make_studio()


def made(studio: Studio, **options: Any) -> Render:
    render = drive(ask(studio, options=options).pk)
    assert render.state == RenderState.READY, render.failure_message
    return render


def corner(render: Render, folder: Path) -> Any:
    """The top right of its first picture."""
    path = folder / "video"
    with default_storage.open(render.video.name or "") as file:
        path.write_bytes(file.read())
    with av.open(str(path)) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    height, width = pixels.shape[:2]
    return pixels[: height // 12, -width // 3 :]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_it_is_in_the_picture_and_costs_nothing(studio: Studio, tmp_path: Path) -> None:
    plain, labelled = made(studio), made(studio, visible_label=VISIBLE)
    assert (plain.charge_micros, plain.measured_ms) == (labelled.charge_micros, labelled.measured_ms)
    difference = np.abs(corner(labelled, tmp_path) - corner(plain, tmp_path))
    assert difference.max() > 60, "its letters and their ground"
    assert labelled.events.get(reason="converted by us").detail["conversion"].endswith("drawn into the picture.")
    assert Papers.objects.get(render=labelled).failure == ""


@pytest.mark.django_db
def test_a_workspace_has_it_usually_and_a_video_may_have_it_otherwise(studio: Studio) -> None:
    ContentChoice.objects.create(workspace=studio.workspace, visible_label=VISIBLE)
    assert ask(studio).options["visible_label"] == VISIBLE
    assert ask(studio, options={"visible_label": "none"}).options["visible_label"] == "none"
