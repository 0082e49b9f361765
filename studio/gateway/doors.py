"""What every door needs: who is asking, and what stands in the request's body."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

from django.http import HttpRequest
from rest_framework.request import Request

from avatarsite.api.throttles import TokenThrottle
from avatarsite.workspaces.models import ApiToken
from avatarsite.workspaces.tokens import token_of

# A portrait at its limit, spelt out as base64, and a voice of some minutes beside it.
BODY_LIMIT = 40_000_000


class NoToken(Exception):
    """The key is not a live token of ours. ``given`` says whether there was one at all."""

    def __init__(self, *, given: bool) -> None:
        super().__init__("no such token")
        self.given = given


class BodyTooLarge(ValueError):
    def __init__(self) -> None:
        super().__init__(f"The request has more than {BODY_LIMIT // 1_000_000} MB. Give addresses instead of files.")


class NotJson(ValueError):
    """The body is not JSON."""


class TooOften(Exception):
    """The token has asked so often that it has to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__("Too many requests in this minute.")
        self.retry_after = {"Retry-After": str(max(1, round(seconds)))}


def check_rate(token: ApiToken, *, reads: bool) -> None:
    """The same allowance as in our own API, and counted with it. Raises TooOften."""
    throttle = TokenThrottle()
    asked = SimpleNamespace(auth=token, method="GET" if reads else "POST")
    if not throttle.allow_request(cast("Request", asked), None):
        raise TooOften(throttle.wait())


def token_in(request: HttpRequest, *schemes: str) -> ApiToken:
    """The token of the ``Authorization`` header. Raises NoToken."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in schemes:
        raise NoToken(given=bool(scheme))
    return known_token(secret.strip())


def known_token(secret: str) -> ApiToken:
    # A client may insist on the form id:secret; then the token stands behind the colon.
    token = token_of(secret.rpartition(":")[2])
    if token is None:
        raise NoToken(given=bool(secret))
    return token


def json_in(request: HttpRequest) -> Any:
    """The body, which may be larger than what Django reads by itself. Raises NotJson or BodyTooLarge."""
    body = request.read(BODY_LIMIT + 1)
    if len(body) > BODY_LIMIT:
        raise BodyTooLarge
    try:
        read = json.loads(body)
        if b"\\u" in body:
            _check_storable(read)
    except (ValueError, RecursionError) as error:
        raise NotJson from error
    return read


def _check_storable(read: Any) -> None:
    """JSON can spell what no database keeps as text: NUL, and halves of characters. Raises ValueError."""
    text = json.dumps(read, ensure_ascii=False)
    text.encode()
    if "\\u0000" in text:
        raise ValueError("a NUL in a text")


def without_files(asked: Any) -> Any:
    """The request as it is kept and given back: files that were spelt out in it are cut to their beginning."""
    if isinstance(asked, dict):
        return {name: without_files(value) for name, value in asked.items()}
    if isinstance(asked, list):
        return [without_files(value) for value in asked]
    if isinstance(asked, str) and len(asked) > 4_000:
        return f"{asked[:60]}… ({len(asked):,} characters)"
    return asked
