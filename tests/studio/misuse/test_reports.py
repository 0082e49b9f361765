"""A report of misuse the whole way: from anybody's browser to the operator's mailbox, desk and levers, and back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from avatarsite.audit.models import AuditEntry
from avatarsite.mail.models import MailMessage
from avatarsite.models import Alert
from avatarsite.staff.roles import ADMIN, MONEY, SUPPORT
from avatarsite.workspaces.models import User
from studio.misuse.models import Complaint, MisuseReport, ReportState
from studio.models import Render, ShareLink
from studio.sharing.links import Terms, address_of, make_link
from tests.conftest import Cast
from tests.studio.shop import open_shop, ready

pytestmark = pytest.mark.django_db
SITE = "http://testserver"


@pytest.fixture(autouse=True)
def told_the_operator(settings: Any) -> Iterator[None]:
    settings.OPERATOR_EMAIL = ["desk@example.org"]
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def video(cast: Cast) -> Render:
    return ready(open_shop(cast.workspace))


@pytest.fixture
def link(video: Render, cast: Cast) -> ShareLink:
    return make_link(video, Terms(embed_origins=("*",)), user=cast.alice)


def said(address: str, **also: str) -> dict[str, str]:
    return {"address": address, "complaint": Complaint.MY_FACE, "words": "This is me.", **also}


def send(address: str, *, browser: Client | None = None, **also: str) -> Any:
    return (browser or Client()).post("/report/", said(address, **also))


def staff(role: str) -> Client:
    person = User.objects.create_user(f"{role}@example.org", "correct horse battery", is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    browser = Client()
    browser.force_login(person)
    return browser


def press(browser: Client, report: MisuseReport, act: str, why: str = "") -> int:
    address = reverse(f"admin:misuse_misusereport_{act}", args=[report.pk])
    return browser.post(address, {"token": str(uuid.uuid4()), "reason": why}).status_code


def test_anybody_reports_a_shared_video_and_the_operator_is_told(link: ShareLink, video: Render) -> None:
    page = Client().get(address_of(link, site="")).content.decode()
    assert "/report/?about=" in page
    sent = send(address_of(link, site=SITE), email="me@example.net")
    assert (sent.status_code, sent["Location"]) == (302, "/report/sent/")
    report = MisuseReport.objects.get()
    assert (report.link, report.render, report.workspace, report.state) == (link, video, video.workspace, "new")
    assert (report.words, report.email, report.sent_from) == ("This is me.", "me@example.net", "127.0.0.1")
    alert = Alert.objects.get(kind="misuse_report")
    assert (alert.key, alert.detail["report"]) == (video.pk, report.pk)
    mails = {mail.to: mail for mail in MailMessage.objects.all()}
    assert set(mails) == {"desk@example.org", "me@example.net"}
    assert (report.pk in mails["me@example.net"].text, "This is me." in mails["me@example.net"].text) == (True, False)


@pytest.mark.parametrize("name", ["shared", "embedded"])
def test_a_link_that_leads_nowhere_any_more_is_still_known(link: ShareLink, name: str) -> None:
    ShareLink.objects.update(revoked_at=link.created_at)
    assert send(address_of(link, name, site=SITE)).status_code == 302
    assert MisuseReport.objects.get().link == link


def test_any_link_of_ours_is_taken_and_nothing_tells_whether_there_is_a_video(video: Render) -> None:
    known, unknown = f"{SITE}/w/any/videos/{video.pk}/", f"{SITE}/w/any/videos/rnd_{'0' * 26}/"
    answers = [send(known), send(unknown), send("testserver/s/made-up/")]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, "/report/sent/")}
    assert [report.render for report in MisuseReport.objects.order_by("pk")] == [video, None, None]


@pytest.mark.parametrize(
    "address", ["https://elsewhere.example/s/x/", "javascript:alert(1)", "my neighbour", "http://[::1"]
)
def test_what_is_no_link_of_ours_is_refused_with_a_remedy(address: str) -> None:
    answer = send(address)
    assert (answer.status_code, "address bar" in answer.content.decode()) == (422, True)
    assert MisuseReport.objects.count() == 0


def test_programs_and_floods_reach_nobody(link: ShareLink) -> None:
    address = address_of(link, site=SITE)
    assert send(address, website="https://spam.example").status_code == 302
    assert (MisuseReport.objects.count(), Alert.objects.count()) == (0, 0)
    codes = [send(address, email="victim@example.net").status_code for _ in range(7)]
    assert codes == [302] * 5 + [429] * 2
    assert MisuseReport.objects.count() == 5
    assert MailMessage.objects.filter(to="victim@example.net").count() == 3
    assert (Alert.objects.get().count, MailMessage.objects.filter(to="desk@example.org").count()) == (5, 1)


def test_support_takes_links_down_at_once_and_may_do_no_more(link: ShareLink, video: Render) -> None:
    address = address_of(link, site=SITE)
    send(address)
    report, browser = MisuseReport.objects.get(), staff(SUPPORT)
    assert press(browser, report, "links", "Her face.") == 302
    assert Client().get(address).status_code == 404
    report.refresh_from_db()
    assert report.state == ReportState.SEEN
    assert [press(browser, report, act, "x") for act in ("withhold", "give_out")] == [403, 403]
    assert press(browser, report, "acted", "Links are down.") == 302
    entries = AuditEntry.objects.filter(target=report.pk).exclude(event__startswith="admin")
    assert {"misuse.seen", "misuse.action", "misuse.acted"} <= set(entries.values_list("event", flat=True))
    assert not entries.filter(shown=True).exists()


def test_an_admin_withholds_gives_out_again_and_decides_and_the_reporter_hears(link: ShareLink, video: Render) -> None:
    address = address_of(link, site=SITE)
    send(address, email="me@example.net")
    report, browser = MisuseReport.objects.get(), staff(ADMIN)
    page = browser.get(reverse("admin:misuse_misusereport_change", args=[report.pk])).content.decode()
    assert ("Suspend the workspace" in page, "<video" in page) == (True, True)
    assert press(browser, report, "withhold", "She did not agree.") == 302
    video.refresh_from_db()
    assert (video.withheld_for, video.withheld_why, Client().get(address).status_code) == (
        "operator",
        "She did not agree.",
        404,
    )
    assert press(browser, report, "give_out", "A mistake.") == 302
    assert Client().get(address).status_code == 200
    assert press(browser, report, "dismiss", "It is an actor.") == 302
    report.refresh_from_db()
    assert (report.state, report.outcome, report.is_open) == ("dismissed", "It is an actor.", False)
    assert Alert.objects.get(kind="misuse_report").closed_at is not None
    told = MailMessage.objects.get(kind="misuse_decided")
    assert (told.to, "nothing against the rules" in told.text, "actor" in told.text) == ("me@example.net", True, False)
    assert press(browser, report, "acted", "Again.") == 302
    report.refresh_from_db()
    assert report.state == "dismissed"


def test_the_desk_shows_what_waits_and_money_has_no_lever(link: ShareLink) -> None:
    send(address_of(link, site=SITE))
    report = MisuseReport.objects.get()
    front = staff(ADMIN).get("/admin/").content.decode()
    assert "Reports of misuse" in front
    money = staff(MONEY)
    assert money.get(reverse("admin:misuse_misusereport_changelist")).status_code == 200
    assert [press(money, report, act, "x") for act in ("seen", "links", "acted", "dismiss")] == [403] * 4


def test_what_it_was_about_may_be_deleted_and_the_report_stays(link: ShareLink, video: Render) -> None:
    send(address_of(link, site=SITE))
    ShareLink.objects.all().delete()
    video.delete()
    report = MisuseReport.objects.get()
    assert (report.link, report.render, report.workspace is None) == (None, None, False)
    assert staff(ADMIN).get(reverse("admin:misuse_misusereport_change", args=[report.pk])).status_code == 200
