"""No page of allauth's may look like allauth's own, and our error pages are ours."""

from __future__ import annotations

import re
from pathlib import Path

import allauth
import pytest
from django.conf import settings
from django.template.loader import get_template, render_to_string
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from tests.conftest import Cast

OURS = str(settings.BASE_DIR / "templates")
THEIRS = Path(allauth.__file__).parent / "templates"
NOT_INSTALLED = ("webauthn", "phone", "passkey", "trust", "socialaccount", "usersessions", "idp", "openid", "headless")
# Reached only with settings that we don't have; they take our layout and elements from templates/allauth.
BY_OUR_LAYOUT = {
    "account/confirm_email_verification_code.html",
    "account/confirm_login_code.html",
    "account/confirm_password_reset_code.html",
    "account/request_login_code.html",
}


def pages() -> list[str]:
    found = [str(path.relative_to(THEIRS)) for path in THEIRS.rglob("*.html")]
    found = [name for name in found if name.startswith(("account/", "mfa/")) and "/base" not in name]
    return sorted(name for name in found if not any(word in name for word in (*NOT_INSTALLED, "snippets")))


def test_there_are_pages_to_look_at() -> None:
    assert {"account/login.html", "mfa/authenticate.html", *BY_OUR_LAYOUT} <= set(pages())


@pytest.mark.parametrize("name", [name for name in pages() if name not in BY_OUR_LAYOUT])
def test_the_page_is_ours(name: str) -> None:
    assert get_template(name).origin.name.startswith(OURS)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["account/confirm_login_code.html", "account/request_login_code.html"])
def test_a_page_that_nobody_can_reach_would_still_look_like_ours(name: str, rf: RequestFactory) -> None:
    page = render_to_string(name, {"form": None}, rf.get("/"))
    assert '<body class="plain">' in page
    assert 'class="button' in page


@pytest.mark.parametrize("name", ["base", "entrance", "manage"])
def test_the_layout_of_pages_that_nobody_can_reach_is_ours(name: str) -> None:
    assert get_template(f"allauth/layouts/{name}.html").origin.name.startswith(OURS)


def letters() -> list[str]:
    found = [str(path.relative_to(THEIRS)) for path in THEIRS.rglob("*.txt")]
    found = [name for name in found if name.startswith(("account/email/", "mfa/email/")) and "/base" not in name]
    return sorted(name for name in found if not any(word in name for word in (*NOT_INSTALLED, "_code_")))


@pytest.mark.parametrize("name", letters())
def test_the_letter_is_ours(name: str) -> None:
    assert get_template(name).origin.name.startswith(OURS)


def paths_of_allauth() -> list[str]:
    found: list[str] = []

    def walk(prefix: str, patterns: list[URLPattern | URLResolver]) -> None:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(path, pattern.url_patterns)
            elif "<" not in path:
                found.append(f"/{path}")

    walk("", get_resolver().url_patterns)
    return [path for path in found if path.startswith("/account/")]


@pytest.mark.parametrize("path", paths_of_allauth())
@pytest.mark.parametrize("who", ["nobody", "bob"])
def test_every_path_of_allauth_answers_with_a_page_of_ours(cast: Cast, path: str, who: str) -> None:
    response = cast.browser(cast.bob if who == "bob" else None).get(path)
    assert response.status_code in {200, 302, 404}
    if response.status_code == 200:
        page = response.content.decode()
        assert 'class="plain"' in page or 'class="frame"' in page
        assert 'href="/static/css/tokens.css"' in page
        assert "<h1></h1>" not in page


def test_a_page_that_is_not_there_is_ours(client: Client, db: None) -> None:
    response = client.get("/nothing/here/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


@pytest.mark.parametrize("address", ["videos/rnd_gone/", "nothing/like/this/", "projects/prj_gone/"])
def test_in_a_workspace_a_page_that_is_not_there_keeps_the_way_to_the_others(cast: Cast, address: str) -> None:
    home = f"/w/{cast.workspace.slug}/"
    answer = cast.browser(cast.alice).get(home + address)
    page = answer.content.decode()
    assert (answer.status_code, "There is nothing here" in page) == (404, True)
    assert re.findall(r'<a class="rail__link" href="([^"]+)"', page)[0] == f"{home}videos/"
    assert '<body class="plain">' in cast.browser().get(home + "nothing/like/this/").content.decode()


def test_elsewhere_it_shows_no_workspace(cast: Cast) -> None:
    for who, address in ((cast.charlie, f"/w/{cast.workspace.slug}/videos/"), (cast.alice, "/nothing/here/")):
        answer = cast.browser(who).get(address)
        assert (answer.status_code, '<body class="plain">' in answer.content.decode()) == (404, True)


def test_what_a_role_may_not_do_keeps_the_way_to_what_it_may(cast: Cast) -> None:
    home = f"/w/{cast.workspace.slug}/"
    answer = cast.browser(cast.bob).get(f"{home}videos/new/")
    page = answer.content.decode()
    assert (answer.status_code, "You may not do that here" in page) == (403, True)
    assert f'href="{home}videos/"' in page


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "429.html", "500.html"])
def test_error_pages_need_no_context(name: str) -> None:
    page = get_template(name).render()
    assert '<body class="plain">' in page
    assert '<a class="button' in page


def test_a_crash_shows_a_page_of_ours(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("avatarsite.workspaces.views.invitation._answer_to", crash)
    client.raise_request_exception = False
    response = client.get("/invitation/")
    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()
    assert "on purpose" not in response.content.decode()
