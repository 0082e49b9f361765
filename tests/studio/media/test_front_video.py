"""The front page's files are what the draft engine makes of the samples today."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest
from django.core.management import call_command
from PIL import Image

from studio.management.commands import front_video
from tests.support.paths import ROOT

SHIPPED = {"front": ROOT / "static/front", "models": ROOT / "static/models"}
MAX_DIFFERENCE = 2.0  # of 255, in the mean: another release of an encoder is let pass, another face is not


def pictures_of(video: Path, every: int = 25) -> list[np.ndarray]:
    with av.open(str(video)) as container:
        frames = list(container.decode(video=0))
    return [frame.to_ndarray(format="rgb24").astype(float) for frame in frames[::every]]


def read(picture: Path) -> np.ndarray:
    with Image.open(picture) as opened:
        return np.asarray(opened.convert("RGB"), dtype=float)


def differ(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape
    return float(np.abs(one - other).mean())


def test_the_command_makes_what_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {name: tmp_path / name for name in SHIPPED}
    for folder in made.values():
        folder.mkdir()
    monkeypatch.setattr(front_video, "FOLDER", made["front"])
    monkeypatch.setattr(front_video, "MODELS", made["models"])
    call_command("front_video")
    written_by_hand = {"welcome.vtt"}
    for name, folder in SHIPPED.items():
        files = {path.name for path in folder.iterdir()} - written_by_hand
        assert {path.name for path in made[name].iterdir()} == files
        for file in files:
            old, new = folder / file, made[name] / file
            if file.endswith(".svg"):
                assert new.read_text() == old.read_text()
            elif file.endswith(".mp4"):
                shown = list(zip(pictures_of(old), pictures_of(new), strict=True))
                assert max(differ(*each) for each in shown) < MAX_DIFFERENCE
            else:
                assert differ(read(old), read(new)) < MAX_DIFFERENCE


def test_the_captions_say_what_is_said_and_end_with_the_video() -> None:
    text = (SHIPPED["front"] / "welcome.vtt").read_text()
    said = re.search(r'The words: "(.+?)"', (ROOT / "samples/README.md").read_text().replace("\n  ", " "), re.DOTALL)
    assert said
    words = [line for line in text.splitlines() if line and "-->" not in line and line != "WEBVTT"]
    assert " ".join(words) == said[1]
    with av.open(str(SHIPPED["front"] / "welcome.mp4")) as container:
        seconds = (container.duration or 0) / 1_000_000
    ends = [float(minutes) * 60 + float(rest) for minutes, rest in re.findall(r"--> (\d\d):([\d.]+)", text)]
    assert ends == sorted(ends)
    assert seconds - 1 < ends[-1] <= seconds
