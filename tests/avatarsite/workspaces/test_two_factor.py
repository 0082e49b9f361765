from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse

from tests.avatarsite.workspaces.letters import letter_to
from tests.conftest import PASSWORD, Cast
from tests.support.mails import posted

pytestmark = pytest.mark.django_db

Capture = Callable[..., AbstractContextManager[Any]]
SIGN_IN = {"login": "bob@example.org", "password": PASSWORD}


def code(secret: str, *, steps: int = 0) -> str:
    """What the app shows now, or some half minutes later; the site takes the codes before and after as well."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps)))


def enrol(browser: Client) -> str:
    """Set two-factor sign-in up as a person does; the seed that the app keeps."""
    activate = reverse("mfa_activate_totp")
    asked = browser.get(activate)
    assert asked["Location"] == f"/account/reauthenticate/?next={activate.replace('/', '%2F')}"
    browser.post(asked["Location"], {"password": PASSWORD})
    page = browser.get(activate)
    assert "data:image/svg+xml;base64," in page.content.decode()
    secret: str = page.context["form"].secret
    wrong = browser.post(activate, {"code": "000000"})
    assert "This code is not right, or it is too old." in wrong.content.decode()
    assert browser.post(activate, {"code": code(secret)})["Location"] == reverse("mfa_view_recovery_codes")
    return secret


def recovery_codes(browser: Client) -> list[str]:
    file = browser.get(reverse("mfa_download_recovery_codes")).content.decode()
    codes = re.findall(r"^\d{8}$", file, re.MULTILINE)
    assert len(set(codes)) == 10
    return codes


def test_after_setting_it_up_signing_in_takes_a_code(cast: Cast, django_capture_on_commit_callbacks: Capture) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        secret = enrol(cast.browser(cast.bob))
    assert letter_to("bob@example.org").subject == "Two-factor sign-in is on"

    browser = Client()
    assert browser.post(reverse("account_login"), SIGN_IN)["Location"] == reverse("mfa_authenticate")
    assert browser.get("/me/").status_code == 302, "the password alone is not enough"
    wrong = browser.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "This code is not right, or it is too old." in wrong.content.decode()
    assert browser.post(reverse("mfa_authenticate"), {"code": code(secret, steps=1)})["Location"] == "/"
    assert browser.get("/me/").status_code == 200


def test_where_one_was_going_is_kept_across_the_code(cast: Cast) -> None:
    secret = enrol(cast.browser(cast.bob))
    browser = Client()
    team = f"/w/{cast.workspace.slug}/team/"
    browser.post(reverse("account_login"), SIGN_IN | {"next": team})
    assert browser.post(reverse("mfa_authenticate"), {"code": code(secret, steps=1)})["Location"] == team


def test_a_recovery_code_works_once(cast: Cast) -> None:
    browser = cast.browser(cast.bob)
    enrol(browser)
    codes = recovery_codes(browser)
    assert all(each in browser.get(reverse("mfa_view_recovery_codes")).content.decode() for each in codes)
    for expected in (302, 200):
        other = Client()
        other.post(reverse("account_login"), SIGN_IN)
        assert other.post(reverse("mfa_authenticate"), {"code": codes[0]}).status_code == expected
    assert "9 of 10 are left" in " ".join(browser.get(reverse("mfa_index")).content.decode().split())


def test_new_recovery_codes_replace_the_old_ones(cast: Cast, django_capture_on_commit_callbacks: Capture) -> None:
    browser = cast.browser(cast.bob)
    enrol(browser)
    before = recovery_codes(browser)
    question = browser.get(reverse("mfa_generate_recovery_codes")).content.decode()
    assert "the 10 that you have left stop working" in question
    with django_capture_on_commit_callbacks(execute=True):
        browser.post(reverse("mfa_generate_recovery_codes"))
    assert set(before).isdisjoint(recovery_codes(browser))
    assert letter_to("bob@example.org").subject == "You have new recovery codes"


def test_switching_it_off_takes_a_recent_password_and_is_mailed(cast: Cast) -> None:
    enrol(cast.browser(cast.bob))
    posted().clear()
    borrowed = cast.browser(cast.bob)
    off = reverse("mfa_deactivate_totp")
    assert borrowed.post(off)["Location"].startswith("/account/reauthenticate/")
    assert Authenticator.objects.filter(user=cast.bob).count() == 2

    borrowed.post("/account/reauthenticate/", {"password": PASSWORD})
    assert borrowed.post(off)["Location"] == reverse("mfa_index")
    assert not Authenticator.objects.filter(user=cast.bob).exists()
    assert letter_to("bob@example.org").subject == "Two-factor sign-in is off"
    assert Client().post(reverse("account_login"), SIGN_IN)["Location"] == "/"


def test_the_code_can_confirm_a_change_in_place_of_the_password(cast: Cast) -> None:
    secret = enrol(cast.browser(cast.bob))
    borrowed = cast.browser(cast.bob)
    borrowed.get(reverse("mfa_generate_recovery_codes"))
    assert "Use authenticator app or code instead" in borrowed.get("/account/reauthenticate/").content.decode()
    fields = {"code": code(secret, steps=1), "next": reverse("mfa_generate_recovery_codes")}
    assert borrowed.post("/account/2fa/reauthenticate/", fields)["Location"] == reverse("mfa_generate_recovery_codes")


def test_guessing_codes_is_stopped(cast: Cast) -> None:
    secret = enrol(cast.browser(cast.bob))
    browser = Client()
    browser.post(reverse("account_login"), SIGN_IN)
    for guess in range(5):
        browser.post(reverse("mfa_authenticate"), {"code": f"00000{guess}"})
    late = browser.post(reverse("mfa_authenticate"), {"code": code(secret, steps=1)})
    assert "Too many attempts" in late.content.decode()
    assert "_auth_user_id" not in browser.session


def test_the_admin_site_asks_for_the_second_factor_too(cast: Cast) -> None:
    cast.bob.is_staff = True
    cast.bob.save()
    enrol(cast.browser(cast.bob))
    browser = Client()
    assert browser.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/account/login/")
    assert browser.post("/admin/login/", {"username": "bob@example.org", "password": PASSWORD}).status_code == 302
    assert "_auth_user_id" not in browser.session


def test_the_database_holds_no_seed_that_can_be_read(cast: Cast) -> None:
    secret = enrol(cast.browser(cast.bob))
    rows = list(Authenticator.objects.filter(user=cast.bob).values_list("type", "data"))
    assert {kind for kind, _ in rows} == {"totp", "recovery_codes"}
    assert secret not in repr(rows)


def test_after_a_change_of_secret_key_the_old_one_still_reads_the_seed(cast: Cast, settings: Any) -> None:
    secret = enrol(cast.browser(cast.bob))
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, for the time from now on"
    browser = Client()
    browser.post(reverse("account_login"), SIGN_IN)
    assert browser.post(reverse("mfa_authenticate"), {"code": code(secret, steps=1)})["Location"] == "/"


def test_a_seed_that_cannot_be_read_lets_nobody_in_and_breaks_nothing(cast: Cast, settings: Any) -> None:
    secret = enrol(cast.browser(cast.bob))
    settings.SECRET_KEY = "another key, and the old one is lost"
    browser = Client()
    browser.post(reverse("account_login"), SIGN_IN)
    answer = browser.post(reverse("mfa_authenticate"), {"code": code(secret, steps=1)})
    assert "This code is not right, or it is too old." in answer.content.decode()
    assert "_auth_user_id" not in browser.session


def test_an_address_can_be_changed_with_a_second_factor_and_the_other_way_round(cast: Cast) -> None:
    browser = cast.browser(cast.bob)
    enrol(browser)
    browser.post(reverse("account_email"), {"email": "robert@example.org", "action_add": ""})
    assert letter_to("robert@example.org").subject == "Confirm your e-mail address"

    other = cast.browser(cast.emil)
    other.post("/account/reauthenticate/", {"password": PASSWORD})
    other.post(reverse("account_email"), {"email": "emile@example.org", "action_add": ""})
    assert other.get(reverse("mfa_activate_totp")).status_code == 200
