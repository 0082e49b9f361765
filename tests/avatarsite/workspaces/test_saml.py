"""SAML sign-in over HTTP: a browser between this site and a company's identity provider, which signs for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.identity_provider import IdentityProvider, Wrong, identity_provider
from tests.support.sites import fresh_site

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.xdist_group("company")]

WRONG = {
    "another key": Wrong(key=True),
    "no signature": Wrong(unsigned=True),
    "changed afterwards": Wrong(changed=True),
    "wrapped": Wrong(wrapped=True),
    "another audience": Wrong(audience="https://another.example/"),
    "another issuer": Wrong(issuer="https://idp.another.example/"),
    "another place": Wrong(destination="https://another.example/account/saml/company/acs/"),
    "expired": Wrong(minutes=60),
    "to come": Wrong(minutes=-60),
    "of another request": Wrong(in_response_to="_of-somebody-else"),
    "no XML": Wrong(raw=b"<Response"),
    "entities": Wrong(raw=b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'),
    "nothing": Wrong(raw=b""),
}
# Everything in one process: the site with its server, and a browser for each case.
WALK = """
import re, sys, threading
import httpx
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from avatarsite.workspaces.models import User
User.objects.create_user(email="bob@acme.example", password="correct horse battery", name="Bob")
User.objects.create_user(email="eve@other.example", password="correct horse battery", name="Eve")
WSGIRequestHandler.log_message = lambda *_: None
server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app(get_wsgi_application())
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
found = {}

def browser():
    return httpx.Client(base_url=base, timeout=60)

def asked(client, case):
    assert "Go on with Acme" in client.get("/account/login/").text
    away = client.get("/account/saml/company/login/").headers["Location"]
    page = httpx.get(away + "&case=" + case, timeout=60).text
    return dict(re.findall('name="(.*?)" value="(.*?)"', page))

def posted(client, form):
    answer = client.post("/account/saml/company/acs/", data=form)
    answer = client.get(answer.headers["Location"])
    me = client.get("/me/")
    names = re.findall('[a-z]+@[a-z]+.example', me.text) if me.status_code == 200 else []
    told = "gave no answer that could be used" in answer.text
    return [answer.status_code, answer.headers.get("Location", ""), told, names[:1]]

for case in CASES:
    with browser() as client:
        found[case] = posted(client, asked(client, case))
with browser() as client, browser() as another:
    form = asked(client, "good")
    found["first"] = posted(client, form)
    found["elsewhere"] = posted(another, form)
    client.cookies.delete("sessionid")
    found["again, signed out"] = posted(client, form)
with browser() as client:
    form = asked(client, "good")
    found["in its place"] = posted(client, form)
    cookies = dict(client.cookies)
    found["twice in one browser"] = posted(client, form)[:3]
    out = client.get("/account/saml/company/sls/", params={"SAMLRequest": form["SAMLResponse"]})
    found["sign out by anybody"] = [out.status_code, client.get("/me/").status_code]
    huge = client.post("/account/saml/company/acs/", data={"SAMLResponse": "A" * 300_000})
    found["huge"] = huge.status_code
    found["metadata"] = client.get("/account/saml/company/metadata/").text
    found["another company"] = client.get("/account/saml/other/login/").status_code
found["people"] = [
    [user.email, user.name, user.memberships.count(), user.has_usable_password()]
    for user in User.objects.order_by("email")
]
found["addresses"] = list(EmailAddress.objects.order_by("email").values_list("email", "verified"))
server.shutdown()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with identity_provider() as there:
        there.cases = {case: IdentityProvider(wrong=wrong, key=there.key) for case, wrong in WRONG.items()}
        there.cases["bob"] = IdentityProvider(name_id="bob", email="bob@acme.example", key=there.key)
        there.cases["of another domain"] = IdentityProvider(name_id="eve", email="eve@other.example", key=there.key)
        named = {"SAML_SSO_URL": there.address, "SAML_ENTITY_ID": "https://idp.acme.example/metadata"}
        named |= {"SAML_CERTIFICATE": there.certificate(), "SAML_DOMAINS": "acme.example", "SAML_NAME": "Acme"}
        with fresh_site(tmp_path_factory.mktemp("saml"), **named) as site:
            site.manage("migrate", "-v", "0")
            yield site.ask(WALK.replace("CASES", repr(list(there.cases))))


REFUSED = [401, "", True, []]


def test_a_good_assertion_signs_somebody_new_in_and_makes_the_account(walked: dict[str, Any]) -> None:
    assert walked["first"] == [302, "/", False, ["ada@acme.example"]]
    assert ["ada@acme.example", "Ada Lovelace", 1, False] in walked["people"]


def test_who_has_an_account_keeps_it(walked: dict[str, Any]) -> None:
    assert walked["bob"] == [302, "/", False, ["bob@acme.example"]]
    assert ["bob@acme.example", "Bob", 1, True] in walked["people"]


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_an_assertion_is_refused_with_a_sentence(walked: dict[str, Any], case: str) -> None:
    assert walked[case] == REFUSED


@pytest.mark.parametrize("case", ["elsewhere", "again, signed out"])
def test_an_assertion_that_comes_again_signs_nobody_in(walked: dict[str, Any], case: str) -> None:
    assert walked[case] == REFUSED
    assert walked["twice in one browser"] == REFUSED[:3]


def test_an_address_of_a_domain_that_the_company_does_not_answer_for_opens_no_account(walked: dict[str, Any]) -> None:
    """Whatever the assertion says of it."""
    assert walked["of another domain"][3] == []
    assert ["eve@other.example", "Eve", 1, True] in walked["people"]


def test_nobody_is_signed_out_by_a_page_and_nothing_large_is_kept(walked: dict[str, Any]) -> None:
    assert (walked["sign out by anybody"], walked["huge"], walked["another company"]) == ([404, 200], 413, 404)
    assert "/account/saml/company/acs/" in walked["metadata"]


def test_only_those_who_may_have_an_account(walked: dict[str, Any]) -> None:
    assert [person[0] for person in walked["people"]] == ["ada@acme.example", "bob@acme.example", "eve@other.example"]
    assert all(verified for _, verified in walked["addresses"])
