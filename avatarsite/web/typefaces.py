"""The site's typefaces: made for the web out of what packages bring, with the letters of Latin languages alone.

Other letters are the system's. A file is a third or less of what the package has.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from fontTools import subset

RED_HAT, INTER = ("font_rhd", "files"), ("unfold", "static/unfold/fonts/inter")
# Name of the static file: the package, its folder and its file. Both typefaces are under the Open Font License.
FACES = {
    "fonts/red-hat-display-bold.woff2": (*RED_HAT, "RedHatDisplay-Bold.ttf"),
    "fonts/inter-regular.woff2": (*INTER, "Inter-Regular.woff2"),
    "fonts/inter-semibold.woff2": (*INTER, "Inter-SemiBold.woff2"),
}
LETTERS = [*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x2010, 0x2015), *range(0x2018, 0x201F), 0x2022, 0x2026]
SIGNS = [0x2032, 0x2033, 0x2039, 0x203A, 0x20AC, 0x2122, *range(0x2190, 0x2194), 0x2212, 0x2248, 0x2260, 0x2264, 0x2265]
# Pairs, accents, and figures of one width.
FEATURES = ["kern", "mark", "ccmp", "locl", "case", "tnum"]


class Typefaces(BaseFinder):
    """Finds them for a page and for ``collectstatic``; each is made when it is first asked for."""

    def check(self, **_: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **_: Any) -> Any:
        found = [str(_made(path))] if path in FACES else []
        return found if find_all else next(iter(found), None)

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:  # noqa: ARG002
        for path in FACES:
            yield path, FileSystemStorage(_made(path).parents[1])


@cache
def _made(path: str) -> Path:
    """Kept beside other temporary files: it takes half a second, and several sites of one machine need the same."""
    package, folder, name = FACES[path]
    source = Path(str(files(package) / folder / name))
    word = hashlib.sha256(source.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:16]
    home = Path(tempfile.gettempdir()) / f"avatar-typefaces-{os.getuid()}-{word}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        raise PermissionError(f"{home} belongs to somebody else.")
    target = home / path
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        unfinished = target.with_suffix(f".{os.getpid()}")
        _write(source, unfinished)
        unfinished.rename(target)
    return target


def _write(source: Path, target: Path) -> None:
    options = subset.Options(flavor="woff2", layout_features=FEATURES, hinting=False)
    with closing(subset.load_font(source, options)) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=LETTERS + SIGNS)
        subsetter.subset(font)
        subset.save_font(font, target, options)
