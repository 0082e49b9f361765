"""From an address to an account: sign-up, confirmation, sign-in, forgotten and changed passwords, another address."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.forms import SignUpForm
from avatarsite.workspaces.models import User
from tests.avatarsite.workspaces.letters import letter_to, path_in
from tests.conftest import PASSWORD, Cast, person
from tests.support.mails import later, posted

pytestmark = pytest.mark.django_db

ADA = {"name": "Ada Lovelace", "email": "Ada@Example.org", "password1": "engines of analysis"}
SENT = "/account/confirm-email/"


def sign_up(client: Client, **fields: str) -> str:
    response = client.post(reverse("account_signup"), ADA | fields)
    assert response.status_code == 302, response.content.decode()
    return response["Location"]


def confirm_it_is_me(browser: Client) -> None:
    assert browser.post(reverse("account_reauthenticate"), {"password": PASSWORD}).status_code == 302


def test_signing_up_leads_by_mail_to_a_workspace_of_ones_own(client: Client) -> None:
    assert sign_up(client) == SENT
    ada = User.objects.get()
    assert (ada.email, ada.name) == ("ada@example.org", "Ada Lovelace")
    assert client.get("/").status_code == 200, "not signed in before the address is confirmed"

    letter = letter_to("ada@example.org")
    assert letter.subject == "Confirm your e-mail address"
    page = client.get(path_in(letter))
    assert "ada@example.org" in page.content.decode()
    assert not EmailAddress.objects.get().verified, "a mail scanner that follows links confirms nothing"

    response = client.post(path_in(letter))
    assert response["Location"] == "/"
    workspace = ada.workspaces.get()
    assert workspace.name == "Ada's workspace"
    home = client.get("/")
    assert home["Location"] == f"/w/{workspace.slug}/videos/"


def test_the_page_after_signing_up_names_the_address_and_leads_back_to_correct_it(client: Client) -> None:
    person("Taken")
    for typed in ("Adda@Example.org", "taken@example.org"):  # whether or not somebody has it already
        assert sign_up(client, email=typed) == SENT
        page = client.get(SENT).content.decode()
        assert f"<strong>{typed.lower()}</strong>" in page
        link = f"{reverse('account_signup')}?email={quote(typed.lower(), safe='')}"
        assert f'href="{link}"' in page
        assert f'value="{typed.lower()}"' in client.get(link).content.decode()
    assert "<strong>" not in Client().get(SENT).content.decode()
    assert sign_up(client) == SENT
    cache.clear()  # a minute later
    other = Client()
    other.post(reverse("account_login"), {"login": "ada@example.org", "password": ADA["password1"]})
    assert "<strong>ada@example.org</strong>" in other.get(SENT).content.decode()


def test_a_name_is_optional(client: Client) -> None:
    assert sign_up(client, name="") == SENT
    assert User.objects.get().workspaces.get().name == "Ada's workspace"


def test_confirming_in_another_browser_leads_to_signing_in(client: Client) -> None:
    sign_up(client)
    other = Client()
    assert other.post(path_in(letter_to("ada@example.org")))["Location"] == "/account/login/"
    assert EmailAddress.objects.get().verified
    assert "_auth_user_id" not in other.session


def test_a_confirmation_link_works_once(client: Client) -> None:
    sign_up(client)
    link = path_in(letter_to("ada@example.org"))
    client.post(link)
    assert Client().post(link).status_code == 404
    assert "This link does not work" in Client().get(link).content.decode()


def test_before_confirming_signing_in_sends_another_mail(client: Client) -> None:
    sign_up(client)
    cache.clear()  # a minute later
    response = Client().post(reverse("account_login"), {"login": "ada@example.org", "password": ADA["password1"]})
    assert response["Location"] == SENT
    assert [letter.subject for letter in posted()] == ["Confirm your e-mail address"] * 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": ""}, "This field is required."),
        ({"email": "ada"}, "Enter a valid email address."),
        ({"password1": "short"}, "This password is too short. It must contain at least 10 characters."),
        ({"password1": "password1234"}, "This password is too common."),
        ({"password1": "ada@example.org"}, "The password is too similar to the e-mail address."),
    ],
)
def test_what_cannot_be_right_is_said_beside_the_field(client: Client, fields: dict[str, str], sentence: str) -> None:
    response = client.post(reverse("account_signup"), ADA | fields)
    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert not User.objects.exists()


def test_a_taken_address_looks_like_a_free_one_and_its_owner_gets_a_mail(client: Client, cast: Cast) -> None:
    people = User.objects.count()
    assert sign_up(client, email="ALICE@example.org") == SENT
    assert User.objects.count() == people
    letter = letter_to("alice@example.org")
    assert letter.subject == "You have an account at Avatar Studio already"
    assert path_in(letter) == reverse("account_reset_password")


def test_two_who_take_one_address_in_the_same_moment_make_one_account(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one's form was checked before the first one's account was there."""
    checked = SignUpForm.validate_unique_email

    def late(form: SignUpForm, value: str) -> str:
        email = checked(form, value)
        person("Ada")
        return str(email)

    monkeypatch.setattr(SignUpForm, "validate_unique_email", late)
    assert sign_up(client) == SENT
    assert User.objects.count() == 1
    assert letter_to("ada@example.org").subject == "You have an account at Avatar Studio already"


def test_a_sign_up_that_fails_half_way_leaves_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise IntegrityError("cut off")

    monkeypatch.setattr("allauth.account.forms.setup_user_email", broken)
    with pytest.raises(IntegrityError):
        sign_up(client)
    assert not User.objects.exists()


def test_a_mail_server_that_is_down_undoes_nothing_and_the_mail_comes_later(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise ConnectionRefusedError("no server there")

    with monkeypatch.context() as down:
        down.setattr("django.core.mail.backends.locmem.EmailBackend.open", refuse, raising=False)
        assert sign_up(client) == SENT
        assert posted() == []
    assert User.objects.get().email == "ada@example.org"
    later(minutes=2)
    assert letter_to("ada@example.org").subject == "Confirm your e-mail address"


def test_without_a_mail_server_the_page_says_where_mail_is(client: Client, settings: object) -> None:
    assert "This server has no mail server set: its mail is in" in client.get(SENT).content.decode()
    settings.EMAIL_URL = "smtp://mail.example.org"  # type: ignore[attr-defined]
    assert "This server has no mail server set" not in client.get(SENT).content.decode()


def test_signing_in_and_out(client: Client, cast: Cast) -> None:
    response = client.post(reverse("account_login"), {"login": "Alice@Example.org", "password": PASSWORD})
    assert response["Location"] == "/"
    assert client.get("/").status_code == 302
    assert "Sign out?" in client.get(reverse("account_logout")).content.decode()
    assert client.post(reverse("account_logout"))["Location"] == "/account/login/"
    assert client.get("/").status_code == 200


def test_signing_in_goes_on_where_one_was(client: Client, cast: Cast) -> None:
    team = f"/w/{cast.workspace.slug}/team/"
    assert client.get(team)["Location"] == f"/account/login/?next={team}"
    response = client.post(reverse("account_login"), {"login": "bob@example.org", "password": PASSWORD, "next": team})
    assert response["Location"] == team


def test_signing_in_never_leads_off_the_site(client: Client, cast: Cast) -> None:
    fields = {"login": "bob@example.org", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post(reverse("account_login"), fields)["Location"] == "/"


@pytest.mark.parametrize("login", ["alice@example.org", "nobody@example.org"])
def test_a_wrong_password_and_an_unknown_address_look_the_same(client: Client, cast: Cast, login: str) -> None:
    response = client.post(reverse("account_login"), {"login": login, "password": "not this one"})
    assert response.status_code == 200
    assert "No account has this e-mail address and password." in response.content.decode()


def test_after_five_wrong_passwords_the_right_one_has_to_wait(client: Client, cast: Cast) -> None:
    for _ in range(5):
        client.post(reverse("account_login"), {"login": "alice@example.org", "password": "not this one"})
    response = client.post(reverse("account_login"), {"login": "alice@example.org", "password": PASSWORD})
    assert "Too many attempts. Wait five minutes, then try again." in response.content.decode()
    other = client.post(reverse("account_login"), {"login": "bob@example.org", "password": PASSWORD})
    assert other.status_code == 302


def test_too_many_requests_get_a_page_of_ours(client: Client) -> None:
    statuses = [client.post(reverse("account_signup"), {}).status_code for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    assert "Too many attempts" in client.post(reverse("account_signup"), {}).content.decode()


def test_somebody_switched_off_cannot_sign_in(client: Client, cast: Cast) -> None:
    cast.bob.is_active = False
    cast.bob.save()
    response = client.post(reverse("account_login"), {"login": "bob@example.org", "password": PASSWORD}, follow=True)
    assert "This account is switched off" in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_switching_somebody_off_ends_their_session(cast: Cast) -> None:
    browser = cast.browser(cast.bob)
    assert browser.get(f"/w/{cast.workspace.slug}/team/").status_code == 200
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    assert browser.get(f"/w/{cast.workspace.slug}/team/").status_code == 302


def test_a_forgotten_password_is_replaced_by_mail(client: Client, cast: Cast) -> None:
    assert client.post(reverse("account_reset_password"), {"email": "Bob@example.org"}).status_code == 302
    letter = letter_to("bob@example.org")
    assert letter.subject == "A new password for Avatar Studio"
    form = client.get(path_in(letter))
    assert form.status_code == 302
    assert form["Location"].endswith("-set-password/"), "the key is not in the address of the form"
    assert client.post(form["Location"], {"password1": "a wholly new one"}).status_code == 302
    assert letter_to("bob@example.org").subject == "Your password has been changed"
    cast.bob.refresh_from_db()
    assert cast.bob.check_password("a wholly new one")
    assert "This link does not work" in Client().get(path_in(letter)).content.decode()


def test_asking_for_a_password_of_an_unknown_address_looks_the_same(client: Client) -> None:
    response = client.post(reverse("account_reset_password"), {"email": "nobody@example.org"})
    assert response["Location"] == reverse("account_reset_password_done")
    assert letter_to("nobody@example.org").subject == "No account at Avatar Studio with this address"


def test_asking_for_a_new_password_is_limited_for_an_address(client: Client, cast: Cast) -> None:
    page = reverse("account_reset_password")
    statuses = [client.post(page, {"email": "alice@example.org"}).status_code for _ in range(6)]
    assert statuses == [302] * 5 + [429]
    assert client.post(page, {"email": "bob@example.org"}).status_code == 302


def test_changing_the_password_signs_other_browsers_out(cast: Cast) -> None:
    here, there = Client(), Client()
    for browser in (here, there):
        browser.post(reverse("account_login"), {"login": "bob@example.org", "password": PASSWORD})
    fields = {"oldpassword": PASSWORD, "password1": "a wholly new one"}
    assert here.post(reverse("account_change_password"), fields).status_code == 302
    assert here.get("/me/").status_code == 200
    assert there.get("/me/").status_code == 302
    assert letter_to("bob@example.org").subject == "Your password has been changed"


def test_changing_the_password_takes_the_present_one(cast: Cast) -> None:
    browser = Client()
    browser.post(reverse("account_login"), {"login": "bob@example.org", "password": PASSWORD})
    response = browser.post(reverse("account_change_password"), {"oldpassword": "wrong", "password1": "a new one now"})
    assert "This is not your present password." in response.content.decode()


def test_a_new_address_takes_over_once_it_is_confirmed(cast: Cast) -> None:
    browser = cast.browser(cast.bob)
    confirm_it_is_me(browser)
    browser.post(reverse("account_email"), {"email": "Robert@example.org", "action_add": ""})
    cast.bob.refresh_from_db()
    assert cast.bob.email == "bob@example.org", "not before the link has been opened"
    assert "Waits for confirmation" in browser.get(reverse("account_email")).content.decode()

    browser.post(path_in(letter_to("robert@example.org")))
    cast.bob.refresh_from_db()
    assert cast.bob.email == "robert@example.org"
    assert list(EmailAddress.objects.filter(user=cast.bob).values_list("email", "verified", "primary")) == [
        ("robert@example.org", True, True)
    ]
    warning = letter_to("bob@example.org")
    assert warning.subject == "Your e-mail address has been changed"
    assert "now has robert@example.org" in str(warning.body)


def test_a_change_of_address_can_be_called_off(cast: Cast) -> None:
    browser = cast.browser(cast.bob)
    confirm_it_is_me(browser)
    browser.post(reverse("account_email"), {"email": "robert@example.org", "action_add": ""})
    browser.post(reverse("account_email"), {"email": "robert@example.org", "action_remove": ""})
    assert browser.post(path_in(letter_to("robert@example.org"))).status_code == 404
    cast.bob.refresh_from_db()
    assert cast.bob.email == "bob@example.org"


def test_an_address_that_somebody_else_signed_up_with_is_refused_without_an_error(cast: Cast, client: Client) -> None:
    browser = cast.browser(cast.bob)
    confirm_it_is_me(browser)
    browser.post(reverse("account_email"), {"email": "robert@example.org", "action_add": ""})
    User(email="robert@example.org").save()  # signed up a moment earlier, and not confirmed
    response = browser.post(path_in(letter_to("robert@example.org")), follow=True)
    assert "Another account uses robert@example.org." in response.content.decode()
    cast.bob.refresh_from_db()
    assert cast.bob.email == "bob@example.org"


def test_changing_how_one_signs_in_takes_a_recent_password(cast: Cast) -> None:
    """A borrowed session is not enough to take an account over."""
    browser = cast.browser(cast.bob)
    response = browser.post(reverse("account_email"), {"email": "robert@example.org", "action_add": ""})
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    assert not posted()
    assert "This is not your password." in browser.post(response["Location"], {"password": "wrong"}).content.decode()
    browser.post(response["Location"], {"password": PASSWORD})
    assert path_in(letter_to("robert@example.org")), "what was asked for goes on by itself"


def test_links_in_mail_take_public_url_and_not_the_host_header(client: Client, settings: object) -> None:
    settings.PUBLIC_URL = "https://studio.example.org"  # type: ignore[attr-defined]
    sign_up(client)
    client.post(reverse("account_reset_password"), {"email": "ada@example.org"})
    for letter in posted():
        assert "https://studio.example.org/account/" in str(letter.body)
        assert "testserver" not in str(letter.body)
    key = path_in(letter_to("ada@example.org"))
    assert client.get(key).status_code == 302, "the link is right"


def test_every_letter_has_text_and_html_with_the_same_link(client: Client) -> None:
    sign_up(client)
    letter = letter_to("ada@example.org")
    link = path_in(letter)
    html, kind = letter.alternatives[0]
    assert kind == "text/html"
    assert f'href="http://testserver{link}"' in str(html)
    assert "Confirm the address</a>" in str(html)
    assert "<" not in str(letter.body)


def test_a_name_cannot_smuggle_markup_or_headers_into_a_letter(client: Client) -> None:
    sign_up(client, name='<a href="https://evil.example">Ada</a>\r\nBcc: all@example.org')
    letter = letter_to("ada@example.org")
    assert letter.message()["Bcc"] is None
    html = str(letter.alternatives[0][0])
    assert 'href="https://evil.example"' not in html


def ask_for(cast: Cast, email: str) -> Client:
    """Bob asks to change his address."""
    browser = cast.browser(cast.bob)
    confirm_it_is_me(browser)
    assert browser.post(reverse("account_email"), {"email": email, "action_add": ""}).status_code == 302
    posted().clear()
    return browser


def test_an_address_mistyped_as_ones_next_opens_nothing_to_its_owner(cast: Cast, client: Client) -> None:
    ask_for(cast, "stranger@example.net")
    client.post(reverse("account_reset_password"), {"email": "stranger@example.net"})
    assert letter_to("stranger@example.net").subject == "No account at Avatar Studio with this address"


def test_asking_for_an_address_does_not_keep_its_owner_from_signing_up(cast: Cast, client: Client) -> None:
    browser = ask_for(cast, "ada@example.org")
    cache.clear()  # a minute later
    sign_up(client)
    assert letter_to("ada@example.org").subject == "Confirm your e-mail address"
    assert User.objects.get(email="ada@example.org").name == "Ada Lovelace"
    assert "Waits for confirmation" not in browser.get(reverse("account_email")).content.decode()
