"""Requests of fal's clients: their arguments and their headers, read and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from avatarsite.http.json_body import NotJson
from avatarsite.workspaces.models import ApiToken
from studio.gateway.errors import INVALID, GatewayError
from studio.gateway.fal.errors import entry, unreadable_entry
from studio.gateway.http import checks_in, shortened
from studio.gateway.incoming import IncomingRequest
from studio.gateway.model_names import models_of
from studio.gateway.models import Protocol
from studio.pipeline.request.options import MAX_LIFE_SECONDS, MIN_LIFE_SECONDS
from studio.pipeline.request.render_request import PROMPT_LIMIT

YES = frozenset({"1", "true", "yes"})
MAX_WAIT = 24 * 3600.0
NO_PROMPT = "."  # what the model takes for none


class HeaderRefused(ValueError):
    """A request header that can't be what it says."""


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """What the headers ask for. Priority and hints have no meaning here, and are only checked."""

    start_seconds: float | None = None
    fallback: bool = True
    keeps_request: bool = True
    options: dict[str, Any] = field(default_factory=dict)


def read_headers(headers: Mapping[str, str]) -> RequestHeaders:
    """Raises HeaderRefused."""
    if headers.get("X-Fal-Queue-Priority", "normal") not in ("normal", "low"):
        raise HeaderRefused("X-Fal-Queue-Priority must be normal or low")
    life = _life(headers.get("X-Fal-Object-Lifecycle-Preference"))
    return RequestHeaders(
        start_seconds=_seconds(headers.get("X-Fal-Request-Timeout")),
        fallback=headers.get("X-Fal-No-Retry", "").lower() not in YES,
        keeps_request=headers.get("X-Fal-Store-IO", "1").strip() != "0",
        options={**({"ttl_seconds": life} if life is not None else {}), **_checks(headers)},
    )


def read_request(
    token: ApiToken, model: str, arguments: Any, headers: RequestHeaders, webhook_url: str
) -> IncomingRequest:
    """The request; arguments that can't be read are its error, which is the result, as at fal."""
    given: dict[str, Any] = arguments if isinstance(arguments, dict) else {}
    entries = _wrong(arguments)
    prompt = given.get("prompt")
    return IncomingRequest(
        protocol=Protocol.FAL,
        token=token,
        reference=str(uuid4()),
        model=model,
        slug=models_of(Protocol.FAL)[model],
        portrait="" if entries else given["image_url"],
        voice="" if entries else given["audio_url"],
        body=shortened(given),
        prompt="" if entries or not prompt or prompt.strip() == NO_PROMPT else prompt,
        options=headers.options,
        fallback=headers.fallback,
        webhook_url=webhook_url,
        start_seconds=headers.start_seconds,
        keeps_request=headers.keeps_request,
        error=GatewayError(INVALID, detail=entries) if entries else None,
    )


def _wrong(arguments: Any) -> list[dict[str, Any]]:
    if isinstance(arguments, NotJson):
        return [unreadable_entry(arguments)]
    if not isinstance(arguments, dict):
        return [entry("model_attributes_type", "", "Input should be an object", arguments)]
    found = []
    for name, ours in (("image_url", "portrait"), ("audio_url", "voice")):
        if name not in arguments:
            found.append(entry("missing", ours, "Field required", arguments))
        elif not isinstance(arguments[name], str) or not arguments[name].strip():
            found.append(entry("string_type", ours, "Input should be a valid string", arguments[name]))
    prompt = arguments.get("prompt")
    if prompt is not None and not isinstance(prompt, str):
        found.append(entry("string_type", "prompt", "Input should be a valid string", prompt))
    elif prompt and len(prompt.strip()) > PROMPT_LIMIT:
        sentence = f"String should have at most {PROMPT_LIMIT} characters"
        found.append(entry("string_too_long", "prompt", sentence, prompt))
    return found


def _checks(headers: Mapping[str, str]) -> dict[str, str]:
    try:
        return checks_in(headers)
    except ValueError as error:
        raise HeaderRefused(str(error)) from None


def _seconds(header: str | None) -> float | None:
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise HeaderRefused("X-Fal-Request-Timeout must be a positive number of seconds")
    return min(seconds, MAX_WAIT)


def _life(header: str | None) -> int | None:
    """Seconds until the video is deleted, if the client wants an end."""
    return lifecycle(header, "X-Fal-Object-Lifecycle-Preference", least=MIN_LIFE_SECONDS)


def lifecycle(header: str | None, name: str, *, least: int = 1) -> int | None:
    if header is None:
        return None
    try:
        wanted = json.loads(header)
    except (ValueError, RecursionError):
        wanted = None
    if not isinstance(wanted, dict):
        raise HeaderRefused(f"{name} must be an object")
    seconds = wanted.get("expiration_duration_seconds")
    if not seconds:
        return None
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not least <= seconds <= MAX_LIFE_SECONDS:
        raise HeaderRefused(f"{name}: expiration_duration_seconds must be {least} to {MAX_LIFE_SECONDS}")
    return seconds
