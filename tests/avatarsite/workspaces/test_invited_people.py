"""The invited person's way, from the mail to the workspace."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.invitations.invitations import hash_of
from avatarsite.workspaces.models import Invitation, Member, User
from tests.avatarsite.workspaces.letters import letter_to, path_in
from tests.conftest import PASSWORD, Cast
from tests.support.mails import later, posted

pytestmark = pytest.mark.django_db

PAGE = "/invitation/"


def invite(cast: Cast, email: str, role: str = "member") -> str:
    """Alice invites; the path of the link that was mailed."""
    team = reverse("team", kwargs={"workspace": cast.workspace.slug})
    response = cast.browser(cast.alice).post(team, {"email": email, "role": role})
    assert response.status_code == 302, response.content.decode()
    return path_in(letter_to(email.lower()))


def role_of(cast: Cast, email: str) -> str | None:
    return Member.objects.filter(workspace=cast.workspace, user__email=email).values_list("role", flat=True).first()


def test_what_the_mail_says(cast: Cast) -> None:
    link = invite(cast, "Ada@example.org", "viewer")
    letter = letter_to("ada@example.org")
    assert letter.subject == "Alice Example invites you to Alice's workspace"
    assert "as a viewer" in str(letter.body)
    assert "Alice's workspace" in str(letter.body), "text is not escaped as if it were HTML"
    assert f'href="http://testserver{link}"' in str(letter.alternatives[0][0])
    assert Invitation.objects.get().token_hash == hash_of(link.split("/")[-2])


def test_who_has_no_account_signs_up_by_the_link_and_is_in(cast: Cast, client: Client) -> None:
    link = invite(cast, "ada@example.org")
    assert client.get(link)["Location"] == PAGE
    page = client.get(PAGE).content.decode()
    assert "Alice Example invites you to be a member of" in page
    assert "/account/signup/?email=ada%40example.org" in page
    form = client.get("/account/signup/?email=ada%40example.org").content.decode()
    assert 'value="ada@example.org"' in form
    assert "Create the account and join" in form

    posted().clear()
    fields = {"name": "Ada", "email": "ada@example.org", "password1": "engines of analysis"}
    response = client.post("/account/signup/", fields)
    assert response.status_code == 302
    assert client.get(response["Location"])["Location"] == f"/w/{cast.workspace.slug}/videos/"
    assert role_of(cast, "ada@example.org") == "member"
    assert EmailAddress.objects.get(email="ada@example.org").verified
    assert not posted(), "there is nothing left to confirm"
    assert User.objects.get(email="ada@example.org").workspaces.count() == 2, "and one of their own"


def test_signing_up_with_another_address_confirms_nothing_and_joins_nothing(cast: Cast, client: Client) -> None:
    client.get(invite(cast, "ada@example.org"))
    fields = {"email": "eve@example.org", "password1": "engines of analysis"}
    assert client.post("/account/signup/", fields)["Location"] == "/account/confirm-email/"
    assert not EmailAddress.objects.get(email="eve@example.org").verified
    assert not EmailAddress.objects.filter(email="ada@example.org").exists()
    assert role_of(cast, "eve@example.org") is None
    assert Invitation.objects.get().accepted_at is None


def test_a_revoked_link_does_not_confirm_an_address(cast: Cast, client: Client) -> None:
    client.get(invite(cast, "ada@example.org"))
    invitation = Invitation.objects.get()
    revoke = reverse("invitation_revoke", kwargs={"workspace": cast.workspace.slug, "row": invitation.pk})
    cast.browser(cast.alice).post(revoke)
    fields = {"email": "ada@example.org", "password1": "engines of analysis"}
    assert client.post("/account/signup/", fields)["Location"] == "/account/confirm-email/"
    assert not EmailAddress.objects.get(email="ada@example.org").verified
    assert role_of(cast, "ada@example.org") is None


def test_signing_up_for_a_taken_address_by_a_link_changes_nobody(cast: Cast, client: Client) -> None:
    client.get(invite(cast, "charlie@example.org"))
    fields = {"email": "charlie@example.org", "password1": "engines of analysis"}
    assert client.post("/account/signup/", fields)["Location"] == "/account/confirm-email/"
    assert role_of(cast, "charlie@example.org") is None
    assert cast.charlie.check_password(PASSWORD)


def test_who_has_an_account_signs_in_and_accepts(cast: Cast, client: Client) -> None:
    client.get(invite(cast, "charlie@example.org", "admin"))
    page = client.get(PAGE).content.decode()
    assert f"/account/login/?next={PAGE}" in page
    fields = {"login": "charlie@example.org", "password": PASSWORD}
    assert client.post("/account/login/", fields)["Location"] == PAGE
    assert role_of(cast, "charlie@example.org") is None, "nothing happens without a click"
    assert client.post(PAGE)["Location"] == f"/w/{cast.workspace.slug}/videos/"
    assert role_of(cast, "charlie@example.org") == "admin"
    assert client.get("/")["Location"] == f"/w/{cast.workspace.slug}/videos/"
    assert "invitation" not in client.session


def test_following_the_link_accepts_nothing(cast: Cast) -> None:
    """Mail scanners and previews follow links."""
    browser = cast.browser(cast.charlie)
    browser.get(invite(cast, "charlie@example.org"))
    browser.get(PAGE)
    assert role_of(cast, "charlie@example.org") is None


def test_the_session_keeps_no_token(cast: Cast, client: Client) -> None:
    link = invite(cast, "ada@example.org")
    client.get(link)
    token = link.split("/")[-2]
    assert token not in repr(dict(client.session))
    assert client.session["invitation"] == hash_of(token)


def test_with_another_address_one_is_told_and_may_change_over(cast: Cast) -> None:
    browser = cast.browser(cast.charlie)
    browser.get(invite(cast, "ada@example.org"))
    sentence = "This invitation is for ada@example.org, and you are signed in as charlie@example.org."
    assert sentence in browser.get(PAGE).content.decode()
    assert sentence in browser.post(PAGE).content.decode()
    assert role_of(cast, "charlie@example.org") is None

    assert browser.post("/invitation/sign-out/")["Location"] == PAGE
    assert "Create an account for ada@example.org to join." in browser.get(PAGE).content.decode()


def test_an_expired_link_says_so(cast: Cast) -> None:
    browser = cast.browser(cast.charlie)
    browser.get(invite(cast, "charlie@example.org"))
    Invitation.objects.update(expires_at="2020-01-01T00:00Z")
    for response in (browser.get(PAGE), browser.post(PAGE)):
        assert response.status_code == 410
        assert "has expired. Ask the person who invited you to send it again." in response.content.decode()
    assert role_of(cast, "charlie@example.org") is None


def test_a_revoked_link_says_so(cast: Cast) -> None:
    browser = cast.browser(cast.charlie)
    browser.get(invite(cast, "charlie@example.org"))
    Invitation.objects.update(revoked_at="2020-01-01T00:00Z")
    for response in (browser.get(PAGE), browser.post(PAGE)):
        assert response.status_code == 410
        assert "has been withdrawn" in response.content.decode()
    assert role_of(cast, "charlie@example.org") is None


@pytest.mark.parametrize("path", [PAGE, "/invitations/made-up/"])
def test_a_link_that_never_was_is_not_found(client: Client, cast: Cast, path: str) -> None:
    response = client.get(path, follow=True)
    assert response.status_code == 404
    assert "This invitation link does not work." in response.content.decode()


def test_a_link_used_again_leads_its_owner_home_and_nobody_else(cast: Cast) -> None:
    link = invite(cast, "charlie@example.org")
    browser = cast.browser(cast.charlie)
    browser.get(link)
    browser.post(PAGE)
    browser.get(link)
    assert browser.get(PAGE)["Location"] == f"/w/{cast.workspace.slug}/videos/"
    other = Client()
    other.get(link)
    answer = other.get(PAGE)
    assert answer.status_code == 410
    assert "has been used already" in answer.content.decode()


def test_leaving_and_using_the_old_link_again_does_not_bring_one_back(cast: Cast) -> None:
    link = invite(cast, "charlie@example.org")
    browser = cast.browser(cast.charlie)
    browser.get(link)
    browser.post(PAGE)
    browser.post(reverse("team_leave", kwargs={"workspace": cast.workspace.slug}))
    browser.get(link)
    assert browser.post(PAGE).status_code == 410
    assert role_of(cast, "charlie@example.org") is None


def test_sending_again_mails_a_new_link(cast: Cast) -> None:
    first = invite(cast, "charlie@example.org")
    Invitation.objects.update(sent_at="2020-01-01T00:00Z")
    row = Invitation.objects.get().pk
    again = reverse("invitation_resend", kwargs={"workspace": cast.workspace.slug, "row": row})
    response = cast.browser(cast.dora).post(again, follow=True)
    assert "An invitation is on its way to charlie@example.org." in response.content.decode()
    second = path_in(letter_to("charlie@example.org"))
    assert second != first
    browser = cast.browser(cast.charlie)
    assert browser.get(first, follow=True).status_code == 404
    browser.get(second)
    assert browser.post(PAGE).status_code == 302
    assert role_of(cast, "charlie@example.org") == "member"


def test_an_invitation_outlives_the_confirmation_of_an_older_account(cast: Cast, client: Client) -> None:
    """Somebody signed up long ago, never confirmed, and is now invited: they end in the workspace all the same."""
    fields = {"email": "ada@example.org", "password1": "engines of analysis"}
    Client().post("/account/signup/", fields)
    link = invite(cast, "ada@example.org")
    client.get(link)
    assert "Sign in as ada@example.org to join." in client.get(PAGE).content.decode()
    cache.clear()  # some minutes later
    signed_in = client.post(
        "/account/login/", {"login": "ada@example.org", "password": fields["password1"], "next": PAGE}
    )
    assert signed_in["Location"] == "/account/confirm-email/"
    assert client.post(path_in(letter_to("ada@example.org")))["Location"] == PAGE
    assert client.post(PAGE).status_code == 302
    assert role_of(cast, "ada@example.org") == "member"


@pytest.mark.parametrize(
    ("email", "role", "sentence"),
    [
        ("", "member", "Whom do you want to invite? Write their e-mail address."),
        ("not an address", "member", "This is not an e-mail address."),
        ("bob@example.org", "member", "bob@example.org is a member of Alice&#x27;s workspace already."),
        ("new@example.org", "owner", "Choose one of the roles that are offered."),
        ("new@example.org", "", "This field is required."),
    ],
)
def test_an_invitation_that_cannot_be_is_refused_beside_the_field(
    cast: Cast, email: str, role: str, sentence: str
) -> None:
    team = reverse("team", kwargs={"workspace": cast.workspace.slug})
    response = cast.browser(cast.alice).post(team, {"email": email, "role": role})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Invitation.objects.exists()
    assert not posted()


def test_inviting_twice_is_refused_beside_the_field(cast: Cast) -> None:
    invite(cast, "ada@example.org")
    team = reverse("team", kwargs={"workspace": cast.workspace.slug})
    response = cast.browser(cast.alice).post(team, {"email": "Ada@Example.org", "role": "admin"})
    assert response.status_code == 422
    assert "ada@example.org has been invited already." in response.content.decode()
    assert len(posted()) == 1


def test_a_mail_server_that_is_down_keeps_no_invitation_back(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise TimeoutError("no answer")

    team = reverse("team", kwargs={"workspace": cast.workspace.slug})
    browser = cast.browser(cast.alice)
    with monkeypatch.context() as down:
        down.setattr("django.core.mail.backends.locmem.EmailBackend.open", refuse, raising=False)
        response = browser.post(team, {"email": "ada@example.org", "role": "member"}, follow=True)
        assert posted() == []
    assert "An invitation is on its way to ada@example.org." in response.content.decode()
    later(minutes=2)
    assert Invitation.objects.get().token_hash == hash_of(path_in(letter_to("ada@example.org")).split("/")[-2])


def test_only_who_manages_members_sees_who_is_invited(cast: Cast) -> None:
    invite(cast, "ada@example.org")
    team = reverse("team", kwargs={"workspace": cast.workspace.slug})
    seen = {
        name: "ada@example.org" in cast.browser(getattr(cast, name)).get(team).content.decode()
        for name in ("alice", "dora", "emil", "bob")
    }
    assert seen == {"alice": True, "dora": True, "emil": False, "bob": False}


def test_a_workspace_name_cannot_break_a_subject(cast: Cast) -> None:
    settings_page = reverse("workspace_settings", kwargs={"workspace": cast.workspace.slug})
    cast.browser(cast.alice).post(settings_page, {"name": "Yard\nBcc: all@example.org"})
    invite(cast, "ada@example.org")
    letter = letter_to("ada@example.org")
    assert letter.subject == "Alice Example invites you to Yard Bcc: all@example.org"
    assert letter.message()["Bcc"] is None
