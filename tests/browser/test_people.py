"""Coming in and letting others in: sign-in, a forgotten password, a second factor, a team."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.authenticator import code
from tests.browser.browser_users import BrowserUser
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite
from tests.browser.site_process import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

NEW_PASSWORD = "a horse of another colour"


def test_a_forgotten_password_is_replaced_by_a_mailed_link(visit: Visit, live_site: LiveSite) -> None:
    elsewhere, sara = visit("Sara"), visit()
    page = sara.page
    sara.go("/")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("E-mail address").fill("sara@example.org")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    link = live_site.link_mailed_to("sara@example.org", "A new password")
    page.goto(link)
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Save the password").click()
    expect(page.get_by_role("heading", name="Your password is changed")).to_be_visible()

    offer(sara, "sara@example.org", PASSWORD)
    expect(page.get_by_role("alert")).to_be_visible()
    offer(sara, "sara@example.org", NEW_PASSWORD)
    is_in(page, "Sara")
    elsewhere.go("/me/")
    expect(elsewhere.page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    sara.nothing_went_wrong()
    elsewhere.nothing_went_wrong()


def test_a_second_factor_is_switched_on_and_asked_for(visit: Visit) -> None:
    rosa = visit("Rosa")
    page = rosa.page
    rosa.go("/")
    is_in(page, "Rosa")
    seed, spare = switch_on(page)

    sign_out(page)
    offer(rosa, "rosa@example.org", PASSWORD)
    answer_with(page, "123 456 7")
    expect(page.locator("[aria-invalid=true]")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    answer_with(page, code(seed, steps=1))
    is_in(page, "Rosa")

    sign_out(page)
    offer(rosa, "rosa@example.org", PASSWORD)
    answer_with(page, spare)
    is_in(page, "Rosa")
    rosa.go("/account/2fa/")
    expect(page.get_by_text("9 of 10 are left.")).to_be_visible()
    rosa.nothing_went_wrong()


def test_a_team_is_invited_given_roles_and_removed(visit: Visit, live_site: LiveSite) -> None:
    paula, quinn, slug = visit("Paula"), visit("Quinn"), live_site.slugs["Paula"]
    team, new = f"/w/{slug}/team/", f"/w/{slug}/videos/new/"
    paula.go(team)
    paula.page.get_by_label("E-mail address").fill("quinn@example.org")
    paula.page.get_by_label("Role", exact=True).select_option("Viewer")
    paula.page.get_by_role("button", name="Send the invitation").click()
    says(paula.page, "An invitation is on its way to quinn@example.org.")

    quinn.page.goto(live_site.link_mailed_to("quinn@example.org", "Paula Example invites you"))
    expect(quinn.page.get_by_text("Paula Example invites you to be a viewer")).to_be_visible()
    quinn.page.get_by_role("button", name="Join Paula's workspace").click()
    says(quinn.page, "You are a viewer here.")
    expect(new_video(quinn.page)).to_have_count(0)
    quinn.go(new)
    expect(quinn.page.get_by_text("As a viewer here you may not make or change videos")).to_be_visible()

    paula.go(team)
    paula.page.get_by_label("Role of Quinn Example: Viewer").click()
    paula.page.get_by_role("button", name="Member", exact=True).click()
    says(paula.page, "Quinn Example is now a member of")
    quinn.go(f"/w/{slug}/videos/")
    new_video(quinn.page).first.click()
    expect(quinn.page.get_by_role("button", name="Make the video")).to_be_visible()
    quinn.go(team)
    expect(quinn.page.get_by_role("button", name="Send the invitation")).to_have_count(0)

    paula.page.get_by_label("More about Quinn Example").click()
    paula.page.get_by_role("button", name="Remove from the workspace").click()
    dialog = paula.page.get_by_role("dialog", name="Remove Quinn Example?")
    dialog.get_by_role("button", name="Remove", exact=True).click()
    says(paula.page, "Quinn Example has been removed from")
    quinn.go(f"/w/{slug}/videos/")
    expect(quinn.page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    paula.nothing_went_wrong()
    quinn.nothing_went_wrong((403, new), (404, f"/w/{slug}/videos/"))


def offer(visitor: BrowserUser, address: str, password: str) -> None:
    """At the door."""
    visitor.go("/account/login/")
    visitor.page.get_by_label("E-mail address").fill(address)
    visitor.page.get_by_label("Password", exact=True).fill(password)
    visitor.page.get_by_role("button", name="Sign in").click()


def is_in(page: Page, name: str) -> None:
    page.wait_for_url("**/w/*/videos/")
    expect(page.get_by_role("banner").get_by_text(f"{name} Example")).to_be_attached()


def sign_out(page: Page) -> None:
    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def switch_on(page: Page) -> tuple[str, str]:
    """By the key that the page shows beside its picture; gives the key, and one of the recovery codes."""
    page.get_by_label("Your account").click()
    page.get_by_role("link", name="Two-factor sign-in").click()
    page.get_by_role("link", name="Set it up").click()
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("img", name="QR code with the secret below")).to_be_visible()
    page.get_by_text("Can't scan it?").click()
    seed = page.locator("code").inner_text()
    page.get_by_label("Code").fill(code(seed))
    page.get_by_role("button", name="Switch it on").click()
    codes = page.get_by_role("list", name="Unused codes").get_by_role("listitem")
    expect(codes).to_have_count(10)
    return seed, codes.first.inner_text()


def answer_with(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.get_by_label("Code").fill(words)
    page.get_by_role("button", name="Sign in", exact=True).click()


def says(page: Page, words: str) -> None:
    """In a toast."""
    expect(page.get_by_text(words)).to_be_visible()


def new_video(page: Page) -> Locator:
    return page.get_by_role("link", name="New video")
