"""Sign-in with an account at a company, by its own server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.company import CLIENT, SECRET, Company, company
from tests.support.sites import Site, fresh_site

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.xdist_group("company")]

ADA = {"sub": "1", "email": "ada@example.org", "email_verified": True, "name": "Ada Lovelace"}
# A browser: what it is answered, whom it is in as afterwards, and who there is.
WALK = """
import httpx
from urllib.parse import urlsplit
from django.contrib.auth import get_user
from django.test import Client
from avatarsite.legal.models import Acceptance
from avatarsite.workspaces.models import User
browser = Client(SERVER_NAME="localhost")
page = browser.get("/account/login/").content.decode()
assert "Go on with Analytical Engines" in page
away = browser.get("/account/oidc/company/login/")
back = httpx.get(away["Location"]).headers["Location"]
path = urlsplit(back)
query = path.query FORGED
answer = browser.get(path.path + "?" + query)
me = browser.get("/me/")
print(json.dumps({
    "status": answer.status_code,
    "to": answer.headers.get("Location"),
    "text": answer.content.decode(),
    "in_as": str(get_user(browser)) if me.status_code == 200 else None,
    "people": [[user.email, user.name, user.memberships.count(), Acceptance.objects.filter(user=user).count()]
               for user in User.objects.order_by("email")],
}))
"""
MAKE = """
from avatarsite.workspaces.models import User
user = User.objects.create_user(email="ada@example.org", password="correct horse battery", name="Ada")
print("null")
"""


@pytest.fixture(scope="module")
def there() -> Iterator[Company]:
    with company() as opened:
        yield opened


@pytest.fixture
def site(there: Company, tmp_path: Path) -> Iterator[Site]:
    named = {"OIDC_SERVER_URL": there.address, "OIDC_NAME": "Analytical Engines"}
    with fresh_site(tmp_path, OIDC_CLIENT_ID=CLIENT, OIDC_CLIENT_SECRET=SECRET, **named) as made:
        made.manage("migrate", "-v", "0")
        yield made


def walk(site: Site, forged: str = "") -> dict[str, Any]:
    found: dict[str, Any] = site.ask(WALK.replace("FORGED", forged))
    return found


def test_somebody_new_has_an_account_and_a_workspace(site: Site, there: Company) -> None:
    there.person = ADA
    for _ in range(2):
        found = walk(site)
        assert (found["status"], found["to"], found["in_as"]) == (302, "/", "ada@example.org")
        assert found["people"] == [["ada@example.org", "Ada Lovelace", 1, 2]]


def test_who_has_an_account_keeps_it(site: Site, there: Company) -> None:
    site.ask(MAKE)
    there.person = ADA
    found = walk(site)
    assert (found["in_as"], found["people"]) == ("ada@example.org", [["ada@example.org", "Ada", 1, 0]])


def test_an_address_that_the_company_has_not_confirmed_opens_no_account(site: Site, there: Company) -> None:
    site.ask(MAKE)
    there.person = ADA | {"email_verified": False}
    found = walk(site)
    assert (found["in_as"], found["people"]) == (None, [["ada@example.org", "Ada", 1, 0]])


def test_who_turns_back_is_told_so(site: Site, there: Company) -> None:
    there.person = None
    found = walk(site)
    assert (found["to"], found["in_as"], found["people"]) == ("/account/3rdparty/login/cancelled/", None, [])


def test_an_answer_that_nobody_asked_for_signs_nobody_in(site: Site, there: Company) -> None:
    there.person = ADA
    found = walk(site, forged='.replace("state=", "state=x")')
    assert (found["status"], found["in_as"], found["people"]) == (401, None, [])
    assert "That did not work" in found["text"]
