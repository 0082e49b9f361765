"""``python -m tests.browser.screenshots [FOLDER]``: every page at 1280 and 390 pixels, in light and dark, as pictures.

They come into ``var/screenshots`` unless told otherwise, with an ``index.html`` that says what each page weighs and
how far it jumps while it comes. Ends with 1 where that is more than a page may.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatarsite.settings")

from django.urls import reverse
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.accessibility import SETTLED
from tests.browser.browser_users import DESK, PHONE, TIMEOUT_MS, BrowserUser, visitor
from tests.browser.live_site import LiveSite, open_house
from tests.browser.lived_in import lived_in_by
from tests.browser.pages import IN_A_WORKSPACE, OF_A_PERSON, OF_NOBODY, addresses
from tests.browser.site_process import PASSWORD
from tests.browser.weight import Weight, weigh
from tests.simulators.fixture import BRISK, running_simulators
from tests.support.machine import CHROMIUM
from tests.support.paths import ROOT

SIZES = {"wide": DESK, "narrow": PHONE}
COLOURS = ("light", "dark")
NAMES = ("Mia", "Nora", "Judy")


@dataclass
class Camera:
    """``weights`` has what each page weighed at each width, and ``pictures`` the files of each page."""

    folder: Path
    weights: dict[tuple[str, str], Weight] = field(default_factory=dict)
    pictures: dict[str, list[str]] = field(default_factory=dict)

    def take(self, who: BrowserUser, group: str, paths: list[str]) -> None:
        """At each width it is opened anew: what jumps does so while a page comes."""
        for path in paths:
            name = f"{group} {path}"
            slug = re.sub(r"[^\w=]+", "-", name).strip("-")
            for width, size in SIZES.items():
                who.page.set_viewport_size(size)
                who.page.emulate_media(color_scheme="light")
                who.go(path)
                self.weights[name, width] = weigh(who.page)
                for colours in COLOURS:
                    who.page.emulate_media(color_scheme=colours)
                    who.page.evaluate(SETTLED)
                    file = f"{slug}-{size['width']}-{colours}.png"
                    who.page.screenshot(path=self.folder / file, full_page=True)
                    self.pictures.setdefault(name, []).append(file)
            print(f"{name}: {', '.join(str(self.weights[name, width]) for width in SIZES)}", flush=True)

    @property
    def faults(self) -> list[str]:
        return [f"{name}, {width}: {fault}" for (name, width), each in self.weights.items() for fault in each.faults]

    def write_index(self) -> None:
        rows = "".join(
            f"<h2>{html.escape(name)}</h2><p>{'; '.join(str(self.weights[name, width]) for width in SIZES)}</p><p>"
            + "".join(f'<a href="{file}"><img src="{file}" height="360" loading="lazy"></a> ' for file in files)
            + "</p>"
            for name, files in self.pictures.items()
        )
        page = f"<!doctype html><meta charset=utf-8><title>Every page</title><body>{rows}"
        (self.folder / "index.html").write_text(page, encoding="utf-8")


@contextmanager
def stage() -> Iterator[tuple[LiveSite, Browser]]:
    """A site where every offer is on sale, at the providers' stand-ins."""
    expect.set_options(timeout=TIMEOUT_MS)
    with (
        tempfile.TemporaryDirectory(prefix="screenshots-") as folder,
        running_simulators(settings=BRISK) as simulators,
        open_house(Path(folder), *NAMES, **simulators.environment) as house,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield house, browser
        browser.close()


def photograph(camera: Camera, house: LiveSite, browser: Browser, wanted: str) -> None:
    """The pages whose address has ``wanted`` in it."""

    def of(name: str = "") -> BrowserUser:
        arrived = visitor(house, browser, reduced_motion="reduce")
        if name:
            arrived.come_back(name)
        return arrived

    def those(paths: Iterator[str] | list[str]) -> list[str]:
        return [path for path in paths if wanted in path]

    others = [reverse("api_operation", args=[name]) for name in ("create_render", "create_upload", "get_balance")]
    camera.take(of(), "nobody", those([*addresses(OF_NOBODY), *others, "/nothing-here/"]))
    with lived_in_by(house, "Mia", viewer="Nora") as mias:
        places = [*addresses(IN_A_WORKSPACE, mias.things, workspace=mias.slug), mias.at("videos/new/")]
        camera.take(of("Mia"), "lived-in", those(places))
    slug = house.slugs["Judy"]
    empty = [*addresses(IN_A_WORKSPACE, workspace=slug), f"/w/{slug}/videos/new/?draft=d1", f"/w/{slug}/videos/new/"]
    camera.take(of("Judy"), "empty", those(empty))
    judy = of("Judy")
    judy.go("/account/reauthenticate/?next=/me/")
    judy.page.get_by_label("Password", exact=True).fill(PASSWORD)
    judy.page.get_by_role("button", name="Go on").click()
    camera.take(judy, "person", those(addresses(OF_A_PERSON)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "var/screenshots")
    parser.add_argument("--only", default="", help="pages whose address has this in it")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    camera = Camera(asked.folder)
    with stage() as (house, browser):
        photograph(camera, house, browser, asked.only)
    camera.write_index()
    print(f"{sum(map(len, camera.pictures.values()))} pictures in {asked.folder}", *camera.faults, sep="\n")
    return 1 if camera.faults else 0


if __name__ == "__main__":
    sys.exit(main())
