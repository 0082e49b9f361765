"""Captions in a browser: brought as a file, drawn into a copy, shown by the player, edited, gone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

SRT = "1\n00:00:00,500 --> 00:00:02,000\nOne & <i>two</i>\n\n2\n00:00:02,000 --> 00:00:03,500\nثلاثة، 四\n"  # noqa: RUF001
# What the track element of the player has loaded, once it has.
CUES = """() => new Promise((done) => {
    const element = document.querySelector("[data-player] track");
    const told = () => done([...element.track.cues].map((cue) => [cue.startTime, cue.endTime, cue.text]));
    element.track.mode = "showing";
    if (element.readyState === 2) told(); else element.addEventListener("load", told);
})"""
SHOWN = """async () => {
    const player = document.querySelector("[data-player]");
    player.currentTime = 1;
    await new Promise((done) => player.addEventListener("seeked", done, { once: true }));
    const { track } = player.querySelector("track");
    await new Promise((done) => setTimeout(done, 100));
    return [...track.activeCues].map((cue) => cue.getCueAsHTML().textContent);
}"""


def cues(page: Page) -> object:
    return page.evaluate(CUES)


def test_captions_are_brought_shown_drawn_edited_and_deleted(visit: Visit, live_site: LiveSite) -> None:
    cleo, slug = visit("Cleo"), live_site.slugs["Cleo"]
    (video,) = live_site.ask("ask_for", slug, "Welcome", until="ready")
    page, path = cleo.page, f"/w/{slug}/videos/{video['id']}/"
    cleo.go(path)
    page.get_by_label("More for this video").click()
    page.get_by_role("link", name="Captions").click()
    page.get_by_label("From an SRT or WebVTT file").check()
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "welcome.srt", "mimeType": "application/x-subrip", "buffer": SRT.encode("utf-16")}
    )
    page.get_by_label("In the picture").select_option("box")
    page.get_by_role("button", name="Add the captions").click()
    expect(page.get_by_role("link", name="Video with captions")).to_be_visible(timeout=60_000)

    cleo.go(path)
    assert cues(page) == [[0.5, 2, "One &amp; two"], [2, 3.5, "ثلاثة، 四"]]
    assert page.evaluate(SHOWN) == ["One & two"]
    with page.expect_download() as download:
        page.get_by_role("link", name="SRT").click()
    assert download.value.suggested_filename.endswith(".srt")

    cleo.go(f"{path}captions/")
    page.get_by_label("0:00.500").fill("One,\ntwo and a half")
    page.get_by_role("button", name="Save the texts").click()
    expect(page.get_by_text("The captions are changed.")).to_be_visible()
    expect(page.get_by_role("link", name="Video with captions")).to_be_visible(timeout=60_000)
    cleo.go(path)
    assert cues(page) == [[0.5, 2, "One,\ntwo and a half"], [2, 3.5, "ثلاثة، 四"]]

    cleo.go(f"{path}captions/")
    page.get_by_role("link", name="Delete the captions").click()
    page.get_by_role("dialog", name="Delete the captions?").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The captions and their files are deleted.")).to_be_visible()
    cleo.go(path)
    expect(page.locator("[data-player] track")).to_have_count(0)
    cleo.nothing_went_wrong()
