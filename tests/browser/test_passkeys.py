"""Passkeys: added with a device's own check, signed in with, beside a password, renamed and removed."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import Eyes
from tests.browser.browser_users import BrowserUser
from tests.browser.conftest import Visit
from tests.browser.site_process import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]


def device_of(page: Page) -> None:
    """A device that keeps passkeys and knows its owner, as the browser's own tools make one."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def at_localhost(visitor: BrowserUser, path: str) -> str:
    """A name of this machine: an address in numbers has no passkeys."""
    return f"http://localhost:{urlsplit(visitor.live_site.address).port}{path}"


def test_a_passkey_signs_in_without_a_password(visit: Visit) -> None:
    vera = visit()
    page, eyes = vera.page, Eyes(vera)
    device_of(page)
    page.goto(at_localhost(vera, "/account/login/"))
    page.get_by_label("E-mail address").fill("vera@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="New video")).to_be_visible()
    page.goto(at_localhost(vera, "/me/"))
    page.get_by_role("link", name="Manage passkeys").click()
    expect(page.get_by_text("You have no passkey yet.")).to_be_visible()
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Name").fill("Vera’s laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()

    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="New video")).to_be_visible()
    page.goto(at_localhost(vera, "/account/2fa/webauthn/"))
    expect(page.get_by_text("Signs you in without a password")).to_be_visible()
    expect(page.get_by_text("used just now")).to_be_visible()

    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("E-mail address").fill("vera@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="New video")).to_be_visible()

    page.goto(at_localhost(vera, "/account/2fa/webauthn/"))
    page.get_by_role("link", name="Rename Vera’s laptop").click()
    page.get_by_role("link", name="Use a passkey instead").click()
    expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()
    eyes.arrive("mfa_reauthenticate_webauthn", "the question for a passkey")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Rename a passkey")).to_be_visible()
    eyes.arrive("mfa_edit_webauthn", "the name of a passkey")
    page.get_by_label("Name").fill("The old laptop")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove The old laptop").click()
    expect(page.get_by_role("button", name="Remove it")).to_be_visible()
    eyes.arrive("mfa_remove_webauthn", "the removal of a passkey")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("You have no passkey yet.")).to_be_visible()
    eyes.saw_nothing_grave()
    assert (vera.complaints, vera.refused) == ([], [])


def test_a_browser_that_has_no_passkey_says_so(visit: Visit) -> None:
    nobody = visit()
    nobody.page.goto(at_localhost(nobody, "/account/login/"))
    device_of(nobody.page)
    nobody.page.get_by_role("button", name="Use a passkey").click()
    expect(nobody.page.get_by_role("alert")).to_contain_text("not allowed to use a passkey")
    nobody.go("/account/login/")
    expect(nobody.page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(nobody.page.get_by_role("button", name="Use a passkey")).to_have_count(0)
