"""The request headers that fal honours."""

from __future__ import annotations

import json
from collections.abc import Mapping

STORED_HEADERS = (
    "x-fal-request-timeout",
    "x-fal-queue-priority",
    "x-fal-no-retry",
    "x-fal-store-io",
    "x-fal-object-lifecycle-preference",
    "x-fal-runner-hint",
    "user-agent",
)


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of ``headers`` that mean something, by their small names."""
    return {name: headers[name] for name in STORED_HEADERS if name in headers}


def is_yes(value: str) -> bool:
    return value.lower() in ("1", "true", "yes")


def wrong_header(headers: Mapping[str, str]) -> str | None:
    """What is wrong with them in a sentence, or None."""
    limit = headers.get("X-Fal-Request-Timeout")
    try:
        if limit is not None and float(limit) <= 0:
            return "X-Fal-Request-Timeout must be positive"
        wish = headers.get("X-Fal-Object-Lifecycle-Preference")
        if wish is not None and not isinstance(json.loads(wish), dict):
            return "X-Fal-Object-Lifecycle-Preference must be an object"
    except ValueError:
        return "A request header has an invalid value"
    if headers.get("X-Fal-Queue-Priority", "normal") not in ("normal", "low"):
        return "X-Fal-Queue-Priority must be normal or low"
    return None
