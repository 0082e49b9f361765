"""Requests of AI/ML API's clients: their bodies and headers, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.http import HttpRequest

from avatarsite.workspaces.models import ApiToken
from studio.gateway.aimlapi.errors import ApiError
from studio.gateway.http import checks_in, shortened
from studio.gateway.incoming import IncomingRequest
from studio.gateway.model_names import models_of
from studio.gateway.models import Protocol
from studio.pipeline.request.render_request import PROMPT_LIMIT
from studio.uploads.fetch import is_address

CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
PROVIDERS = ("auto", "kling", "klingai", "fal")


def read_request(token: ApiToken, body: Any, client_id: str, headers: Mapping[str, str]) -> IncomingRequest:
    """Raises ApiError."""
    _check_body(body)
    try:
        options = checks_in(headers)
    except ValueError as error:
        raise ApiError(400, f"Header validation error. {error}") from None
    return IncomingRequest(
        protocol=Protocol.AIMLAPI,
        token=token,
        reference=f"{uuid4()}:{body['model']}",
        model=body["model"],
        slug=models_of(Protocol.AIMLAPI)[body["model"]],
        portrait=body["image_url"],
        voice=body["audio_url"],
        body=shortened(body),
        prompt=body.get("prompt", ""),
        options=options,
        client_reference=client_id,
    )


def client_id_of(request: HttpRequest) -> str:
    """The client's own id of the call, if it is well formed; else dropped in silence, as the provider does."""
    given = request.headers.get("X-Client-Request-Id", "")
    return given if CLIENT_ID.fullmatch(given) else ""


def _check_body(body: Any) -> None:
    if not isinstance(body, dict):
        raise ApiError(400, "Body validation error. Expected object")
    for name in ("model", "image_url", "audio_url"):
        if not isinstance(body.get(name), str) or not body[name]:
            received = type(body[name]).__name__ if name in body else "undefined"
            raise ApiError(400, f"Body validation error. {name}: Expected string, received {received}")
    if body["model"] not in models_of(Protocol.AIMLAPI):
        raise ApiError(404, f"Model {body['model'][:100]} not found")
    if not is_address(body["audio_url"]):
        raise ApiError(400, "Body validation error. audio_url: Invalid url")
    prompt = body.get("prompt", "")
    if not isinstance(prompt, str) or len(prompt) > PROMPT_LIMIT:
        raise ApiError(400, f"Body validation error. prompt: String must contain at most {PROMPT_LIMIT} character(s)")
    if body.get("provider", "auto") not in PROVIDERS:
        named = " | ".join(f"'{name}'" for name in PROVIDERS)
        raise ApiError(400, f"Body validation error. provider: Invalid enum value. Expected {named}")
