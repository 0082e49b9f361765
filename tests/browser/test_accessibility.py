"""The tests of this folder can fail: what is planted on a page is noticed."""

from __future__ import annotations

import pytest

from tests.browser.accessibility import Eyes
from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

FAULTS = """() => {
    const faint = Object.assign(document.createElement("p"), { textContent: "Hardly to be read" });
    faint.style.opacity = 0.3;
    const wide = document.createElement("div");
    wide.style.width = "500px";
    wide.append(document.createElement("button"));
    document.querySelector("main").append(faint, wide);
}"""
TROUBLE = """async () => {
    const script = Object.assign(document.createElement("script"), { textContent: "window.planted = true" });
    const picture = Object.assign(document.createElement("img"), { src: "https://stranger.example/spy.gif" });
    document.body.append(script, picture);
    await fetch("/healthz/no-such-page");
    console.warn("planted");
    setTimeout(() => { throw new Error("planted") });
    await new Promise((done) => setTimeout(done, 100));
}"""


def test_a_planted_fault_is_seen(visit: Visit) -> None:
    somebody = visit(reduced_motion="reduce")
    eyes = Eyes(somebody)
    somebody.go("/account/login/")
    somebody.page.evaluate(FAULTS)
    for time in ("first", "second"):
        eyes.look(time)
    seen = {
        ("first", "wide", "dark"),
        ("first", "narrow", "light"),
        ("second", "wide", "light"),
        ("second", "narrow", "dark"),
    }
    assert {":".join(line.split(":")[:2]) for line in eyes.found} == {
        "first, narrow, light: the page can be scrolled to the side",
        "second, narrow, dark: the page can be scrolled to the side",
        *(f"{', '.join(each)}: {rule}" for each in seen for rule in ("button-name", "color-contrast")),
    }
    with pytest.raises(AssertionError):
        eyes.saw_nothing_grave()


def test_planted_trouble_is_heard(visit: Visit) -> None:
    somebody = visit()
    somebody.go("/account/login/")
    somebody.page.evaluate(TROUBLE)
    assert somebody.page.evaluate("window.planted") is None
    heard = "\n".join(somebody.complaints)
    print(heard)
    assert ["script-src" in heard, "img-src" in heard, "warning: planted" in heard, "uncaught: " in heard] == [True] * 4
    assert somebody.refused == [(404, "/healthz/no-such-page")]
    with pytest.raises(AssertionError):
        somebody.nothing_went_wrong((404, "/healthz/no-such-page"))
