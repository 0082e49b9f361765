from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.models import ApiToken
from avatarsite.workspaces.tokens import hash_of, make_token, token_of
from tests.conftest import Cast

pytestmark = pytest.mark.django_db

WISH = {"name": "Shop", "kind": "live", "scopes": ["read", "render"], "days": "30", "monthly_cap": "12.50"}


def page(cast: Cast) -> str:
    return reverse("developers", kwargs={"workspace": cast.workspace.slug})


def secret_on(answer: Any) -> str:
    (found,) = re.findall(r'<code id="secret">(ast_\w+)</code>', answer.content.decode())
    return str(found)


def test_a_token_is_made_and_its_secret_shown_once(cast: Cast) -> None:
    alice = cast.browser(cast.alice)
    made = alice.post(page(cast), WISH)
    secret, token = secret_on(made), ApiToken.objects.get()
    assert (token.name, token.scopes, token.test) == ("Shop", ["read", "render"], False)
    assert (token.monthly_cap_micros, token.token_hash) == (12_500_000, hash_of(secret))
    assert timedelta(days=29, hours=23) < token.expires_at - timezone.now() <= timedelta(days=30)  # type: ignore[operator]
    assert "no-store" in made.headers["Cache-Control"]
    again = alice.get(page(cast)).content.decode()
    assert (secret in again, token.prefix in again) == (False, True)


def test_a_test_token_without_end_or_cap(cast: Cast) -> None:
    made = cast.browser(cast.alice).post(page(cast), {"name": "CI", "kind": "test", "scopes": ["render"]})
    token = ApiToken.objects.get()
    assert (token.test, token.expires_at, token.monthly_cap_micros) == (True, None, None)
    assert secret_on(made).startswith("ast_test_")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": " "}, "Give the token a name"),
        ({"scopes": []}, "Choose at least one"),
        ({"monthly_cap": "0"}, "A cap of nothing would refuse everything"),
        ({"days": "-1"}, "Select a valid choice"),
    ],
)
def test_what_is_refused_is_said_and_nothing_is_made(cast: Cast, change: dict[str, Any], words: str) -> None:
    answer = cast.browser(cast.alice).post(page(cast), WISH | change)
    assert (answer.status_code, words in answer.content.decode(), ApiToken.objects.count()) == (422, True, 0)


def test_a_rotation_shows_the_new_secret_and_lets_the_old_one_work_on(cast: Cast) -> None:
    old, old_secret = make_token(cast.workspace, user=cast.alice, name="Shop", scopes=["render"])
    url = reverse("token_rotate", kwargs={"workspace": cast.workspace.slug, "token": old.pk})
    alice = cast.browser(cast.alice)
    new = token_of(secret_on(alice.post(url, {"overlap": "24"})))
    old.refresh_from_db()
    assert new is not None
    assert (old.replaced_by, new.lineage, new.scopes) == (new, old.lineage, ["render"])
    assert timedelta(hours=23) < old.expires_at - timezone.now() <= timedelta(hours=24)  # type: ignore[operator]
    assert token_of(old_secret) == old
    assert "Being replaced" in alice.get(page(cast)).content.decode()
    assert alice.post(url, {"overlap": "24"}).status_code == 302
    assert ApiToken.objects.count() == 2


def test_a_revoked_token_stops_at_once_and_stays_in_the_list(cast: Cast) -> None:
    token, secret = make_token(cast.workspace, user=cast.alice, name="Shop", scopes=["render"])
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    assert program.get("/api/v1/me").status_code == 200
    alice = cast.browser(cast.alice)
    revoke = reverse("token_revoke", kwargs={"workspace": cast.workspace.slug, "token": token.pk})
    asked = alice.get(revoke).content.decode()
    assert "Revoke Shop?" in asked
    assert (
        "Programs that use it are refused from that moment on; what they have asked for is still made. It was" in asked
    )
    assert "It was last used " in asked
    assert program.get("/api/v1/me").status_code == 200, "a question ends nothing"
    alice.post(revoke)
    assert program.get("/api/v1/me").status_code == 401
    assert "Revoked" in alice.get(page(cast)).content.decode()


def test_who_only_looks_sees_the_tokens_and_makes_none(cast: Cast) -> None:
    make_token(cast.workspace, user=cast.alice, name="Shop", scopes=["render"])
    bob = cast.browser(cast.bob)
    seen = bob.get(page(cast)).content.decode()
    assert ("Shop" in seen, "Make a token" in seen, "Revoke" in seen) == (True, False, False)
    assert bob.post(page(cast), WISH).status_code == 403
