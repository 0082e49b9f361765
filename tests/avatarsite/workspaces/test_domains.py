"""Mail domains: proved by a record that a name server on loopback gives out, and joined by signing in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.test import Client
from django.urls import reverse

from avatarsite.audit.models import AuditEntry
from avatarsite.workspaces.domains.domains import MAX_DOMAINS, add_domain, prove, remove_domain
from avatarsite.workspaces.domains.names import PUBLIC, domain_name, domain_of
from avatarsite.workspaces.errors import DomainRefused, NotAllowed, TooSoon
from avatarsite.workspaces.members import leave_workspace, remove_member
from avatarsite.workspaces.models import MailDomain, Member, Role, User, Workspace
from tests.conftest import PASSWORD, Cast
from tests.support.name_server import NameServer, name_server

pytestmark = pytest.mark.django_db

PLACE = "_avatar-studio.acme.example"


@pytest.fixture
def dns(settings: Any) -> Iterator[NameServer]:
    with name_server() as there:
        settings.DNS_SERVERS = [there.address]
        yield there


def proved(cast: Cast, dns: NameServer, role: Role = Role.MEMBER, by: User | None = None) -> MailDomain:
    owner = cast.member(cast.alice) if by is None else Member.objects.get(user=by, role=Role.OWNER)
    domain = add_domain(owner, "acme.example", role)
    dns.texts[PLACE] = ["v=of something else", domain.proof]
    prove(owner, domain)
    domain.refresh_from_db()
    return domain


def somebody(email: str, *, confirmed: bool = True) -> User:
    user = User.objects.create_user(email, PASSWORD, name="Wile E.")
    if not confirmed:
        EmailAddress.objects.filter(user=user).update(verified=False)
    return user


def sign_in(user: User) -> tuple[Client, str]:
    """The browser, and what its next page says."""
    browser = Client()
    told = browser.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, follow=True)
    return browser, told.content.decode()


def place_of(user: User, workspace: Workspace) -> str | None:
    return Member.objects.filter(user=user, workspace=workspace).values_list("role", flat=True).first()


def look_again(domain: MailDomain) -> None:
    MailDomain.objects.filter(pk=domain.pk).update(checked_at=None)


def test_who_signs_in_with_an_address_of_a_proved_domain_joins(cast: Cast, dns: NameServer) -> None:
    proved(cast, dns, Role.VIEWER)
    wile = somebody("wile@acme.example")
    page = sign_in(wile)[1]
    assert place_of(wile, cast.workspace) == "viewer"
    assert "takes in everybody of acme.example: you are a viewer there now." in page
    line = "wile@acme.example has joined as a viewer, by the mail domain acme.example"
    assert AuditEntry.objects.get(target=wile.email, event="member.access").what == line
    sign_in(wile)
    assert Member.objects.filter(user=wile, workspace=cast.workspace).count() == 1


def test_who_signs_up_joins_once_the_address_is_confirmed(cast: Cast, dns: NameServer) -> None:
    proved(cast, dns)
    browser = Client()
    form = {"email": "road@acme.example", "name": "Road", "password1": PASSWORD}
    browser.post(reverse("account_signup"), form)
    road = User.objects.get(email="road@acme.example")
    assert place_of(road, cast.workspace) is None

    key = EmailConfirmationHMAC(EmailAddress.objects.get(user=road)).key
    browser.post(reverse("account_confirm_email", args=[key]))
    assert place_of(road, cast.workspace) == "member"


@pytest.mark.parametrize(
    "email", ["wile@sub.acme.example", "wile@acme.example.org", "wile@notacme.example", "acme.example@example.org"]
)
def test_no_other_domain_opens_the_door(cast: Cast, dns: NameServer, email: str) -> None:
    proved(cast, dns)
    wile = somebody(email)
    sign_in(wile)
    assert place_of(wile, cast.workspace) is None


def test_an_address_that_is_not_confirmed_opens_nothing(cast: Cast, dns: NameServer) -> None:
    proved(cast, dns)
    wile = somebody("wile@acme.example", confirmed=False)
    sign_in(wile)
    assert place_of(wile, cast.workspace) is None


def test_a_domain_that_is_not_proved_opens_nothing(cast: Cast, dns: NameServer) -> None:
    domain = add_domain(cast.member(cast.alice), "@ACME.example.", Role.MEMBER)
    assert domain.name == "acme.example"
    wile = somebody("wile@acme.example")
    for texts in ({}, {PLACE: []}, {PLACE: ["avatar-studio=of-somebody-else"]}, {"acme.example": [domain.proof]}):
        dns.texts = texts
        look_again(domain)
        with pytest.raises(DomainRefused, match="has no such record yet"):
            prove(cast.member(cast.alice), domain)
    sign_in(wile)
    assert (place_of(wile, cast.workspace), set(dns.asked)) == (None, {PLACE})


def test_a_name_server_that_tells_nothing_proves_nothing(cast: Cast, dns: NameServer) -> None:
    dns.refuses = True
    domain = add_domain(cast.member(cast.alice), "acme.example", Role.MEMBER)
    with pytest.raises(DomainRefused, match="give no answer"):
        prove(cast.member(cast.alice), domain)
    with pytest.raises(TooSoon):
        prove(cast.member(cast.alice), domain)


@pytest.mark.parametrize("how", ["left", "removed"])
def test_who_has_left_or_was_removed_is_not_let_in_again(cast: Cast, dns: NameServer, how: str) -> None:
    proved(cast, dns)
    wile = somebody("wile@acme.example")
    sign_in(wile)
    member = cast.member(wile)
    leave_workspace(member) if how == "left" else remove_member(cast.member(cast.alice), member)
    sign_in(wile)
    assert place_of(wile, cast.workspace) is None


def test_a_member_keeps_the_role_they_have(cast: Cast, dns: NameServer) -> None:
    wile = somebody("wile@acme.example")
    Member.objects.create(workspace=cast.workspace, user=wile, role=Role.ADMIN)
    proved(cast, dns, Role.VIEWER)
    sign_in(wile)
    assert place_of(wile, cast.workspace) == "admin"


def test_a_suspended_workspace_takes_nobody_in(cast: Cast, dns: NameServer) -> None:
    proved(cast, dns)
    Workspace.objects.filter(pk=cast.workspace.pk).update(suspended_at="2026-01-01T00:00Z", suspended_reason="Why.")
    wile = somebody("wile@acme.example")
    sign_in(wile)
    assert place_of(wile, cast.workspace) is None


def test_a_domain_is_taken_over_by_whoever_has_it_now(cast: Cast, dns: NameServer) -> None:
    """While the record of the one before is there, both could have it: then nobody takes it."""
    before = proved(cast, dns)
    charlie = Member.objects.get(user=cast.charlie)
    domain = add_domain(charlie, "acme.example", Role.MEMBER)
    dns.texts[PLACE] = [before.proof, domain.proof]
    with pytest.raises(DomainRefused, match="its record is still there"):
        prove(charlie, domain)
    dns.texts[PLACE] = [domain.proof]
    look_again(domain)
    prove(charlie, domain)
    assert list(MailDomain.objects.exclude(proved_at=None)) == [domain]
    lost = AuditEntry.objects.get(event="domain.lost")
    assert (lost.workspace_id, lost.shown) == (cast.workspace.pk, True)
    wile = somebody("wile@acme.example")
    sign_in(wile)
    assert [place_of(wile, each) for each in (cast.workspace, charlie.workspace)] == [None, "member"]


def test_a_domain_that_was_removed_opens_nothing(cast: Cast, dns: NameServer) -> None:
    remove_domain(cast.member(cast.alice), proved(cast, dns))
    wile = somebody("wile@acme.example")
    sign_in(wile)
    assert place_of(wile, cast.workspace) is None


@pytest.mark.parametrize("text", ["gmail.com", "@GMail.com", "outlook.com."])
def test_a_domain_of_everybody_is_refused(cast: Cast, text: str) -> None:
    with pytest.raises(DomainRefused, match="Anybody can have an address"):
        add_domain(cast.member(cast.alice), text, Role.MEMBER)
    assert all(domain_of(f"a@{name}") == name for name in PUBLIC)


@pytest.mark.parametrize(
    "text", ["", "acme", "acme..example", "-acme.example", "a b.example", "x@", "a" * 300 + ".org"]
)
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(DomainRefused, match="not a mail domain"):
        domain_name(text)


def test_a_domain_in_other_letters_is_the_one_that_dns_has() -> None:
    assert domain_name("Bücher.example") == domain_of("ada@bücher.example") == "xn--bcher-kva.example"


def test_there_are_so_many_and_no_more_and_each_once(cast: Cast) -> None:
    alice = cast.member(cast.alice)
    for number in range(MAX_DOMAINS):
        add_domain(alice, f"acme{number}.example", Role.MEMBER)
    with pytest.raises(DomainRefused, match="at most 10"):
        add_domain(alice, "acme.example", Role.MEMBER)
    with pytest.raises(DomainRefused, match="in the list already"):
        add_domain(alice, "acme1.example", Role.MEMBER)
    with pytest.raises(NotAllowed):
        add_domain(cast.member(cast.dora), "acme.example", Role.MEMBER)


def test_an_owner_walks_through_the_page(cast: Cast, dns: NameServer) -> None:
    browser, here = cast.browser(cast.alice), reverse("domains", kwargs={"workspace": cast.workspace.slug})
    refused = browser.post(here, {"name": "gmail.com", "role": "member"})
    assert refused.status_code == 422
    assert "Anybody can have an address of gmail.com." in refused.content.decode()
    assert browser.post(here, {"name": "acme.example", "role": "owner"}).status_code == 422
    browser.post(here, {"name": "acme.example", "role": "member"})
    domain = MailDomain.objects.get()
    page = browser.get(here).content.decode()
    assert ("What stands behind the @" in page, "They become" in page, "Mail domain\n" in page) == (True, True, True)
    assert f"<code>{PLACE}</code>" in page
    assert f"<code>{domain.proof}</code>" in page

    def press(act: str, **fields: str) -> str:
        where = reverse(f"domain_{act}", kwargs={"workspace": cast.workspace.slug, "row": domain.pk})
        return str(browser.post(where, fields, follow=True).content.decode())

    dns.texts[PLACE] = [domain.proof]
    assert "acme.example is yours." in press("prove")
    assert "Choose one of the roles" in press("role", role="admin")
    assert "New people of acme.example are a developer from now on." in press("role", role="developer")
    domain.refresh_from_db()
    assert domain.role == "developer"
    assert "acme.example lets nobody in any more." in press("remove")
    assert not MailDomain.objects.exists()


def test_staff_remove_a_domain_and_its_owners_read_that(cast: Cast, dns: NameServer) -> None:
    domain, other = proved(cast, dns), add_domain(cast.member(cast.alice), "other.example", Role.MEMBER)
    staff = cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))
    pages = [reverse(f"admin:workspaces_maildomain_{act}", args=[domain.pk]) for act in ("change", "delete")]
    assert [domain.name in staff.get(page).content.decode() for page in pages] == [True, True]
    staff.post(pages[1], {"post": "yes"})
    assert list(MailDomain.objects.all()) == [other]
    chosen = {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"}
    staff.post(reverse("admin:workspaces_maildomain_changelist"), chosen)
    assert not MailDomain.objects.exists()
    told = AuditEntry.objects.filter(event="domain.removed", workspace_id=cast.workspace.pk).order_by("pk")
    assert [entry.what for entry in told] == [f"The mail domain {one.name} was removed" for one in (domain, other)]
    assert place_of(somebody("wile@acme.example"), cast.workspace) is None
