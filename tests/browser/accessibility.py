"""Looks at a page as axe and as a narrow screen do, in light or in dark, and weighs it."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from django.urls import resolve

from tests.browser.browser_users import DESK, PHONE, BrowserUser
from tests.browser.weight import weigh

# A folder for a picture of every page that is looked at, for people who want to look too.
PICTURES = os.environ.get("BROWSER_PICTURES", "")
GRAVE = {"serious", "critical"}
WIDE, NARROW = ("wide", DESK), ("narrow", PHONE)
# Each page is seen wide and narrow, in light and in dark; the next one the other way round, so that what stands on
# every page is seen in all four.
PAIRS = (((WIDE, "light"), (NARROW, "dark")), ((WIDE, "dark"), (NARROW, "light")))
# Those that go through the whole page for what is never grave.
NEVER_GRAVE = ("region", "landmark-unique", "skip-link", "heading-order", "page-has-heading-one", "image-redundant-alt")
RULES: dict[str, Any] = {
    "resultTypes": ["violations"],
    "preload": False,
    "rules": {name: {"enabled": False} for name in NEVER_GRAVE},
}
# What changes with a size or a colour sets transitions going, and the end of one may start another in what is inside.
SETTLED = """async () => {
    const moving = () => document.getAnimations().some(({ effect }) => effect.getComputedTiming().endTime < 1000);
    for (let still = 0; still < 3; still = moving() ? 0 : still + 1) {
        await new Promise((done) => requestAnimationFrame(done));
    }
}"""
TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    const opened = [...document.querySelectorAll("details[open] > :not(summary), dialog[open]")];
    return [
        ...(document.documentElement.scrollWidth > width ? ["the page can be scrolled to the side"] : []),
        ...[...document.querySelectorAll("table")]
            .filter((each) => !each.closest("details:not([open])"))
            .filter((each) => width > 1000 && each.scrollWidth > each.parentElement.clientWidth)
            .map((each) => `a table is cut off: ${each.textContent.trim().replace(/\\s+/g, " ").slice(0, 80)}`),
        ...opened.filter((each) => each.getBoundingClientRect().left < 0 || each.getBoundingClientRect().right > width)
            .map((each) => `it reaches out of the page: ${each.textContent.trim().replace(/\\s+/g, " ").slice(0, 80)}`),
    ];
}"""


@dataclass
class Eyes:
    """``found`` gathers what is wrong, a line each, so that one run tells everything."""

    visitor: BrowserUser
    found: list[str] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        # With each page from now on, which is quicker than handing it to each.
        self.visitor.context.add_init_script(AXE_SCRIPT)

    def see(self, path: str) -> None:
        """Go to a page, weigh it and look at it; it has to be that page and no other."""
        self.visitor.go(path)
        assert self.visitor.page.url == f"{self.visitor.live_site.address}{path}"
        self.found += [f"{path}: {fault}" for fault in weigh(self.visitor.page).faults]
        self.look(path)

    def arrive(self, name: str, what: str) -> None:
        """Look at a page that a link led to, by the name of its URL."""
        assert resolve(urlsplit(self.visitor.page.url).path).url_name == name
        self.look(what)

    def look(self, what: str) -> None:
        """At what is open now: wide and narrow, light and dark; all four for whoever wants pictures."""
        page = self.visitor.page
        self.looks += 1
        for (width, size), colours in itertools.chain(*PAIRS) if PICTURES else PAIRS[self.looks % 2]:
            seen = f"{what}, {width}, {colours}"
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=colours)
            page.evaluate(SETTLED)
            self.found += [f"{seen}: {words}" for words in page.evaluate(TOO_WIDE)]
            self._ask_axe(seen)
            self._keep_picture(seen)
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")

    def _ask_axe(self, what: str) -> None:
        for violation in self.visitor.page.evaluate("rules => axe.run(rules)", RULES)["violations"]:
            if violation["impact"] in GRAVE:
                self.found += [
                    f"{what}: {violation['id']}: {node['html'][:200]} {node['failureSummary']}"
                    for node in violation["nodes"]
                ]

    def _keep_picture(self, what: str) -> None:
        if PICTURES:
            name = re.sub(r"[^\w=]+", "-", what).strip("-")
            self.visitor.page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)

    def saw_nothing_grave(self) -> None:
        print(*self.found, sep="\n\n")
        assert self.found == []
