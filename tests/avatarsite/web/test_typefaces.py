"""The site's typefaces are made out of what packages bring, once, and are small."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from fontTools.ttLib import TTFont

from avatarsite.web.typefaces import FACES, Typefaces
from tests.support.paths import ROOT

MAX_BYTES = 20_000
WORDS = "Zażółć gęślą jaźń, Übergröße, façade – “$4.20”, 5 × €7…"


@pytest.mark.parametrize("name", FACES)
def test_it_has_the_letters_of_latin_languages_and_is_small(name: str) -> None:
    found = Path(str(finders.find(name)))
    assert found.stat().st_size < MAX_BYTES
    with TTFont(found) as font:
        assert font.flavor == "woff2"
        assert {ord(letter) for letter in WORDS} <= font.getBestCmap().keys()


def test_figures_of_one_width_are_kept() -> None:
    with TTFont(str(finders.find("fonts/inter-regular.woff2"))) as font:
        assert "tnum" in {record.FeatureTag for record in font["GSUB"].table.FeatureList.FeatureRecord}


def test_it_is_made_once_and_collected_with_everything_else() -> None:
    first = Path(str(finders.find("fonts/inter-regular.woff2")))
    made = first.stat().st_mtime_ns
    collected = {name: storage.path(name) for name, storage in Typefaces().list([])}
    assert collected.keys() == FACES.keys()
    assert collected["fonts/inter-regular.woff2"] == str(first)
    assert first.stat().st_mtime_ns == made


def test_the_pages_load_these_and_no_others() -> None:
    css = (ROOT / "static/css/tokens.css").read_text()
    assert {f"fonts/{name}" for name in re.findall(r"\.\./fonts/([^\"]+)", css)} == FACES.keys()
