from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.models import ApiToken, Scope, User
from avatarsite.workspaces.signing_in import sessions
from avatarsite.workspaces.tokens import make_token
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db

PLACE = "usersessions_list"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
NEW_PASSWORD = "a horse of another colour"


def signed_in(user: User, browser: str = FIREFOX) -> Client:
    client = Client(headers={"User-Agent": browser})
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert is_in(client)
    return client


def is_in(client: Client) -> bool:
    return client.get("/me/").status_code == 200


def test_each_browser_is_listed_and_signed_out_alone(cast: Cast) -> None:
    here, there, other = signed_in(cast.bob), signed_in(cast.bob, "curl/8.5.0"), signed_in(cast.alice)
    page = here.get(reverse(PLACE)).content.decode()
    assert (page.count("Firefox on Windows"), page.count("This one")) == (1, 1)
    assert "curl" in page
    named = {row.user_agent: row.pk for row in UserSession.objects.filter(user=cast.bob)}
    foreign = UserSession.objects.get(user=cast.alice).pk
    asked = here.get(reverse("session_end", args=[named["curl/8.5.0"]])).content.decode()
    assert ("Sign out curl?" in asked, is_in(there)) == (True, True), "a question ends nothing"
    assert here.get(reverse("session_end", args=[foreign])).status_code == 404
    for pk in (foreign, named["curl/8.5.0"], named["curl/8.5.0"]):
        assert here.post(reverse("session_end", args=[pk])).status_code == 302
    assert [is_in(one) for one in (here, there, other)] == [True, False, True]
    assert [row.user_agent for row in UserSession.objects.filter(user=cast.bob)] == [FIREFOX]


def test_who_is_signed_in_no_more_is_asked_to_sign_in(cast: Cast) -> None:
    expired, gone, switched_off = signed_in(cast.bob), signed_in(cast.bob), signed_in(cast.alice)
    Session.objects.filter(pk=expired.cookies["sessionid"].value).update(expire_date=timezone.now())
    Session.objects.filter(pk=gone.cookies["sessionid"].value).delete()
    User.objects.filter(pk=cast.alice.pk).update(is_active=False)
    assert [is_in(one) for one in (expired, gone, switched_off)] == [False, False, False]


def test_all_others_are_signed_out_at_once(cast: Cast) -> None:
    here, there, elsewhere = (signed_in(cast.bob) for _ in range(3))
    asked = here.get(reverse(PLACE)).content.decode()
    assert asked.index("Sign out all other browsers?") < asked.index(f'method="post" action="{reverse(PLACE)}"')
    assert here.post(reverse(PLACE)).status_code == 302
    assert [is_in(one) for one in (here, there, elsewhere)] == [True, False, False]


@pytest.mark.parametrize("tokens_too", [False, True])
def test_a_new_password_signs_others_out_and_tokens_on_wish(cast: Cast, tokens_too: bool) -> None:
    here, there = signed_in(cast.alice), signed_in(cast.alice)
    make_token(cast.workspace, user=cast.alice, name="Hers", scopes=[Scope.RENDER])
    make_token(cast.workspace, user=cast.dora, name="Theirs", scopes=[Scope.RENDER])
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD} | ({"revoke_tokens": "on"} if tokens_too else {})
    path = reverse("account_change_password")
    asked = here.get(path)
    assert "Revoke my API tokens, too" in asked.content.decode()
    assert here.post(path, form).status_code == 302
    assert [is_in(one) for one in (here, there)] == [True, False]
    working = ["Hers", "Theirs"] if not tokens_too else ["Theirs"]
    assert list(ApiToken.objects.filter(revoked_at=None).order_by("name").values_list("name", flat=True)) == working


def test_who_has_no_tokens_is_not_asked_about_them(cast: Cast) -> None:
    assert "revoke_tokens" not in signed_in(cast.alice).get(reverse("account_change_password")).content.decode()


def test_sessions_that_have_ended_are_forgotten(cast: Cast) -> None:
    stays, ends = signed_in(cast.bob), signed_in(cast.bob)
    ended = Session.objects.filter(session_key=ends.session.session_key)
    ended.update(expire_date=timezone.now() - timedelta(seconds=1))
    signed_in(cast.alice).logout()
    sessions.forget_ended()
    assert not ended.exists()
    assert list(UserSession.objects.values_list("session_key", flat=True)) == [stays.session.session_key]
