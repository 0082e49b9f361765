"""Every page that a person can reach, for everybody: axe finds nothing grave, and nothing is wider than a phone.

The tables of ``pages`` name every URL of the project: a new one fails the first test until it has its line there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from billing.money import usd
from tests.browser.accessibility import Eyes
from tests.browser.authenticator import code
from tests.browser.browser_users import BrowserUser
from tests.browser.conftest import Visit
from tests.browser.live_site import LiveSite
from tests.browser.lived_in import LONG_ADDRESS, LivedIn, lived_in_by
from tests.browser.new_video import make_button, open_empty, open_with_samples, slot
from tests.browser.pages import IN_A_WORKSPACE, OF_A_PERSON, OF_NOBODY, OF_THE_PROTECTED, addresses, advice
from tests.browser.site_process import CREDIT_MICROS, PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("browser")]

STILL = {"reduced_motion": "reduce"}


def test_every_url_is_a_page_that_is_looked_at_or_no_page() -> None:
    missing = advice()
    assert not missing, "\n\n".join(missing)


@pytest.fixture(scope="module")
def lived_in(live_site: LiveSite) -> Iterator[LivedIn]:
    with lived_in_by(live_site, "Mia", viewer="Nora") as theirs:
        yield theirs


def test_pages_of_an_empty_workspace(visit: Visit) -> None:
    judy = visit("Judy", **STILL)
    page, eyes = judy.page, Eyes(judy)
    judy.go("/workspaces/new/")
    page.get_by_label("Name").fill("Nothing here yet")
    page.get_by_role("button", name="Make the workspace").click()
    page.wait_for_url("**/videos/")
    slug = re.findall(r"/w/([^/]+)/", page.url)[0]
    for address in addresses(IN_A_WORKSPACE, workspace=slug):
        eyes.see(address)
    open_empty(judy, slug)
    assert page.url == f"{judy.live_site.address}/w/{slug}/videos/new/?draft=d1"
    eyes.arrive("video_new", "a new video of an empty workspace")
    open_with_samples(judy, slug)
    expect(page.get_by_text("is missing.")).to_be_visible()
    eyes.look("a new video without the credit for it")
    page.get_by_label("Workspaces").or_(page.get_by_text("Nothing here yet").first).click()
    eyes.look("the switcher")
    eyes.saw_nothing_grave()
    judy.nothing_went_wrong()


def test_pages_of_a_workspace_that_is_lived_in(visit: Visit, lived_in: LivedIn) -> None:
    mia = visit("Mia", **STILL)
    eyes = Eyes(mia)
    for address in addresses(IN_A_WORKSPACE, lived_in.things, workspace=lived_in.slug):
        eyes.see(address)
    open_empty(mia, lived_in.slug)
    # A draft's address names all that is on it, and this workspace has a first project.
    first = lived_in.things["project"][-1]
    assert mia.page.url == f"{mia.live_site.address}{lived_in.at('videos/new/')}?draft=d1&project={first}"
    eyes.arrive("video_new", "an empty draft")
    # The address that a person comes by, which only leads elsewhere from where nothing is yet.
    eyes.see(lived_in.at("videos/new/"))
    eyes.saw_nothing_grave()
    mia.nothing_went_wrong()


def test_what_opens_on_a_page(visit: Visit, lived_in: LivedIn) -> None:
    mia = visit("Mia", **STILL)
    page, eyes = mia.page, Eyes(mia)
    mia.go(lived_in.video("running"))
    expect(page.locator("[aria-current=step]")).to_contain_text("40 %")
    page.get_by_text("History").click()
    eyes.look("the history of a video")
    page.get_by_role("link", name="Cancel it").click()
    expect(page.get_by_role("dialog", name="Cancel this video?")).to_be_visible()
    eyes.look("the dialog before cancelling")
    mia.go(lived_in.video("ready"))
    page.get_by_label("More for this video").click()
    eyes.look("the menu of a video")
    page.get_by_role("link", name="Title and tags").click()
    expect(page.get_by_role("dialog", name="Title and tags")).to_be_visible()
    eyes.look("the dialog to rename a video")
    mia.go(lived_in.at(f"videos/new/?project={lived_in.project}"))
    slot(page, "Voice").get_by_role("link", name="Earlier ones").click()
    page.get_by_role("dialog", name="Choose a voice").get_by_role("link", name="Take 2.mp3").click()
    expect(slot(page, "Voice").get_by_text("Take 2.mp3")).to_be_visible()
    expect(make_button(page)).to_be_enabled()
    page.get_by_text("Title, captions and file").click()
    eyes.look("a filled form of a new video")
    slot(page, "Voice").get_by_role("button", name="Record").click()
    eyes.look("the recorder")
    mia.go(lived_in.at("team/"))
    page.get_by_text("What each role may do").click()
    page.get_by_label("More about Nora Example").click()
    eyes.look("the menu of a member")
    page.get_by_role("button", name="Remove from the workspace").click()
    eyes.look("the dialog before removing a member")
    mia.go(lived_in.at("balance/"))
    page.get_by_label("Your account").click()
    eyes.look("the menu of a person")
    eyes.saw_nothing_grave()
    mia.nothing_went_wrong()


def test_forms_that_were_refused(visit: Visit, lived_in: LivedIn) -> None:
    mia = visit("Mia", **STILL)
    page, eyes = mia.page, Eyes(mia)
    mia.go(lived_in.at("projects/new/"))
    page.get_by_label("Name of the project").fill("Onboarding")
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_text("Onboarding").last).to_be_visible()
    eyes.look("a project's name that is taken")
    mia.go(lived_in.at(f"projects/{lived_in.project}/change/"))
    page.get_by_label("Quality").fill("5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Write a whole number from 20 to 99.")).to_be_visible()
    eyes.look("a quality that there is not")
    mia.go(lived_in.at("team/"))
    page.get_by_label("E-mail address").fill(LONG_ADDRESS)
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.locator("main").get_by_text("invited")).not_to_have_count(0)
    eyes.look("somebody who is invited already")
    eyes.saw_nothing_grave()
    mia.nothing_went_wrong(*mia.refused)


def test_pages_of_a_viewer(visit: Visit, lived_in: LivedIn) -> None:
    nora = visit("Nora", **STILL)
    eyes = Eyes(nora)
    for place in (
        "balance/",
        "projects/",
        "team/",
        "uploads/",
        "videos/",
        "settings/",
        f"projects/{lived_in.project}/",
    ):
        eyes.see(lived_in.at(place))
    for state in ("ready", "running", "failed"):
        eyes.see(lived_in.video(state))
    eyes.see(lived_in.at("videos/new/"))
    eyes.see("/w/nobodys-workspace/videos/")
    eyes.saw_nothing_grave()
    nora.nothing_went_wrong((403, lived_in.at("videos/new/")), (404, "/w/nobodys-workspace/videos/"))


def test_pages_for_who_has_not_signed_in(visit: Visit, live_site: LiveSite) -> None:
    somebody = visit(**STILL)
    page, eyes = somebody.page, Eyes(somebody)
    for address in addresses(OF_NOBODY):
        eyes.see(address)
    eyes.see(reverse("account_confirm_email", args=["nonsense"]))
    eyes.see(reverse("account_reset_password_from_key", args=["1", "nonsense"]))
    somebody.go("/account/login/")
    page.get_by_label("E-mail address").fill("somebody@example.org")
    page.get_by_label("Password", exact=True).fill("not their password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    eyes.look("a sign-in that failed")
    somebody.go("/account/signup/")
    page.get_by_label("E-mail address").fill("somebody@example.org")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create the account").click()
    expect(page.locator("[aria-invalid=true]")).not_to_have_count(0)
    eyes.look("a sign-up with a short password")
    somebody.context.clear_cookies()
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", name="That form was too old")).to_be_visible()
    eyes.look("a form that is too old")
    eyes.saw_nothing_grave()
    somebody.nothing_went_wrong((403, "/account/signup/"))


def test_the_api_can_be_tried_out_in_its_reference(visit: Visit, live_site: LiveSite) -> None:
    sara = visit("Sara", **STILL)
    page, eyes = sara.page, Eyes(sara)
    sara.go(f"/w/{live_site.slugs['Sara']}/developers/")
    page.get_by_label("Name").fill("Try it out")
    page.get_by_label("Billing: see the balance").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("#secret").inner_text()
    page.get_by_role("link", name="Reference", exact=True).click()
    page.get_by_role("main").get_by_role("link", name="/api/v1/balance").click()
    eyes.arrive("api_operation", "the operation of the balance")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Send it").click()
    answer = page.get_by_role("main").get_by_role("status")
    expect(answer).to_contain_text("200 OK")
    expect(answer).to_contain_text(usd(CREDIT_MICROS))
    eyes.look("an answer of the API")
    rail = page.get_by_role("navigation", name="Operations")
    rail.get_by_role("link", name="Ask for a video", exact=True).click()
    # The tab has kept the token, and what the example leaves out is refused by its name.
    expect(page.get_by_label("Body")).to_have_value(re.compile(r'"portrait": "'))
    page.get_by_label("Body").fill("{}")
    page.get_by_role("button", name="Send it").click()
    expect(answer).to_contain_text("400 Bad Request")
    expect(answer).to_contain_text('"field": "portrait"')
    for operation in ("create_render", "list_renders", "create_upload"):
        eyes.see(reverse("api_operation", args=[operation]))
    eyes.saw_nothing_grave()
    sara.nothing_went_wrong((400, "/api/v1/renders"))


def test_pages_behind_a_mailed_link(visit: Visit, live_site: LiveSite) -> None:
    lena = visit(**STILL)
    page, eyes = lena.page, Eyes(lena)
    lena.go("/account/password/reset/")
    page.get_by_label("E-mail address").fill("lena@example.org")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    page.goto(live_site.link_mailed_to("lena@example.org", "password"))
    expect(page.get_by_role("heading", name="Choose a new password")).to_be_visible()
    eyes.arrive("account_reset_password_from_key", "the form of a new password")
    for address in ("kim@example.org", "new.person@example.org"):
        lena.go(f"/invitations/{live_site.ask('invite', live_site.slugs['Lena'], address, 'member')}/")
        eyes.arrive("invitation", f"the invitation of {address}")
    lena.go(live_site.ask("no_more_mails", live_site.slugs["Lena"]))
    eyes.arrive("mail_no_more", "the link that switches mails off")
    for name in ("account_login", "account_signup"):
        eyes.see(reverse(name))
    lena.go("/invitations/nonsense/")
    eyes.look("an invitation that is not known")
    eyes.saw_nothing_grave()
    lena.nothing_went_wrong(*lena.refused)


def test_pages_of_an_account(visit: Visit, live_site: LiveSite) -> None:
    kim = visit("Kim", **STILL)
    page, eyes = kim.page, Eyes(kim)
    confirm_the_password(kim)
    for address in addresses(OF_A_PERSON):
        eyes.see(address)
    kim.go("/account/email/")
    page.get_by_label("New e-mail address").fill(LONG_ADDRESS)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text("Changing to")).to_be_visible()
    eyes.look("an address that waits for confirmation")
    page.goto(live_site.link_mailed_to(LONG_ADDRESS, "onfirm"))
    eyes.arrive("account_confirm_email", "the confirmation of an address")
    kim.go(f"/invitations/{live_site.ask('invite', live_site.slugs['Lena'], 'somebody.else@example.org', 'viewer')}/")
    eyes.look("the invitation of somebody else")
    kim.go("/account/password/change/")
    page.get_by_label("Present password").fill("wrong")
    page.get_by_label("New password").fill("short")
    page.get_by_role("button", name="Change the password").click()
    expect(page.locator("[aria-invalid=true]")).not_to_have_count(0)
    eyes.look("a new password that is refused")
    eyes.saw_nothing_grave()
    kim.nothing_went_wrong(*kim.refused)


def test_pages_of_two_factor_sign_in(visit: Visit, live_site: LiveSite) -> None:
    secret = live_site.ask("protect", "Olga")
    olga = visit(**STILL)
    page, eyes = olga.page, Eyes(olga)
    begin_to_sign_in(olga, "olga@example.org")
    eyes.arrive("mfa_authenticate", "the question for a code")
    page.get_by_label("Code").fill(code(secret))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/videos/")
    confirm_the_password(olga)
    for address in addresses(OF_THE_PROTECTED):
        eyes.see(address)
    eyes.saw_nothing_grave()
    olga.nothing_went_wrong()


def confirm_the_password(visitor: BrowserUser) -> None:
    """Asked for before anything that changes how one signs in."""
    visitor.go("/account/reauthenticate/?next=/me/")
    visitor.page.get_by_label("Password", exact=True).fill(PASSWORD)
    visitor.page.get_by_role("button", name="Go on").click()
    expect(visitor.page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()


def begin_to_sign_in(visitor: BrowserUser, address: str) -> None:
    visitor.go("/account/login/")
    visitor.page.get_by_label("E-mail address").fill(address)
    visitor.page.get_by_label("Password", exact=True).fill(PASSWORD)
    visitor.page.get_by_role("button", name="Sign in").click()
    expect(visitor.page.get_by_role("heading", name="One more step")).to_be_visible()
