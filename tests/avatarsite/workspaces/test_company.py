"""Sign-in with an account at a company, by its own server on loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.company import CLIENT, SECRET, Company, company
from tests.support.sites import Site, fresh_site

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.xdist_group("company")]

# A browser: what it is answered, whom it is in as afterwards, and who has the address.
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
               for user in User.objects.filter(email="EMAIL")],
}))
"""
MAKE = """
from avatarsite.workspaces.models import User
user = User.objects.create_user(email="EMAIL", password="correct horse battery", name="Ada")
print("null")
"""


@pytest.fixture(scope="module")
def there() -> Iterator[Company]:
    with company() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(there: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    named = {"OIDC_SERVER_URL": there.address, "OIDC_NAME": "Analytical Engines"}
    folder = tmp_path_factory.mktemp("company")
    with fresh_site(folder, OIDC_CLIENT_ID=CLIENT, OIDC_CLIENT_SECRET=SECRET, **named) as made:
        made.manage("migrate", "-v", "0")
        yield made


@dataclass
class Guest:
    """Somebody whose account at the company nobody else here has."""

    site: Site
    there: Company
    name: str

    @property
    def email(self) -> str:
        return f"{self.name}@example.org"

    def has_an_account(self) -> None:
        self.site.ask(MAKE.replace("EMAIL", self.email))

    def walk(self, *, forged: str = "", turns_back: bool = False, verified: bool = True) -> dict[str, Any]:
        claims = {"sub": self.name, "email": self.email, "email_verified": verified, "name": "Ada Lovelace"}
        self.there.person = None if turns_back else claims
        found: dict[str, Any] = self.site.ask(WALK.replace("FORGED", forged).replace("EMAIL", self.email))
        return found


@pytest.fixture
def guest(site: Site, there: Company, request: pytest.FixtureRequest) -> Guest:
    return Guest(site, there, hashlib.sha256(request.node.name.encode()).hexdigest()[:8])


def test_somebody_new_has_an_account_and_a_workspace(guest: Guest) -> None:
    for _ in range(2):
        found = guest.walk()
        assert (found["status"], found["to"], found["in_as"]) == (302, "/", guest.email)
        assert found["people"] == [[guest.email, "Ada Lovelace", 1, 2]]


def test_who_has_an_account_keeps_it(guest: Guest) -> None:
    guest.has_an_account()
    found = guest.walk()
    assert (found["in_as"], found["people"]) == (guest.email, [[guest.email, "Ada", 1, 0]])


def test_an_address_that_the_company_has_not_confirmed_opens_no_account(guest: Guest) -> None:
    guest.has_an_account()
    found = guest.walk(verified=False)
    assert (found["in_as"], found["people"]) == (None, [[guest.email, "Ada", 1, 0]])


def test_who_turns_back_is_told_so(guest: Guest) -> None:
    found = guest.walk(turns_back=True)
    assert (found["to"], found["in_as"], found["people"]) == ("/account/3rdparty/login/cancelled/", None, [])


def test_an_answer_that_nobody_asked_for_signs_nobody_in(guest: Guest) -> None:
    found = guest.walk(forged='.replace("state=", "state=x")')
    assert (found["status"], found["in_as"], found["people"]) == (401, None, [])
    assert "That did not work" in found["text"]
