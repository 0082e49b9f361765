"""Doors of a site: what a person, a program, a provider, Stripe and our own staff ask, each as one call.

What a call needs (a video that is ready, a link to it, requests of the gateway, cookies) is furnished once, before.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from billing.stripe.client import API_VERSION
from tests.simulators import loopback
from tests.studio.api.live import LiveApi
from tests.support.paths import SAMPLES

STRIPE_SECRET = "whsec_of_the_outages"
MODEL = "kling-avatar-2-standard"
FAL_MODEL = "fal-ai/kling-video/ai-avatar/v2/standard"
FURNISH = """
from django.conf import settings
from django.test import Client
from avatarsite.workspaces.models import User
def cookie(user):
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[-1])
    return client.cookies[settings.SESSION_COOKIE_NAME].value
alice = User.objects.get(email="alice@example.org")
staff = User.objects.create_superuser("staff@example.org", "correct horse battery")
print(json.dumps({"alice": cookie(alice), "staff": cookie(staff), "name": settings.SESSION_COOKIE_NAME}))
"""
FILE_SECONDS = 2.0  # for a bucket that hangs
_numbers = itertools.count()
Ask = Callable[["Caller"], httpx.Response]


@dataclass
class Caller:
    """Everybody who knocks, from a new address each time, so that no limit of an address counts."""

    site: LiveApi
    cookies: dict[str, str]
    samples: dict[str, str]  # addresses of a portrait and a voice that the site may fetch from
    render: str = ""
    shared: str = ""
    fal_request: str = ""
    aimlapi_request: str = ""
    made: list[str] = field(default_factory=list)  # renders that were asked for and promised

    def client(self, cookie: str = "", token: str = "", scheme: str = "Bearer") -> httpx.Client:
        number = next(_numbers)
        headers = {"Connection": "close", "X-Forwarded-For": f"192.0.2.{number % 200}", "Accept": "*/*"}
        if token:
            headers["Authorization"] = f"{scheme} {token}"
        cookies = {self.cookies["name"]: self.cookies[cookie]} if cookie else {}
        given: dict[str, Any] = {"headers": headers, "cookies": cookies, "timeout": 30, "trust_env": False}
        return loopback.Client(base_url=self.site.address, **given)

    @property
    def token(self) -> str:
        return str(self.site.alice["token"])

    @property
    def house(self) -> str:
        return f"/w/{self.site.alice['slug']}"

    @property
    def inputs(self) -> dict[str, str]:
        return {"portrait": self.site.alice["portrait"], "voice": self.site.alice["voice"]}

    def get(self, path: str, cookie: str = "", token: str = "", **how: Any) -> httpx.Response:
        with self.client(cookie, token) as client:
            return client.get(path, **how)

    def ask(self, path: str, token: str, scheme: str = "Bearer", **how: Any) -> httpx.Response:
        with self.client(token=token, scheme=scheme) as client:
            return client.post(path, **how)

    def send_form(self, page: str, path: str, cookie: str = "", **how: Any) -> httpx.Response:
        """As a browser that has the page already: its cookie for forms is in it."""
        form = {"csrfmiddlewaretoken": "a" * 32, **how.pop("data", {})}
        with self.client(cookie) as client:
            client.cookies.set("csrftoken", "a" * 32)
            return client.post(path, data=form, headers={"Referer": f"{self.site.address}{page}"}, **how)


def furnished(site: LiveApi, samples: dict[str, str]) -> Caller:
    """A caller with a video that is ready, once a worker has made it, and all else that the doors lead to."""
    caller = Caller(site, site.site.ask(FURNISH), samples)
    caller.render = create(caller).raise_for_status().json()["id"]
    caller.fal_request = fal_create(caller).raise_for_status().json()["request_id"]
    caller.aimlapi_request = aimlapi_create(caller).raise_for_status().json()["id"]
    until = time.monotonic() + 60
    while (now := state_of(caller, caller.render)) != "ready" or fal_read(caller).status_code != httpx.codes.OK:
        assert time.monotonic() < until, f"{now}: {site.log()[-3000:]}"
        time.sleep(0.3)
    shared = caller.ask(f"/api/v1/renders/{caller.render}/shares", caller.token, json={}).raise_for_status()
    caller.shared = shared.json()["url"].removeprefix(site.address)
    return caller


def state_of(caller: Caller, render: str) -> str:
    return str(caller.get(f"/api/v1/renders/{render}", token=caller.token).raise_for_status().json()["state"])


def new_voice() -> dict[str, Any]:
    """Bytes of its own each time, or nothing would have to be stored."""
    tag = b"TAG" + str(time.time_ns()).encode().ljust(125, b"\0")
    return {"file": ("voice.mp3", (SAMPLES / "voice-welcome.mp3").read_bytes() + tag)}


def create(caller: Caller) -> httpx.Response:
    return _promised(caller, caller.ask("/api/v1/renders", caller.token, json={**caller.inputs, "model": MODEL}), "id")


def _promised(caller: Caller, answer: httpx.Response, name: str) -> httpx.Response:
    if name == "id" and answer.status_code == 201:
        caller.made.append(answer.json()[name])
    return answer


def dashboard_create(caller: Caller) -> httpx.Response:
    form = {**caller.inputs, "model": MODEL, "output_format": "mp4", "output_quality": "95", "rights": "yes"}
    form |= {"idempotency_key": str(time.time_ns()), "max_amount_micros": "9000000"}
    page = f"{caller.house}/videos/new/"
    answer = caller.send_form(page, page, "alice", data=form)
    if answer.status_code == 302:
        caller.made.append(answer.headers["Location"].rstrip("/").rpartition("/")[2])
    return answer


def dashboard_upload(caller: Caller) -> httpx.Response:
    page = f"{caller.house}/uploads/"
    form = {"kind": "voice", "as": "sentence"}
    return caller.send_form(page, f"{page}add/", "alice", data=form, files=new_voice())


def price(caller: Caller) -> httpx.Response:
    return caller.send_form("/", "/price/", files={"recording": new_voice()["file"]})


def new_password(caller: Caller) -> httpx.Response:
    # An address of its own each time: one address may ask five times a minute.
    page = "/account/password/reset/"
    return caller.send_form(page, page, data={"email": f"{time.time_ns()}@example.org"}, follow_redirects=True)


def fal_create(caller: Caller) -> httpx.Response:
    body = {"image_url": caller.samples["portrait"], "audio_url": caller.samples["voice"]}
    return caller.ask(f"/compat/fal/{FAL_MODEL}", caller.token, "Key", json=body)


def fal_read(caller: Caller) -> httpx.Response:
    with caller.client(token=caller.token, scheme="Key") as client:
        return client.get(f"/compat/fal/fal-ai/kling-video/requests/{caller.fal_request}/status")


def runware_read(caller: Caller) -> httpx.Response:
    task = {"taskType": "accountManagement", "operation": "getDetails", "taskUUID": str(uuid.uuid4())}
    return caller.ask("/compat/runware/v1", caller.token, json=[task])


def aimlapi_create(caller: Caller) -> httpx.Response:
    media = {"image_url": caller.samples["portrait"], "audio_url": caller.samples["voice"]}
    body = {"model": "klingai/avatar-standard", **media}
    return caller.ask("/compat/aimlapi/v2/video/generations", caller.token, json=body)


def aimlapi_read(caller: Caller) -> httpx.Response:
    at = {"generation_id": caller.aimlapi_request}
    return caller.get("/compat/aimlapi/v2/video/generations", token=caller.token, params=at)


def mcp(caller: Caller) -> httpx.Response:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with caller.client(token=caller.token) as client:
        return client.post("/mcp", json=body, headers={"Accept": "application/json, text/event-stream"})


def provider_webhook(caller: Caller) -> httpx.Response:
    with caller.client() as client:
        return client.post("/hooks/runware/", json={"data": [], "number": time.time_ns()})


def stripe_webhook(caller: Caller) -> httpx.Response:
    """Signed as Stripe does, by the true time."""
    named = {"object": "event", "id": f"evt_{time.time_ns()}", "type": "product.created", "livemode": False}
    event = named | {"api_version": API_VERSION, "data": {"object": {}}}
    body, now = json.dumps(event).encode(), int(time.time())
    seal = hmac.new(STRIPE_SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    with caller.client() as client:
        return client.post("/hooks/stripe/", content=body, headers={"Stripe-Signature": f"t={now},v1={seal}"})


DOORS: dict[str, Ask] = {
    "`/healthz`": lambda caller: caller.get("/healthz"),
    "front page": lambda caller: caller.get("/"),
    "its price of a recording": price,
    "sign-in page": lambda caller: caller.get("/account/login/"),
    "new password": new_password,
    "script or style": lambda caller: caller.get("/static/css/tokens.css"),
    "share page": lambda caller: caller.get(caller.shared),
    "its video": lambda caller: caller.get(f"{caller.shared}video", follow_redirects=True, timeout=FILE_SECONDS),
    "dashboard page": lambda caller: caller.get(f"{caller.house}/videos/", "alice"),
    "a video's page": lambda caller: caller.get(f"{caller.house}/videos/{caller.render}/", "alice"),
    "dashboard create": dashboard_create,
    "dashboard upload": dashboard_upload,
    "API read": lambda caller: caller.get("/api/v1/renders", token=caller.token),
    "API create": create,
    "API upload": lambda caller: caller.ask("/api/v1/uploads", caller.token, data={"kind": "voice"}, files=new_voice()),
    "MCP": mcp,
    "fal read": fal_read,
    "fal create": fal_create,
    "Runware read": runware_read,
    "AI/ML API read": aimlapi_read,
    "AI/ML API create": aimlapi_create,
    "provider's webhook": provider_webhook,
    "Stripe's webhook": stripe_webhook,
    "admin site": lambda caller: caller.get("/admin/", "staff"),
    "its list of videos": lambda caller: caller.get("/admin/studio/render/", "staff"),
}
