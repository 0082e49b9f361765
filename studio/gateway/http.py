"""Authentication, rate limit and body of a request, for the views of every protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from types import SimpleNamespace
from typing import Any, cast

from django.http import HttpRequest
from rest_framework.request import Request

from avatarsite.api.throttles import TokenThrottle
from avatarsite.http.json_body import read_json
from avatarsite.http.public_addresses import AddressRefused, check_by_name
from avatarsite.workspaces.models import ApiToken
from avatarsite.workspaces.tokens import token_of
from studio.pipeline.request.options import CONTENT_CHECKS, IF_FLAGGED, trusted_endpoints

# A portrait at its limit, spelt out as base64, and a voice of some minutes beside it.
BODY_LIMIT = 40_000_000
MAX_ADDRESS = 2_000
# What is kept of a request, so that a stranger's fields don't fill our tables.
MAX_DEPTH, MAX_ENTRIES, MAX_TEXT, MAX_CHARACTERS = 6, 50, 4_000, 64_000


# Neither fal's requests nor AI/ML API's have a field for it.
CHECK_HEADERS = {
    "X-Content-Check": ("content_check", CONTENT_CHECKS),
    "X-If-Flagged": ("if_flagged", IF_FLAGGED),
}


class NoToken(Exception):
    """The key is not a live token of ours. ``given`` says whether there was one at all."""

    def __init__(self, *, given: bool) -> None:
        super().__init__("no such token")
        self.given = given


class BodyTooLarge(ValueError):
    def __init__(self) -> None:
        super().__init__(f"The request has more than {BODY_LIMIT // 1_000_000} MB. Give addresses instead of files.")


class TooOften(Exception):
    """The token has asked so often that it has to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__("Too many requests in this minute.")
        self.retry_after = {"Retry-After": str(max(1, round(seconds)))}


def check_rate(token: ApiToken, *, reads: bool) -> None:
    """The same allowance as in our own API, and counted with it. Raises TooOften."""
    throttle = TokenThrottle()
    request = SimpleNamespace(auth=token, method="GET" if reads else "POST")
    if not throttle.allow_request(cast("Request", request), None):
        raise TooOften(throttle.wait())


def checks_in(headers: Mapping[str, str]) -> dict[str, str]:
    """The content check that our own headers ask for. Raises ValueError with a sentence."""
    named = {option: headers[name].strip().lower() for name, (option, _) in CHECK_HEADERS.items() if name in headers}
    for name, (option, choices) in CHECK_HEADERS.items():
        if named.get(option, choices[0]) not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}")
    return named


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
    return json_of(request.read(BODY_LIMIT + 1))


def json_of(body: bytes) -> Any:
    """What a body says. Raises NotJson or BodyTooLarge."""
    if len(body) > BODY_LIMIT:
        raise BodyTooLarge
    return read_json(body)


def why_no_webhook(url: str) -> str:
    """Why nothing could ever be sent to this address of a client's, as a sentence's end; empty when it can be tried."""
    if len(url) > MAX_ADDRESS:
        return f"it has more than {MAX_ADDRESS:,} characters."
    try:
        check_by_name(url, trusted=trusted_endpoints().may_get_key(url), plain=True)
    except AddressRefused as refusal:
        return refusal.why
    return ""


def shortened(body: Any) -> Any:
    """The body as it is kept and given back: files that were spelt out in it are cut to their beginning.

    So is whatever no protocol knows and would fill our tables.
    """
    if not isinstance(body, dict):
        cut = _cut(body, MAX_DEPTH)
        return cut if len(json.dumps(cut)) <= MAX_CHARACTERS else "(too large to be kept)"
    first = {name[:60]: _cut(value, MAX_DEPTH) for name, value in islice(body.items(), MAX_ENTRIES)}
    if len(json.dumps(first)) <= MAX_CHARACTERS:
        return first
    return {name: value for name, value in first.items() if not isinstance(value, dict | list)}


def _cut(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else f"{value[:60]}… ({len(value):,} characters)"
    if isinstance(value, dict | list) and (not levels or len(value) > MAX_ENTRIES):
        return f"({len(value):,} entries)"
    if isinstance(value, dict):
        return {name[:60]: _cut(under, levels - 1) for name, under in value.items()}
    if isinstance(value, list):
        return [_cut(under, levels - 1) for under in value]
    return value
