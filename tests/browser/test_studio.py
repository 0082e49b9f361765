"""The main job, by a person with a browser: sign up, bring two files, see the price, make the video, take it home."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import av
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from avatarsite.legal.rights import OF_ONE_VIDEO
from billing.money import charge_micros, usd
from studio.uploads.samples import PORTRAIT, VOICE
from tests.browser.browser_users import BrowserUser, sign_up
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite
from tests.browser.new_video import (
    HELD,
    MICROS_PER_SECOND,
    PROMPT,
    choose,
    drop,
    fact,
    fine,
    left_after,
    made_at,
    make_button,
    open_with_samples,
    press,
    press_slowly,
    sees_balance,
    sees_price,
    slot,
    unfold_working,
)
from tests.browser.site_process import CREDIT_MICROS
from tests.corpus import sounds

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

VOICE_MS = 8417
FRAME_MS = 40
MADE_WITHIN_MS = 120_000
# The picture that stands there before it plays has come.
STANDS = """async (video) => {
    const poster = new Image();
    poster.src = video.poster;
    await poster.decode();
    const known = new Promise((done) => video.addEventListener("loadedmetadata", done, { once: true }));
    if (video.readyState < 1) await known;
}"""
# The time of the picture that came, for currentTime is only what was asked for.
SEEK = """async (video, seconds) => {
    const shown = new Promise((done) => video.requestVideoFrameCallback((now, frame) => done(frame.mediaTime)));
    video.currentTime = seconds;
    return [1000 * await shown, 1000 * video.duration, video.error];
}"""


def test_a_new_person_makes_a_video_and_takes_it_home(visit: Visit, live_site: LiveSite, tmp_path: Path) -> None:
    ada = visit()
    slug = sign_up(ada, live_site, "ada@example.org")
    live_site.site.manage("grant_credit", "--workspace", slug, "--amount", "5", "--reason", "A welcome gift")
    assert live_site.ask("purse", slug) == purse(posted=CREDIT_MICROS)

    bring_both_files_and_see_the_price(ada.page, tmp_path)
    with live_site.engine_taken():
        render_id = press(ada.page)
        watch_it_wait(ada.page)
    expect(ada.page.get_by_role("status").filter(has_text="The video is ready.")).to_have_count(
        1, timeout=MADE_WITHIN_MS
    )
    play_and_seek(ada)
    read_the_middle(ada.page, live_site.stored_video(render_id))
    take_it_home(ada.page, live_site, render_id)

    made = live_site.ask("once", render_id, "ready")
    charge = made["charge_micros"]
    assert charge == charge_micros(made["measured_ms"], MICROS_PER_SECOND)
    assert live_site.ask("purse", slug) == purse(posted=CREDIT_MICROS - charge)
    read_the_receipt(ada.page, charge)
    read_the_statement(ada.page, charge)
    live_site.site.manage("verify_ledger")
    ada.nothing_went_wrong()


def test_a_video_that_is_cancelled_gives_its_hold_back(visit: Visit, live_site: LiveSite) -> None:
    carla, slug = visit("Carla"), live_site.slugs["Carla"]
    page = carla.page
    open_with_samples(carla, slug)
    with live_site.engine_taken():
        render_id = press(page)
        expect(page.locator("[aria-current=step]")).to_contain_text("Rendering")
        assert live_site.ask("purse", slug) == purse(posted=CREDIT_MICROS, held=HELD)
        press_slowly(page, page.get_by_role("link", name="Cancel it"), "**/status/*")
        dialog = page.get_by_role("dialog", name="Cancel this video?")
        expect(dialog).to_contain_text(f"all {usd(HELD)} that is held comes back")
        dialog.get_by_role("button", name="Cancel the video").click()
        expect(page.get_by_role("heading", name="This video was cancelled")).to_be_visible()
    expect(page.get_by_text(f"Nothing was charged; the {usd(HELD)} that was held has been returned.")).to_be_visible()
    sees_balance(page, CREDIT_MICROS)
    assert live_site.ask("purse", slug) == purse(posted=CREDIT_MICROS)
    assert live_site.ask("once", render_id, "cancelled")["charge_micros"] is None
    carla.nothing_went_wrong()


def test_a_refused_file_says_why_beside_its_field_and_leaves_the_rest(
    visit: Visit, live_site: LiveSite, tmp_path: Path
) -> None:
    dina = visit("Dina")
    page = dina.page
    open_with_samples(dina, live_site.slugs["Dina"])
    page.get_by_label(PROMPT).fill("Calm, looks into the camera.")
    (short := tmp_path / "hello.wav").write_bytes(sounds.wav(sounds.tone(0.5)))
    (letter := tmp_path / "letter.jpg").write_text("Dear Dina, this is no picture.", encoding="utf-8")

    choose(page, "Voice", short)
    expect(slot(page, "Voice").get_by_role("alert")).to_have_text(
        "The voice is 0.5 s; the least is 2 s. Record or choose a longer one."
    )
    drop(page, "Portrait", letter)
    expect(slot(page, "Portrait").get_by_role("alert")).to_have_text(
        "The portrait is a file of no known kind, not a picture. Choose a JPEG, PNG, WebP, GIF, AVIF or HEIC picture."
    )

    expect(slot(page, "Voice").get_by_text("Sample voice.mp3")).to_be_visible()
    expect(slot(page, "Portrait").get_by_text("Sample portrait.jpg")).to_be_visible()
    expect(page.get_by_label(PROMPT)).to_have_value("Calm, looks into the camera.")
    expect(make_button(page)).to_be_enabled()
    add = f"/w/{live_site.slugs['Dina']}/uploads/add/"
    dina.nothing_went_wrong((422, add), (422, add))


def test_a_press_on_the_price_is_not_lost_when_another_price_comes_meanwhile(visit: Visit, live_site: LiveSite) -> None:
    una = visit("Una")
    page = una.page
    open_with_samples(una, live_site.slugs["Una"])
    expect(page.locator("#working")).not_to_have_attribute("open", "")
    held: list[Route] = []
    page.route("**/quote/", lambda route: held.append(route))  # noqa: PLW0108 -- Playwright marks it
    with page.expect_request("**/quote/"):
        page.get_by_label(PROMPT).fill("Calm.")
        page.get_by_label(PROMPT).blur()
    page.get_by_text("How it is worked out").hover()
    page.mouse.down()
    with page.expect_response("**/quote/") as answer:
        held[0].continue_()
    answer.value.finished()
    page.unroute("**/quote/")
    with page.expect_response("**/quote/"):  # the price was put off, and is asked for once more
        page.mouse.up()
    expect(page.locator("#working")).to_have_attribute("open", "")
    una.nothing_went_wrong()


def test_a_press_on_a_card_is_not_lost_when_the_card_comes_anew_meanwhile(visit: Visit, live_site: LiveSite) -> None:
    alice, slug = visit("Alice"), live_site.slugs["Alice"]
    page = alice.page
    with live_site.engine_taken():
        (video,) = live_site.ask("ask_for", slug, "A talk that takes long", until="rendering")
        alice.go(f"/w/{slug}/videos/")
        page.get_by_role("link", name="A talk that takes long").hover()
        with page.expect_response("**/videos/live/*") as answer:
            page.mouse.down()
        answer.value.finished()
        expect(page.locator("#live")).not_to_have_class(re.compile("htmx-"))
        page.mouse.up()
        assert made_at(page) == video["id"]
        live_site.ask("cancel", video["id"])
    alice.nothing_went_wrong()


def test_a_double_click_makes_one_video(visit: Visit, live_site: LiveSite) -> None:
    emma, slug = visit("Emma"), live_site.slugs["Emma"]
    open_with_samples(emma, slug)
    with live_site.engine_taken():
        make_button(emma.page).dblclick()
        render_id = made_at(emma.page)
        assert live_site.ask("videos_of", slug) == [render_id]
        assert live_site.ask("purse", slug) == purse(posted=CREDIT_MICROS, held=HELD)
    emma.nothing_went_wrong()


def purse(*, posted: int, held: int = 0) -> dict[str, int]:
    return {"posted": posted, "held": held, "available": posted - held}


def own_files(folder: Path) -> tuple[Path, Path]:
    """What the samples show and say, in files of other bytes: a comment in the picture, a tag behind the sound."""
    portrait, voice = folder / PORTRAIT.name, folder / VOICE.name
    picture = PORTRAIT.read_bytes()
    portrait.write_bytes(picture[:2] + b"\xff\xfe\x00\x06mine" + picture[2:])
    voice.write_bytes(VOICE.read_bytes() + b"TAG" + b"Mine".ljust(125, b"\0"))
    return portrait, voice


def bring_both_files_and_see_the_price(page: Page, folder: Path) -> None:
    page.get_by_role("main").get_by_role("link", name="New video").click()
    for kind in ("Portrait", "Voice"):
        expect(slot(page, kind).get_by_text("A sample of ours, to start with.")).to_be_visible()
    portrait, voice = own_files(folder)
    choose(page, "Portrait", portrait)
    expect(slot(page, "Portrait").get_by_role("img", name="The portrait portrait.jpg")).to_be_visible()
    drop(page, "Voice", voice)
    expect(slot(page, "Voice").get_by_text("voice-welcome.mp3")).to_be_visible()
    expect(slot(page, "Voice").get_by_text("8.417 s")).to_be_visible()
    expect(page.get_by_text("A sample of ours")).to_have_count(0)
    rights = page.get_by_role("group", name="Before the first paid video of this face and this voice.")
    rights.get_by_role("checkbox").check()
    expect(make_button(page)).to_be_enabled()
    page.get_by_role("checkbox", name=OF_ONE_VIDEO).check()
    sees_price(page, HELD)
    unfold_working(page)
    expect(fact(page, "Video, at most")).to_have_text("8.48 s")
    expect(fact(page, "Per second")).to_have_text("$0.0100")
    expect(fact(page, "Balance after")).to_have_text(left_after(CREDIT_MICROS, HELD))


def watch_it_wait(page: Page) -> None:
    """The engine is taken, so it comes as far as the provider."""
    expect(page.get_by_role("heading", name="Being made")).to_be_visible()
    stages = page.get_by_role("listitem").filter(has=page.locator("[class=stage__label]"))
    expect(stages.locator("[class=stage__label]")).to_have_text(
        ["Waiting for its turn", "Sending to the provider", "Rendering", "Copying and checking", "Ready"]
    )
    expect(page.locator("[aria-current=step]")).to_contain_text("Rendering")
    expect(page.get_by_text(f"Held {usd(HELD)}, charged only if it succeeds.")).to_be_visible()
    sees_balance(page, CREDIT_MICROS - HELD)


def play_and_seek(visitor: BrowserUser) -> None:
    """What the player shows changes while it plays, and is the picture of the time that it is sent to."""
    video = visitor.page.get_by_label("voice welcome", exact=True)
    video.evaluate(STANDS)
    before = picture(video)
    assert picture(video) == before
    video.focus()
    visitor.page.keyboard.press("Space")
    visitor.page.wait_for_function("video => video.currentTime > 0.5 && !video.paused", arg=video.element_handle())
    visitor.page.keyboard.press("Space")
    during = picture(video)
    shown_ms, length_ms, error = video.evaluate(SEEK, 6)
    assert (error, abs(shown_ms - 6000) <= FRAME_MS, abs(length_ms - VOICE_MS) <= FRAME_MS) == (None, True, True)
    assert len({before, during, picture(video)}) == 3
    assert all(re.fullmatch(r"bytes \d+-\d+/\d+", part) for part in visitor.ranges)
    assert visitor.ranges, "nothing was asked for in parts"


def picture(video: Locator) -> bytes:
    """What is to be seen in the player, as a photograph of it: of a bucket's file no page may read the pixels."""
    video.evaluate("video => { video.controls = false; video.blur(); }")
    taken = video.screenshot(animations="disabled")
    video.evaluate("video => { video.controls = true; }")
    return taken


def read_the_middle(page: Page, stored: bytes) -> None:
    """What a player asks for when the rest has not come yet."""
    address = page.get_by_label("voice welcome", exact=True).evaluate("video => video.currentSrc")
    part = page.request.get(address, headers={"Range": "bytes=1000-1999"})
    assert (part.status, part.headers["content-range"]) == (206, f"bytes 1000-1999/{len(stored)}")
    assert part.body() == stored[1000:2000]


def take_it_home(page: Page, live_site: LiveSite, render_id: str) -> None:
    with page.expect_download() as started:
        page.get_by_role("link", name="Download", exact=True).click()
    download = started.value
    assert download.suggested_filename == "voice welcome.mp4"
    got, stored = Path(download.path()), live_site.stored_video(render_id)
    assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(stored).digest()
    with av.open(str(got), format="mp4") as film:
        seconds = {stream.type: end_of(got, stream.index) for stream in film.streams}
    assert {kind: abs(end * 1000 - VOICE_MS) <= FRAME_MS for kind, end in seconds.items()} == {
        "video": True,
        "audio": True,
    }


def end_of(path: Path, index: int) -> float:
    """The end of the last decoded frame of one stream, in seconds."""
    with av.open(str(path), format="mp4") as film:
        *_, last = film.decode(film.streams[index])
        return float((last.pts + last.duration) * last.time_base)


def read_the_receipt(page: Page, charge: int) -> None:
    receipt = page.get_by_role("region", name="Receipt")
    expect(receipt.get_by_text(fine(charge), exact=True)).to_be_visible()
    expect(receipt.get_by_text("8.4 s × $0.0100 a second")).to_be_visible()
    expect(fact(page, "Given back")).to_have_text(fine(HELD - charge))
    sees_balance(page, CREDIT_MICROS - charge)


def read_the_statement(page: Page, charge: int) -> None:
    page.get_by_role("link", name="See it in the statement").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="voice welcome"))
    expect(row.get_by_role("cell").nth(2)).to_have_text(fine(-charge))
    expect(row.get_by_role("cell").nth(3)).to_have_text(fine(CREDIT_MICROS - charge))
    expect(page.get_by_role("row").filter(has_text="A welcome gift").get_by_role("cell").nth(2)).to_have_text(
        "+$5.0000"
    )
