"""The walks of docs/operations.md, each from the first page of the admin site, by an operator with a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.browser_users import BrowserUser, visitor
from tests.browser.live_site import LiveSite, open_house, wait_until
from tests.browser.scenes import FAL, RUNWARE
from tests.simulators.fixture import BRISK, Inbox, Simulators, open_inbox, running_simulators
from tests.support.paths import ROOT
from tests.support.processes import cut_off

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.xdist_group("desk_walks")]

OPS = "ops@example.org"
HANGS, BAD, WAITS, DEAR = "A talk that hangs", "A talk with its lips off", "A talk that waits", "A talk that is dear"
CREDIT_MICROS = 20_000_000
PATIENCE = 120.0


@dataclass(frozen=True)
class Stage:
    """A site with an operator in each role, the providers' stand-ins, and a customer's server."""

    house: LiveSite
    simulators: Simulators
    inbox: Inbox
    browser: Browser

    def operator(self, name: str) -> BrowserUser:
        """Somebody on duty, at the first page."""
        arrived = visitor(self.house, self.browser)
        arrived.come_back(name)
        arrived.go("/admin/")
        return arrived

    def comes_to(self, render: str, state: str) -> None:
        wait_until(lambda: self.house.ask("state_of", render)["state"] == state, PATIENCE)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Stage]:
    """One for all walks; each has a customer of its own."""
    with running_simulators(settings=BRISK) as simulators, open_inbox() as inbox:
        given = {**simulators.environment, "OPERATOR_EMAIL": OPS, "TRUSTED_WEBHOOK_ENDPOINTS": "127.0.0.1"}
        folder, application = tmp_path_factory.mktemp("walks"), "tests.browser.hurried.application"
        names = ("Kim", "Lena", "Mia", "Nora", "Pia")
        with open_house(folder, *names, application=application, is_public=True, **given) as house:
            for name in ("Kim", "Lena", "Mia", "Pia"):
                house.ask("enrich", house.slugs[name], CREDIT_MICROS)
            house.ask("hire", "Otto", "admin")
            house.ask("hire", "Mona", "money")
            yield Stage(house, simulators, inbox, chromium)


@pytest.fixture(autouse=True)
def as_new(stage: Stage) -> None:
    for control in stage.simulators.all:
        control.no_faults()
        control.speed(200)


def card(page: Page, title: str) -> Locator:
    return page.locator(".desk__card").filter(has_text=title)


def listed(page: Page, words: str) -> Locator:
    return page.locator("#result_list").get_by_role("link", name=words)


def look_for(page: Page, words: str) -> None:
    """The search that is on every page."""
    page.get_by_role("searchbox").first.fill(words)
    page.keyboard.press("Enter")


def tick_and(page: Page, action: str) -> None:
    """Tick every row of a list, choose an action, and run it."""
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(label=action)
    page.get_by_role("button", name="Run", exact=True).click()


def press(page: Page, act: str, **written: str) -> None:
    """Press a button of a page, write what its form asks for, and press it there."""
    page.get_by_role("link", name=act, exact=True).click()
    for label, text in written.items():
        page.get_by_label(label.capitalize()).fill(text)
    page.get_by_role("button", name=act, exact=True).click()


def told(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.get_by_text(words).first).to_be_visible()


def test_a_render_that_hangs(stage: Stage) -> None:
    house, operator = stage.house, stage.operator("Otto")
    page, slug = operator.page, house.slugs["Kim"]
    stage.simulators.fal.speed(0.001)
    render = house.ask("order", slug, HANGS, FAL)
    stage.comes_to(render, "rendering")
    house.ask("let_hang", render, hours=2)

    page.reload()
    in_flight = page.locator(".desk__figures div").filter(has_text="Rendering")
    expect(in_flight).to_contain_text("oldest 2 hours")
    in_flight.get_by_role("link").click()
    listed(page, HANGS).click()
    told(page, "for 2 hours")
    expect(page.get_by_role("heading", name="Attempts")).to_be_visible()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    press(page, "Ask the provider now")
    told(page, "fal says: queued.")

    page.get_by_role("link", name="Send to another offer").click()
    told(page, "The ceiling of $1.012 binds as before.")
    page.get_by_label("Runware").check()
    page.get_by_label("Reason").fill("fal has had it for two hours.")
    page.get_by_role("button", name="Send to another offer").click()
    told(page, "It waits for Runware now.")
    stage.comes_to(render, "ready")

    stuck = house.ask("order", slug, HANGS, FAL)
    stage.comes_to(stuck, "rendering")
    look_for(page, stuck)
    press(page, "Give up", reason="The provider is stuck.")
    told(page, re.compile(r"It was given up; \$1\.012 came back\."))
    assert house.ask("state_of", stuck)["state"] == "failed"
    assert house.ask("state_of", stuck)["told"].endswith("The provider is stuck.")
    assert house.ask("purse", slug)["held"] == 0
    operator.nothing_went_wrong()


def test_a_provider_out_of_credit(stage: Stage) -> None:
    house = stage.house
    stage.simulators.runware.fault("out_of_credit")
    render = house.ask("order", house.slugs["Pia"], WAITS, RUNWARE)
    mailed = house.link_mailed_to(OPS, "An offer is paused")
    operator = stage.operator("Otto")
    page = operator.page
    expect(card(page, "Paused offers")).to_contain_text("2")

    operator.go(mailed.removeprefix(house.address))
    told(page, "top up the account at the provider")
    told(page, "insufficientCredits")
    assert house.ask("state_of", render) == {"state": "queued", "offer": RUNWARE, "told": ""}

    stage.simulators.runware.no_faults()
    operator.go("/admin/")
    card(page, "Paused offers").click()
    tick_and(page, "Close the circuit now")
    told(page, "2 of 2 closed.")
    assert house.ask("open_alerts", "offer_paused") == []
    stage.comes_to(render, "ready")
    operator.go("/admin/")
    expect(card(page, "Paused offers")).to_have_count(0)
    operator.nothing_went_wrong()


def test_a_wrong_price(stage: Stage) -> None:
    house = stage.house
    house.ask("misprice", RUNWARE, 50_000, 60_000)
    render = house.ask("order", house.slugs["Mia"], DEAR, RUNWARE)
    stage.comes_to(render, "ready")
    wait_until(lambda: house.ask("open_alerts", "cost_drift") != [], PATIENCE)

    operator = stage.operator("Otto")
    page = operator.page
    card(page, "Open alerts").click()
    listed(page, "reported").click()
    told(page, re.compile(r"\$[\d.]+ reported, \$[\d.]+ expected \(\+74 %\)"))
    alert = page.url
    expect(page.get_by_role("link", name=DEAR)).to_be_visible()
    page.get_by_role("link", name=RUNWARE, exact=True).click()
    page.get_by_role("link", name="$0.0600/s").click()
    listed(page, RUNWARE).first.click()
    page.get_by_role("link", name="New price").click()
    page.get_by_label("Cost in dollars a second").fill("0.087")
    page.get_by_label("Price in dollars a second").fill("0.1")
    page.get_by_label("Source").fill("Runware's price list of today")
    page.get_by_role("button", name="Preview").click()
    told(page, "The last 30 days at this price")
    page.get_by_role("button", name="Set this price from now on").click()
    told(page, "From now on runware:klingai:avatar@2.0-pro sells for $0.1000 a second at a cost of $0.0870.")
    assert house.ask("price_of", RUNWARE) == [87_000, 100_000]

    page.goto(alert)
    page.get_by_role("button", name="Close the alert").click()
    told(page, "1 closed.")
    expect(page.get_by_role("button", name="Close the alert")).to_have_count(0)
    again = house.ask("order", house.slugs["Mia"], DEAR, RUNWARE)
    stage.comes_to(again, "ready")
    assert house.ask("open_alerts", "cost_drift") == []
    operator.nothing_went_wrong()


def test_a_customer_who_complains_twice_about_one_charge(stage: Stage) -> None:
    house, operator = stage.house, stage.operator("Mona")
    page, slug = operator.page, house.slugs["Lena"]
    (render,) = house.ask("ask_for", slug, BAD, until="ready")
    before = house.ask("purse", slug)["posted"]

    look_for(page, "lena@example.org")
    page.get_by_role("link", name=BAD, exact=True).click()
    expect(page.locator("video")).to_be_visible()
    press(page, "Give the charge back", reason="The lips were off.")
    told(page, re.compile(r"\$[\d.]+ was given back; its customer gets a mail\."))
    assert house.ask("purse", slug)["posted"] == before + render["charge_micros"]

    link = house.link_mailed_to("lena@example.org", "was given back")
    assert link == f"{house.address}/w/{slug}/statement/"
    lena = visitor(house, stage.browser)
    lena.come_back("Lena")
    lena.page.goto(link)
    told(lena.page, "Given back: The lips were off.")

    page.get_by_role("link", name="Lena's workspace").click()
    press(page, "Write a note", note="Complained about her talk; the charge went back.")
    told(page, "Complained about her talk; the charge went back.")

    operator.go("/admin/")
    look_for(page, "lena@example.org")
    told(page, "Complained about her talk; the charge went back.")
    page.get_by_role("link", name=BAD, exact=True).click()
    told(page, "Charge given back")
    page.get_by_role("link", name="Give the charge back", exact=True).click()
    told(page, "Nothing more can be given back: its charge was given back on")
    expect(page.get_by_role("button", name="Give the charge back", exact=True)).to_have_count(0)
    assert house.ask("purse", slug)["posted"] == before + render["charge_micros"]
    operator.nothing_went_wrong()
    lena.nothing_went_wrong()


def test_a_customers_webhook_that_fails(stage: Stage) -> None:
    house, inbox, slug = stage.house, stage.inbox, stage.house.slugs["Nora"]
    inbox.answers[:] = [500] * 50
    endpoint = house.ask("listen_at", slug, f"{inbox.url}/studio")
    house.ask("ask_for", slug, "Something made", until="ready")
    wait_until(lambda: house.ask("is_dark", endpoint), PATIENCE)

    operator = stage.operator("Otto")
    page = operator.page
    card(page, "Customers' webhooks that fail").click()
    listed(page, f"{inbox.url}/studio").click()
    told(page, re.compile(r"^500, "))
    expect(page.get_by_role("link", name="Nora's workspace")).to_be_visible()

    page.get_by_role("link", name=re.compile("of its deliveries")).click()
    page.locator("#action-toggle").check()
    inbox.answers.clear()
    tick_and(page, "Send again")
    # Its next try may have come first: the server is well now.
    told(page, re.compile("on their way once more|They were delivered meanwhile"))
    wait_until(lambda: {state for state, _ in house.ask("deliveries_of", endpoint)} == {"delivered"}, PATIENCE)
    operator.go("/admin/")
    expect(card(page, "Customers' webhooks that fail")).to_have_count(0)
    operator.nothing_went_wrong()


def test_the_queue_that_stands_still_at_night(stage: Stage) -> None:
    """The last, because it kills the worker."""
    house = stage.house
    worker = house.started[1]
    wait_until(lambda: house.ask("open_alerts", "queue_still") == [], PATIENCE)
    told_before = house.letters_to(OPS, "The queue stands still")  # of a start that took long, rightly
    cut_off(worker.pid)
    worker.wait()
    mailed = house.link_mailed_to(OPS, "The queue stands still", after=len(told_before))
    # One may fall silent some seconds before the other; the alert says at each look how it stands.
    wait_until(lambda: house.ask("alert_says", "queue_still").count(" is ") == 2, PATIENCE)
    operator = stage.operator("Otto")
    page = operator.page
    expect(card(page, "Silent clusters")).to_contain_text("2")
    expect(page.get_by_text("Nothing needs you.")).to_have_count(0)
    card(page, "Open alerts").click()
    listed(page, "The queue stands still since").click()
    assert page.url.startswith(mailed)
    told(page, "Look whether manage.py worker runs".replace("manage.py worker", "`manage.py worker`"))
    told(page, re.compile("main is (silent|not running)"))

    render = house.ask("order", house.slugs["Pia"], WAITS, "local:draft")
    house.started[1] = house.site.serve(str(ROOT / "manage.py"), "worker", log="worker2.log")
    wait_until(lambda: house.ask("open_alerts", "queue_still") == [], 60)
    stage.comes_to(render, "ready")
    page.reload()
    told(page, re.compile("^Closed$"))
    operator.nothing_went_wrong()
