"""Rates, origins, caps, ends of tokens, conditions: what stands around every request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from avatarsite.workspaces.models import ApiToken
from avatarsite.workspaces.tokens import make_token, revoke_token, rotate_token
from billing.ledger import posting
from studio.models import Render
from tests.conftest import Cast
from tests.studio.api.conftest import CREDIT, Caller, caller

pytestmark = pytest.mark.django_db


def program(secret: str) -> Any:
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.mark.usefixtures("one_minute")
def test_reads_and_writes_count_apart_and_end_in_429(api: Caller, settings: Any) -> None:
    settings.API_READS_PER_MINUTE, settings.API_WRITES_PER_MINUTE = 2, 1
    first, second, third = (api.get("me") for _ in range(3))
    assert [first.headers["RateLimit"].split(";t=")[0], second.headers["RateLimit"].split(";t=")[0]] == [
        '"reads";r=1',
        '"reads";r=0',
    ]
    assert first.headers["RateLimit-Policy"] == '"reads";q=2;w=60'
    problem = third.json()
    assert (third.status_code, problem["code"], third.headers["Content-Type"]) == (
        429,
        "rate_limited",
        "application/problem+json",
    )
    assert third.headers["Retry-After"] == str(problem["retry_after_seconds"])
    assert 1 <= problem["retry_after_seconds"] <= 60
    assert api.post("projects", {"name": "P"}).status_code == 201
    assert api.post("projects", {"name": "Q"}).status_code == 429


@pytest.mark.usefixtures("one_minute")
def test_another_token_has_its_own_rate_and_a_rotated_one_has_not(api: Caller, cast: Cast, settings: Any) -> None:
    settings.API_READS_PER_MINUTE = 1
    assert [api.get("me").status_code for _ in range(2)] == [200, 429]
    assert caller(cast.workspace, cast.alice).get("me").status_code == 200
    _, secret = rotate_token(api.token, user=cast.alice, overlap=timedelta(hours=1))
    assert program(secret).get("/api/v1/me").status_code == 429


def test_no_limit_has_no_headers(api: Caller, settings: Any) -> None:
    settings.API_READS_PER_MINUTE = 0
    assert "RateLimit" not in api.get("me").headers


def test_a_revoked_and_an_expired_token_are_refused_at_once(cast: Cast) -> None:
    token, secret = make_token(cast.workspace, user=cast.alice, name="one", scopes=["read"])
    assert program(secret).get("/api/v1/me").status_code == 200
    revoke_token(token, user=cast.alice)
    refused = program(secret).get("/api/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    ending, secret = make_token(
        cast.workspace, user=cast.alice, name="two", scopes=["read"], expires_at=timezone.now() + timedelta(days=1)
    )
    assert program(secret).get("/api/v1/me").status_code == 200
    ApiToken.objects.filter(pk=ending.pk).update(expires_at=timezone.now())
    assert program(secret).get("/api/v1/me").status_code == 401


def test_both_secrets_work_while_one_takes_over(cast: Cast) -> None:
    old, old_secret = make_token(cast.workspace, user=cast.alice, name="one", scopes=["read"])
    _, new_secret = rotate_token(old, user=cast.alice, overlap=timedelta(hours=1))
    assert [program(secret).get("/api/v1/me").status_code for secret in (old_secret, new_secret)] == [200, 200]
    ApiToken.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    assert [program(secret).get("/api/v1/me").status_code for secret in (old_secret, new_secret)] == [401, 200]


def test_a_monthly_cap_refuses_and_says_how_much_is_missing(cast: Cast, priced: None, inputs: dict[str, str]) -> None:
    posting.grant(cast.workspace, CREDIT, key="cap", reason="test")
    token, secret = make_token(
        cast.workspace, user=cast.alice, name="capped", scopes=["render"], monthly_cap_micros=100_000
    )
    capped = Caller(token, secret)
    first = capped.post("renders", inputs)
    ceiling = first.json()["ceiling"]["amount_micros"]
    refused = capped.post("renders", inputs)
    problem = refused.json()
    assert (first.status_code, refused.status_code, problem["code"]) == (201, 402, "budget_reached")
    assert problem["missing"]["amount_micros"] == 2 * ceiling - 100_000
    assert Render.objects.count() == 1


def test_other_sites_may_not_call_unless_they_are_named(api: Caller, settings: Any) -> None:
    asked = {"Origin": "https://shop.example.org"}
    assert "Access-Control-Allow-Origin" not in api.get("me", **asked).headers
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example.org"]
    # A client reads the settings with its first request.
    opened = Caller(api.token, api.secret)
    allowed = opened.get("me", **asked).headers
    assert allowed["Access-Control-Allow-Origin"] == "https://shop.example.org"
    assert "ratelimit" in allowed["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in opened.get("me", Origin="https://other.example.org").headers
    preflight = Client().options(
        "/api/v1/renders",
        headers={
            **asked,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,idempotency-key",
        },
    )
    assert (preflight.status_code, "idempotency-key" in preflight.headers["Access-Control-Allow-Headers"]) == (
        200,
        True,
    )
    page = Client().get("/account/login/", headers=asked)
    assert "Access-Control-Allow-Origin" not in page.headers


@pytest.mark.parametrize(
    "path", ["me", "models", "offers", "balance", "usage", "transactions", "renders", "projects", "uploads", "batches"]
)
def test_every_list_has_an_etag_that_spares_what_has_not_changed(api: Caller, path: str) -> None:
    first = api.get(path)
    etag = first.headers["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = api.get(path, If_None_Match=known)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert api.get(path, If_None_Match='"other"').content == first.content


def test_nobody_keeps_an_answer_for_others(api: Caller) -> None:
    headers = api.get("me").headers
    assert ("private" in headers["Cache-Control"], "Authorization" in headers["Vary"]) == (True, True)
