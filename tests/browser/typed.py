"""Words that somebody types into the voice slot, and the video that says them."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.browser_users import BrowserUser
from tests.browser.live_site import LiveSite
from tests.browser.new_video import open_with_samples, slot
from tests.browser.test_captions import cues

MOST_SECONDS = 30  # of machine time, from the empty form to the playing video
WORDS = "Good morning. [pause 0.5s] Nobody recorded this, and it talks."
SENTENCES = ["Good morning.", "Nobody recorded this, and it talks."]
TITLE = f"Sample portrait, {' '.join(SENTENCES)}"
# What the player shows of the track while it goes on by itself.
LISTEN = """() => {
    window.said = [];
    const video = document.querySelector("video[data-player]"), [track] = video.textTracks;
    track.addEventListener("cuechange", () => {
        const shown = track.mode === "showing" && !video.paused ? [...track.activeCues] : [];
        window.said.push(shown.map((cue) => cue.text).join());
    });
}"""


def welcome(site: LiveSite, slug: str) -> None:
    """Credit for somebody who has signed up."""
    site.site.manage("grant_credit", "--workspace", slug, "--amount", "5", "--reason", "A welcome gift")


def type_words(visitor: BrowserUser, slug: str, *, cost: str, voice: str = "") -> None:
    """On the form of a first visit, up to the estimate of what they cost."""
    page = visitor.page
    open_with_samples(visitor, slug)
    slot(page, "Voice").get_by_role("link", name="Type").click()
    words = page.get_by_label("Words", exact=True)
    expect(words).to_be_focused()
    words.fill(WORDS)
    if voice:
        page.get_by_role("combobox", name="Voice", exact=True).select_option(voice)
    expect(page.get_by_text(f"of speech, {cost}")).to_be_visible()


def speak_words(page: Page) -> None:
    """Into the slot, in the place of the sample; the video is to have captions beside it."""
    page.get_by_role("button", name="Speak it").press("Enter")
    expect(page.get_by_role("status").filter(has_text="Spoken. The voice is in its slot")).to_be_visible()
    expect(slot(page, "Voice").get_by_text(SENTENCES[0])).to_be_visible()
    expect(page.get_by_text("Sample voice.mp3")).to_have_count(0)
    page.get_by_text("Title, captions and file").click()
    page.get_by_role("combobox", name="Captions").select_option(label="Beside the video")


def plays_with_captions(page: Page) -> None:
    """Started by a key; the second sentence is read as it is said, and the track has both, one after the other."""
    player = page.locator("video[data-player]")
    expect(player).to_be_visible()
    expect(player).to_have_attribute("aria-label", TITLE)
    player.focus()
    page.evaluate(LISTEN)
    page.keyboard.press("Space")
    page.wait_for_function("sentence => window.said.includes(sentence)", arg=SENTENCES[1])
    (first, second) = cues(page)
    assert [first[2], second[2]] == SENTENCES
    assert 0 <= first[0] < first[1] <= second[0] < second[1], (first, second)
    assert second[0] - first[0] > 1, "there is half a second between them"
