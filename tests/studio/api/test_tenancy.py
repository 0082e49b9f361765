"""Every address of the API, asked with tokens of each scope. The list comes from the URLconf: a new one fails here.

A token opens its own workspace: to it others do not exist, and its scopes say how far it reaches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.test import Client

from avatarsite.outbox.endpoints import make_endpoint, send_test
from avatarsite.outbox.events import fan_out
from avatarsite.workspaces.models import Scope
from avatarsite.workspaces.tokens import set_ask_above
from studio.lifecycle.models import Export
from studio.models import Render, ReviewComment, ShareLink, UploadKind
from studio.speech.plan import SpeechWish
from studio.speech.pronunciations import pronounce
from studio.speech.speak import speak
from studio.uploads.direct import open_slot
from tests.conftest import Cast
from tests.studio.api.conftest import Caller, caller
from tests.test_tenancy import patterns

pytestmark = pytest.mark.django_db

EVERYBODY = frozenset(Scope)
LOOK = frozenset({Scope.READ, Scope.RENDER, Scope.WEBHOOKS, Scope.ADMIN})
MAKE = frozenset({Scope.RENDER, Scope.ADMIN})
MONEY = EVERYBODY
MANAGE = frozenset({Scope.ADMIN})
DEVELOP = frozenset({Scope.WEBHOOKS, Scope.ADMIN})
PAY = frozenset({Scope.BILLING, Scope.ADMIN})
# The address of each, without what leads to it, and which scopes its methods take.
REACH: dict[str, dict[str, frozenset[Scope]]] = {
    "me": {"GET": EVERYBODY},
    "models": {"GET": EVERYBODY},
    "models/<slug:model>": {"GET": EVERYBODY},
    "offers": {"GET": EVERYBODY},
    "quotes": {"POST": LOOK},
    "storage": {"GET": LOOK},
    "uploads": {"GET": LOOK, "POST": MAKE},
    "uploads/slots": {"POST": MAKE},
    "uploads/slots/<slug:slot>/complete": {"POST": MAKE},
    "uploads/<slug:upload>": {"GET": LOOK, "DELETE": MAKE},
    "uploads/<slug:upload>/crops": {"POST": MAKE},
    "uploads/<slug:upload>/file": {"GET": LOOK},
    "renders": {"GET": LOOK, "POST": MAKE},
    "renders/<slug:render>": {"GET": LOOK, "PATCH": MAKE, "DELETE": MAKE},
    "renders/<slug:render>/cancel": {"POST": MAKE},
    "renders/<slug:render>/retry": {"POST": MAKE},
    "renders/<slug:render>/restore": {"POST": MAKE},
    "renders/<slug:render>/events": {"GET": LOOK},
    "renders/<slug:render>/outputs": {"GET": LOOK, "POST": MAKE},
    "renders/<slug:render>/outputs/<str:output>": {"GET": LOOK, "DELETE": MAKE},
    "renders/<slug:render>/give-up": {"PUT": MAKE, "DELETE": MAKE},
    "renders/<slug:render>/release": {"POST": MAKE},
    "renders/<slug:render>/comments": {"GET": LOOK},
    "comments/<slug:comment>": {"GET": LOOK, "PATCH": MAKE, "DELETE": MAKE},
    "verify": {"POST": LOOK},
    "renders/<slug:render>/parts/<int:number>": {"GET": LOOK},
    "renders/<slug:render>/captions": {"GET": LOOK, "PUT": MAKE, "DELETE": MAKE},
    "renders/<slug:render>/shares": {"GET": LOOK, "POST": MAKE},
    "shares/<slug:share>": {"GET": LOOK, "DELETE": MAKE},
    "voices": {"GET": LOOK, "POST": MAKE},
    "voices/<str:speaker>/sample": {"GET": LOOK},
    "voices/<slug:speech>": {"GET": LOOK},
    "pronunciations": {"GET": LOOK, "POST": MAKE},
    "pronunciations/<slug:pronunciation>": {"DELETE": MAKE},
    "batches": {"GET": LOOK, "POST": MAKE},
    "batches/quotes": {"POST": MAKE},
    "batches/<slug:batch>": {"GET": LOOK},
    "projects": {"GET": LOOK, "POST": MAKE},
    "projects/<slug:project>": {"GET": LOOK, "PATCH": MAKE},
    "balance": {"GET": MONEY},
    "budgets": {"GET": MONEY},
    "budgets/<str:scope>/<slug:period>": {"GET": MONEY, "PUT": PAY, "DELETE": PAY},
    "spending-locks": {"GET": MONEY},
    "spending-locks/<str:scope>": {"PUT": PAY, "DELETE": PAY},
    "transactions": {"GET": MONEY},
    "usage": {"GET": MONEY},
    "approvals": {"GET": LOOK},
    "approvals/<slug:approval>": {"GET": LOOK},
    "tokens": {"GET": MANAGE},
    "tokens/<slug:token>": {"PATCH": MANAGE},
    "exports": {"GET": MANAGE, "POST": MANAGE},
    "exports/<slug:export>": {"GET": MANAGE, "DELETE": MANAGE},
    "webhook-secret": {"GET": DEVELOP},
    "webhook-secret/rotate": {"POST": DEVELOP},
    "webhook-endpoints": {"GET": LOOK, "POST": DEVELOP},
    "webhook-endpoints/<slug:endpoint>": {"GET": LOOK, "PATCH": DEVELOP, "DELETE": DEVELOP},
    "webhook-endpoints/<slug:endpoint>/secret": {"GET": DEVELOP},
    "webhook-endpoints/<slug:endpoint>/rotate": {"POST": DEVELOP},
    "webhook-endpoints/<slug:endpoint>/test": {"POST": DEVELOP},
    "webhook-endpoints/<slug:endpoint>/replay": {"POST": DEVELOP},
    "webhook-endpoints/<slug:endpoint>/deliveries": {"GET": LOOK},
    "webhook-endpoints/<slug:endpoint>/deliveries/<slug:delivery>": {"GET": LOOK},
    "webhook-endpoints/<slug:endpoint>/deliveries/<slug:delivery>/resend": {"POST": DEVELOP},
    "events": {"GET": LOOK},
    "events/<slug:event>": {"GET": LOOK},
}
# What has to be said before the thing itself is looked for.
BODIES = {
    "renders/<slug:render>/outputs": {"format": "mov"},
    "renders/<slug:render>/give-up": {"in_seconds": 60},
    "comments/<slug:comment>": {"resolved": True},
}
# The address itself is the permission: what a slot's PUT may do is in test_uploads.py.
WITHOUT_TOKEN = {"slots/<str:token>"}
PREFIX = "api/v1/"
VIEWS = {route.removeprefix(PREFIX): entry for route, entry in patterns() if route.startswith(PREFIX)}
OF_NOBODY = {"models/<slug:model>", "voices/<str:speaker>/sample"}
METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT")
CASES = [(route, method) for route, methods in REACH.items() for method in methods]
OF_SOMEBODY = [(route, method) for route, method in CASES if "<" in route and route not in OF_NOBODY]


def methods_of(route: str) -> set[str]:
    view = VIEWS[route].callback.view_class  # type: ignore[attr-defined]
    return {name for name in METHODS if name.lower() in view.http_method_names and hasattr(view, name.lower())}


@pytest.fixture
def things(api: Caller, inputs: dict[str, str], cast: Cast) -> dict[str, str]:
    """One of each thing of Alice's that an address can name."""
    batch = api.post("batches", {"items": [inputs]}).json()["id"]
    render = api.get("renders").json()["data"][0]
    slot = open_slot(cast.workspace, kind=UploadKind.VOICE, name="voice.mp3", user=cast.alice).id
    found = {"render": render["id"], "project": render["project"], "upload": inputs["portrait"], "batch": batch}
    endpoint = make_endpoint(cast.workspace, url="https://hooks.example.com/", user=None)
    send_test(endpoint)
    fan_out(cast.workspace.pk)
    delivery = endpoint.deliveries.get(event__kind="webhook.test")
    found |= {"endpoint": endpoint.pk, "delivery": delivery.pk, "event": delivery.event.id}
    speech = speak(SpeechWish(cast.workspace, "Hello."))
    found |= {"speech": speech.pk, "speaker": speech.speaker}
    found["pronunciation"] = pronounce(cast.workspace, "Hello", "Hullo").pk
    share = ShareLink.objects.create(workspace=cast.workspace, render_id=render["id"])
    comment = ReviewComment.objects.create(workspace=cast.workspace, render_id=render["id"], link=share, author="Guest")
    asks = caller(cast.workspace, cast.alice, "render")
    set_ask_above(asks.token, 0, user=cast.alice)
    found |= {"token": asks.token.pk, "approval": asks.post("renders", inputs).json()["id"]}
    found |= {"scope": f"token:{asks.token.lineage}", "period": "day"}
    found["export"] = Export.objects.create(workspace=cast.workspace, state="failed").pk
    return found | {
        "slot": slot,
        "share": share.pk,
        "comment": comment.pk,
        "model": "draft",
        "output": "video",
        "number": "1",
    }


def path_of(route: str, things: dict[str, str]) -> str:
    for name, value in things.items():
        route = re.sub(f"<(slug|str|int):{name}>", value, route)
    assert "<" not in route, f"say in `things` what fills {route}"
    return route


def test_every_address_has_an_answer_for_each_of_its_methods() -> None:
    found = {route: methods_of(route) for route in VIEWS.keys() - WITHOUT_TOKEN}
    assert {route: set(methods) for route, methods in REACH.items()} == found


@contextmanager
def undone() -> Iterator[None]:
    """What is done inside is asked about there, and was never done."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_which_scopes_reach(cast: Cast, things: dict[str, str]) -> None:
    """One test for all: making the things takes longer than asking for them."""
    callers = {scope: caller(cast.workspace, cast.alice, scope) for scope in Scope}
    for route, method in CASES:
        for scope, one in callers.items():
            with undone():
                answer = one.ask(method, path_of(route, things), None if method == "GET" else {})
            if scope in REACH[route][method]:
                assert answer.status_code not in (401, 403, 405), (method, route, scope)
            else:
                found = (answer.status_code, answer.json()["code"])
                assert found == (403, "scope_missing"), (method, route, scope)


def test_to_a_stranger_nothing_of_alices_exists(cast: Cast, things: dict[str, str]) -> None:
    strangers = {scope: caller(cast.charlie.workspaces.get(), cast.charlie, scope) for scope in Scope}
    nothing = dict.fromkeys(things, "nobody") | {"output": "video", "number": "1", "period": "day"}
    before = list(Render.objects.values())
    for route, method in OF_SOMEBODY:
        for scope, stranger in strangers.items():
            body = BODIES.get(route, {}) if method in ("POST", "PATCH", "PUT") else None
            answer, nobody = (stranger.ask(method, path_of(route, those), body) for those in (things, nothing))
            reaches = scope in REACH[route][method]
            # A slot that is none is named in a refusal of its own.
            expected = (422 if route.startswith("uploads/slots/") else 404) if reaches else 403
            assert answer.status_code == expected, (method, route, scope)
            assert answer.json()["code"] == nobody.json()["code"], (method, route, scope)
    assert list(Render.objects.values()) == before


def test_a_strangers_lists_have_nothing_of_alices(cast: Cast, things: dict[str, str]) -> None:
    stranger = caller(cast.charlie.workspaces.get(), cast.charlie, "admin")
    own = [thing for name, thing in things.items() if name not in ("model", "output", "number", "period", "speaker")]
    own += [cast.workspace.pk, cast.workspace.slug]
    for route in (route for route, methods in REACH.items() if "<" not in route and "GET" in methods):
        body = stranger.get(route).content.decode()
        assert [thing for thing in own if f'"{thing}"' in body] == [], route


def test_without_a_token_nothing_opens(client: Client, db: None) -> None:
    for route, method in CASES:
        path = re.sub(r"<int:\w+>", "1", re.sub(r"<slug:\w+>", "x", route))
        for headers in ({}, {"Authorization": "Bearer ast_live_forged"}, {"Authorization": "Basic YTpi"}):
            answer = client.generic(method, f"/api/v1/{path}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), (method, route)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
