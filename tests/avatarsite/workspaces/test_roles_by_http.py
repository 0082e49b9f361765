"""Every role at every button of a workspace's people pages, through the door and not around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.access import Action, may
from avatarsite.workspaces.domains.domains import add_domain
from avatarsite.workspaces.invitations.invitations import invite
from avatarsite.workspaces.models import ApiToken, Invitation, MailDomain, Member, Role, Scope, User
from avatarsite.workspaces.tokens import make_token
from avatarsite.workspaces.urls import urlpatterns
from tests.conftest import Cast, person
from tests.support.name_server import NameServer, name_server

pytestmark = pytest.mark.django_db

ROLES = {"alice": Role.OWNER, "dora": Role.ADMIN, "emil": Role.MEMBER, "bob": Role.VIEWER}
ROLES |= {"fay": Role.DEVELOPER, "gus": Role.BILLING}


@dataclass(frozen=True)
class Button:
    name: str
    takes: Action
    post: dict[str, str] | None = None
    row: Callable[[Cast], int | str] | None = None
    called: str = "row"  # in the address
    ends: int = 302  # a secret is shown once, and so not after a redirect

    def press(self, browser: Client, cast: Cast, *, get: bool = False) -> HttpResponse:
        kwargs: dict[str, str | int] = {"workspace": cast.workspace.slug}
        if self.row:
            kwargs[self.called] = self.row(cast)
        path = reverse(self.name, kwargs=kwargs)
        return browser.get(path) if get or self.post is None else browser.post(path, self.post)


def bob(cast: Cast) -> int:
    return cast.member(cast.bob).pk


def invitation(cast: Cast) -> int:
    return Invitation.objects.get(workspace=cast.workspace).pk


def domain(cast: Cast) -> int:
    return MailDomain.objects.get(workspace=cast.workspace).pk


def token(cast: Cast) -> str:
    return ApiToken.objects.get(workspace=cast.workspace, name="CI").pk


BUTTONS = [
    Button("developers", Action.VIEW),
    Button("developers", Action.DEVELOP, {"name": "Shop", "kind": "live", "scopes": "read"}, ends=200),
    Button("token_rotate", Action.DEVELOP, {"overlap": "24"}, token, "token", 200),
    Button("token_rights", Action.DEVELOP, {}, token, "token"),
    Button("token_take_over", Action.DEVELOP, {}, token, "token"),
    Button("token_ask", Action.DEVELOP, {"ask_above": "2"}, token, "token"),
    Button("token_revoke", Action.DEVELOP, {}, token, "token"),
    Button("workspace_switch", Action.BELONG),
    Button("team", Action.BELONG),
    Button("team", Action.MANAGE_MEMBERS, {"email": "new@example.org", "role": "member"}),
    Button("workspace_settings", Action.BELONG),
    Button("workspace_settings", Action.MANAGE_WORKSPACE, {"name": "Renamed"}),
    Button("member_role", Action.MANAGE_MEMBERS, {"role": "member"}, bob),
    Button("member_remove", Action.MANAGE_MEMBERS, {}, bob),
    Button("member_hand_over", Action.MANAGE_OWNERS, {}, bob),
    Button("invitation_resend", Action.MANAGE_MEMBERS, {}, invitation),
    Button("invitation_revoke", Action.MANAGE_MEMBERS, {}, invitation),
    Button("audit", Action.MANAGE_MEMBERS),
    Button("audit_file", Action.MANAGE_MEMBERS),
    Button("domains", Action.MANAGE_OWNERS),
    Button("domains", Action.MANAGE_OWNERS, {"name": "other.example", "role": "member"}),
    Button("domain_prove", Action.MANAGE_OWNERS, {}, domain),
    Button("domain_role", Action.MANAGE_OWNERS, {"role": "viewer"}, domain),
    Button("domain_remove", Action.MANAGE_OWNERS, {}, domain),
    Button("team_leave", Action.BELONG, {}),
]

ASKED_FIRST = ("token_revoke", "invitation_revoke", "domain_remove")


def label(button: Button) -> str:
    return f"{'get' if button.post is None else 'post'}-{button.name}"


@pytest.fixture(scope="module")
def named() -> Iterator[NameServer]:
    with name_server() as there:
        yield there


@pytest.fixture
def dns(named: NameServer, settings: Any) -> NameServer:
    settings.DNS_SERVERS = [named.address]
    return named


@pytest.fixture
def scene(cast: Cast, dns: NameServer) -> Cast:
    for name in ("fay", "gus"):
        Member.objects.create(workspace=cast.workspace, user=person(name), role=ROLES[name])
    invite(cast.member(cast.alice), "invited@example.org", Role.VIEWER)
    Invitation.objects.update(sent_at="2020-01-01T00:00Z")
    proof = add_domain(cast.member(cast.alice), "acme.example", Role.MEMBER).proof
    dns.texts = {"_avatar-studio.acme.example": [proof]}
    make_token(cast.workspace, user=cast.dora, name="CI", scopes=[Scope.READ], rights=False)
    return cast


def state(cast: Cast) -> tuple[object, ...]:
    """Everything that these buttons can change."""
    cast.workspace.refresh_from_db()
    members = Member.objects.filter(workspace=cast.workspace).order_by("pk").values_list("user", "role")
    invitations = Invitation.objects.order_by("pk").values_list("email", "sends", "revoked_at")
    tokens = ApiToken.objects.order_by("pk").values_list(
        "pk", "made_by", "revoked_at", "expires_at", "replaced_by", "ask_above_micros", "rights"
    )
    domains = MailDomain.objects.order_by("pk").values_list("name", "role", "checked_at", "proved_at")
    return cast.workspace.name, *(tuple(rows) for rows in (members, invitations, tokens, domains))


def test_the_list_below_has_every_url() -> None:
    assert {button.name for button in BUTTONS} == {pattern.name for pattern in urlpatterns}


@pytest.mark.parametrize("who", ROLES)
@pytest.mark.parametrize("button", BUTTONS, ids=label)
def test_a_role_reaches_as_far_as_access_says(scene: Cast, button: Button, who: str) -> None:
    before = state(scene)
    response = button.press(scene.browser(User.objects.get(email=f"{who}@example.org")), scene)
    if may(Member(role=ROLES[who]), button.takes):
        assert response.status_code in {200, 302}
    else:
        assert response.status_code == 403
        assert "Ask an owner" in response.content.decode()
        assert state(scene) == before


@pytest.mark.parametrize("button", [b for b in BUTTONS if b.post is not None and b.name != "team_leave"], ids=label)
def test_an_owner_changes_something_with_each_button(scene: Cast, button: Button) -> None:
    before = state(scene)
    response = button.press(scene.browser(scene.alice), scene)
    assert response.status_code == button.ends
    assert state(scene) != before


@pytest.mark.parametrize("button", [b for b in BUTTONS if b.name in ASKED_FIRST], ids=label)
def test_a_question_ends_nothing(scene: Cast, button: Button) -> None:
    before = state(scene)
    assert "Keep it" in button.press(scene.browser(scene.alice), scene, get=True).content.decode()
    assert state(scene) == before


@pytest.mark.parametrize("get", [True, False], ids=["get", "as-meant"])
@pytest.mark.parametrize("button", BUTTONS, ids=label)
def test_to_a_stranger_none_of_it_exists(scene: Cast, button: Button, get: bool) -> None:
    before = state(scene)
    response = button.press(scene.browser(scene.charlie), scene, get=get)
    assert response.status_code == 404
    assert scene.workspace.name not in response.content.decode()
    assert state(scene) == before


@pytest.mark.parametrize("button", BUTTONS, ids=label)
def test_a_workspace_that_is_there_looks_like_one_that_is_not(scene: Cast, button: Button) -> None:
    """To a stranger and to nobody at all, the answers for a real and for a made-up workspace are the same."""
    for browser in (scene.browser(scene.charlie), scene.browser()):
        real = button.press(browser, scene)
        slug = scene.workspace.slug
        scene.workspace.slug = "made-up-by-me"
        made_up = button.press(browser, scene)
        scene.workspace.slug = slug
        assert (made_up.status_code, made_up.content) == (real.status_code, real.content)
        assert made_up.get("Location", "").replace("made-up-by-me", slug) == real.get("Location", "")


@pytest.mark.parametrize("button", BUTTONS, ids=label)
def test_who_has_not_signed_in_is_asked_to(scene: Cast, button: Button) -> None:
    before = state(scene)
    response = button.press(scene.browser(), scene)
    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/?next=/")
    assert state(scene) == before


@pytest.mark.parametrize("button", [b for b in BUTTONS if b.post is not None], ids=label)
def test_every_button_asks_for_the_csrf_token(scene: Cast, button: Button) -> None:
    before = state(scene)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(scene.alice, backend="avatarsite.workspaces.signing_in.known.SignedIn")
    response = button.press(browser, scene)
    assert response.status_code == 403
    assert "That form was too old" in response.content.decode()
    assert state(scene) == before


@pytest.mark.parametrize("name", ["member_role", "member_remove", "member_hand_over"])
def test_a_member_of_another_workspace_is_not_found(scene: Cast, name: str) -> None:
    stranger = Member.objects.get(user=scene.charlie)
    path = reverse(name, kwargs={"workspace": scene.workspace.slug, "row": stranger.pk})
    assert scene.browser(scene.alice).post(path, {"role": "viewer"}).status_code == 404
    stranger.refresh_from_db()
    assert stranger.role == Role.OWNER


@pytest.mark.parametrize("name", ["invitation_resend", "invitation_revoke"])
def test_an_invitation_of_another_workspace_is_not_found(scene: Cast, name: str) -> None:
    theirs = invite(Member.objects.get(user=scene.charlie), "x@example.org", Role.VIEWER).invitation
    path = reverse(name, kwargs={"workspace": scene.workspace.slug, "row": theirs.pk})
    assert scene.browser(scene.alice).post(path).status_code == 404
    theirs.refresh_from_db()
    assert (theirs.sends, theirs.revoked_at) == (1, None)


@pytest.mark.parametrize(
    ("who", "target", "role"), [("dora", "bob", "owner"), ("dora", "alice", "viewer"), ("dora", "dora", "owner")]
)
def test_an_admin_neither_makes_nor_unmakes_owners(scene: Cast, who: str, target: str, role: str) -> None:
    before = state(scene)
    row = scene.member(getattr(scene, target)).pk
    path = reverse("member_role", kwargs={"workspace": scene.workspace.slug, "row": row})
    response = scene.browser(getattr(scene, who)).post(path, {"role": role})
    assert response.status_code == 403
    assert state(scene) == before


@pytest.mark.parametrize(
    ("name", "fields"), [("member_role", {"role": "viewer"}), ("team_leave", {})], ids=["demotion", "leaving"]
)
def test_the_last_owner_is_told_why_not(scene: Cast, name: str, fields: dict[str, str]) -> None:
    before = state(scene)
    kwargs: dict[str, str | int] = {"workspace": scene.workspace.slug}
    if name == "member_role":
        kwargs["row"] = scene.member(scene.alice).pk
    response = scene.browser(scene.alice).post(reverse(name, kwargs=kwargs), fields, follow=True)
    assert "Alice Example is the only owner of Alice&#x27;s workspace." in response.content.decode()
    assert state(scene) == before


@pytest.mark.parametrize("role", ["", "emperor", "OWNER"])
def test_a_role_that_does_not_exist_is_refused_with_a_sentence(scene: Cast, role: str) -> None:
    before = state(scene)
    path = reverse("member_role", kwargs={"workspace": scene.workspace.slug, "row": bob(scene)})
    response = scene.browser(scene.alice).post(path, {"role": role}, follow=True)
    assert "Choose" in response.content.decode()
    assert state(scene) == before
