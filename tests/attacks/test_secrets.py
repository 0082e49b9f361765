"""Every secret of a run, looked for in all that the run has written: logs, mails, rows, answers and admin pages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.studio.api.live import LiveApi, live_api
from tests.studio.api.seed import PASSWORD
from tests.support.until import until

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.xdist_group("secrets")]

NOBODY = "http://127.0.0.1:9"  # whom a key is sent to there gives no answer, so that errors are written
CANARY = "canary7fa1"
# What the operator has set.
SET = {
    "SECRET_KEY": f"{CANARY}-secret-key-of-the-whole-site-0123456789-abcdefghijklm",
    "FAL_KEY": f"{CANARY}-fal:0123456789abcdef",
    "RUNWARE_API_KEY": f"{CANARY}Runware0123456789",
    "AIMLAPI_KEY": f"{CANARY}Aimlapi0123456789",
    "STRIPE_SECRET_KEY": f"rk_test_{CANARY}0123456789",
    "STRIPE_WEBHOOK_SECRET": f"whsec_{CANARY}0123456789",
    "METRICS_TOKEN": f"{CANARY}-metrics",
}
PLACES = ("FAL_QUEUE_URL", "FAL_REST_URL", "FAL_PLATFORM_URL", "FAL_CDN_URL", "AIMLAPI_URL", "STRIPE_API_BASE")
# Where a secret has to stand, by what it is: whoever has the table has the sessions, and nobody else sees their keys.
KEPT = {
    "a session": {"sessions.Session.session_key", "usersessions.UserSession.session_key"},
}
# Each row of each table as text, and each page of the admin site as a superuser sees it.
LOOK = """
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, get_resolver, reverse
from avatarsite.workspaces.models import User
assert get_resolver().url_patterns  # what the admin site has is registered with them
found = set()
def look(place, text):
    found.update((name, place) for name, secret in SECRETS.items() if secret in text)
for model in apps.get_models():
    columns = [field.attname for field in model._meta.concrete_fields]
    for row in model._base_manager.values(*columns) if model._meta.managed and not model._meta.proxy else ():
        for column, value in row.items():
            look(f"{model._meta.label}.{column}", repr(value) + (bytes(value).decode("latin-1")
                 if isinstance(value, (bytes, memoryview)) else ""))
browser, seen = Client(SERVER_NAME="127.0.0.1"), 0
browser.force_login(User.objects.filter(email="root@example.org").first()
                    or User.objects.create_superuser("root@example.org", "another horse battery"),
                    backend="avatarsite.workspaces.signing_in.known.SignedIn")
for model, page in admin.site._registry.items():
    for entry in page.get_urls():
        if not isinstance(entry, URLPattern) or not entry.name or len(entry.pattern.converters) > 1:
            continue
        rows = model._default_manager.order_by("-pk")[:3] if entry.pattern.converters else [None]
        for row in rows:
            try:
                at = reverse(f"admin:{entry.name}", args=[row.pk] if row else [])
            except NoReverseMatch:
                continue
            answer = browser.get(at)
            if not answer.streaming:
                seen += 1
                look("admin: " + entry.name, answer.content.decode(errors="replace"))
print(json.dumps({"found": sorted(found), "pages": seen}))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("secrets")
    given = SET | dict.fromkeys(PLACES, NOBODY) | {"RUNWARE_URL": f"{NOBODY}/v1", "API_READS_PER_MINUTE": "0"}
    with live_api(folder, worker=True, LOG_LEVEL="INFO", **given) as live:
        yield Run(live, folder)


class Run:
    """What a customer, a program and strangers did there; ``secrets`` by name, ``answers`` as they came."""

    def __init__(self, live: LiveApi, folder: Path) -> None:
        self.live, self.folder = live, folder
        self.secrets = SET | self._of_the_parts() | {"the password": PASSWORD}
        self.answers: list[str] = []
        self._as_a_program()
        self._as_a_person()
        self._as_a_stranger()
        self.rows: dict[str, Any] = {}
        while self.secrets.get("a link's signature") != (now := self._link_signature()):  # it changes every 90 minutes
            self.secrets["a link's signature"] = now
            self.rows = live.site.ask(f"SECRETS = {self.secrets!r}\n{LOOK}")

    def _of_the_parts(self) -> dict[str, str]:
        """Passwords of the database and the bucket, where the tests run on real ones."""
        database = urlsplit(self.live.site.environment.get("DATABASE_URL", "")).password
        bucket = os.environ.get("S3_SECRET_ACCESS_KEY", "")
        parts = {"the database": database or "", "the bucket": bucket}
        return {name: secret for name, secret in parts.items() if len(secret) > 7}

    def _keep(self, answer: httpx.Response) -> httpx.Response:
        self.answers.append(f"{answer.headers}\n{answer.text}")
        return answer

    def _as_a_program(self) -> None:
        live = self.live
        self.secrets |= {"a token": live.alice["token"], "a test token": live.alice["test_token"]}
        wish = {"portrait": live.alice["portrait"], "voice": live.alice["voice"], "rights": True}
        with live.client() as client:
            made = client.post("/webhook-endpoints", json={"url": f"https://hooks.example.com/{CANARY}-in-the-path"})
            secret = client.get(f"/webhook-endpoints/{made.json()['id']}/secret").json()["secret"]
            self.secrets["a webhook's secret"] = secret
            render = self._keep(client.post("/renders", json=wish | {"model": "draft"})).json()["id"]
            paid = next(model["id"] for model in client.get("/models").json()["data"] if model["id"] != "draft")
            self._keep(client.post("/renders", json=wish | {"model": paid}))
            until(lambda: self._keep(client.get(f"/renders/{render}")).json()["state"] == "ready", 240)
            self.render = render
            link = self._link()
            httpx.get(link, trust_env=False)
            httpx.get(link.replace("/files/", "/files/x"), trust_env=False)
        for made_up in (f"ast_live_{CANARY}NobodyHasThisToken0123456789abcde", f"{CANARY}-no-token"):
            self.secrets[f"a made-up token, {len(made_up)} letters"] = made_up
            with live.client(made_up) as client:
                self._keep(client.get("/me"))
                self._keep(client.get("/me", params={"token": made_up}))
                self._keep(client.post(f"{live.address}/compat/fal/fal-ai/none", json={"key": made_up}))

    def _link(self) -> str:
        with self.live.client() as client:
            link = str(client.get(f"/renders/{self.render}/outputs/video").headers["Location"])
        return link if link.startswith("http") else f"{self.live.address}{link}"

    def _link_signature(self) -> str:
        found = re.search(r"(?<=/files/)[^/]+(?=/)|(?<=X-Amz-Signature=)\w+", self._link())
        assert found
        return found[0]

    def _as_a_person(self) -> None:
        workspace = f"/w/{self.live.alice['slug']}"
        self.secrets["a wrong password"] = f"{CANARY} is wrong"
        with httpx.Client(base_url=self.live.address, trust_env=False, timeout=60) as browser:

            def send(page: str, **fields: str) -> httpx.Response:
                token = browser.get(page).cookies.get("csrftoken") or browser.cookies["csrftoken"]
                form = {**fields, "csrfmiddlewaretoken": token}
                return self._keep(browser.post(page, data=form, headers={"Referer": f"{self.live.address}{page}"}))

            send("/account/password/reset/", email="alice@example.org")
            send("/account/login/", login="alice@example.org", password=self.secrets["a wrong password"])
            assert send("/account/login/", login="alice@example.org", password=PASSWORD).status_code == 302
            self.secrets["a session"] = browser.cookies["sessionid"]
            for page in ("/", "/developers/", "/developers/webhooks/", "/balance/", "/team/audit/", "/nowhere/"):
                self.answers.append(browser.get(workspace + page).text)
            assert "Stripe" in send(f"{workspace}/balance/top-up/", pack="2000").text
            self._keep(browser.post(f"{workspace}/developers/", data={"name": PASSWORD}))  # without its CSRF token

    def _as_a_stranger(self) -> None:
        forged = {"Stripe-Signature": f"t=1,v1={CANARY}"}
        event = {"id": "evt_1", "type": "checkout.session.completed"}
        self._keep(httpx.post(f"{self.live.address}/hooks/stripe/", json=event, headers=forged, trust_env=False))
        for bearer in ("wrong", self.secrets["METRICS_TOKEN"]):
            self._keep(httpx.get(f"{self.live.address}/metrics", headers={"Authorization": f"Bearer {bearer}"}))
        with suppress(httpx.HTTPError):
            httpx.get(f"{self.live.address}/nowhere", params={"password": PASSWORD}, trust_env=False)

    def has(self, text: str) -> list[str]:
        return [name for name, secret in self.secrets.items() if secret in text]


def test_no_secret_is_in_a_log(run: Run) -> None:
    written = run.live.log()
    assert len(written.splitlines()) > 10
    assert run.has(written) == []


def test_no_secret_is_in_a_mail(run: Run) -> None:
    mails = run.folder / "mail"
    until(lambda: any(mails.glob("*")), 120)
    assert run.has("".join(path.read_text() for path in mails.glob("*"))) == []


def test_no_secret_is_in_a_row_but_where_it_has_to_be(run: Run) -> None:
    found = {(name, place) for name, place in run.rows["found"] if not place.startswith("admin: ")}
    assert found == {(name, place) for name, places in KEPT.items() for place in places}


def test_no_secret_is_on_a_page_of_the_admin_site(run: Run) -> None:
    assert run.rows["pages"] > 100
    """But the link of the video on its own page, where staff look at it."""
    found = [tuple(each) for each in run.rows["found"] if each[1].startswith("admin: ")]
    assert found == [("a link's signature", "admin: studio_render_change")]


def test_no_secret_is_in_an_answer(run: Run) -> None:
    """But the session's own, in the cookie that sets it."""
    assert len(run.answers) > 15
    told = [name for answer in run.answers for name in run.has(answer) if name != "a session"]
    assert told == []
