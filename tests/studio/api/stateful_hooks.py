"""Hooks of schemathesis: what is asked for is mostly what can be made, so that what comes after a render is reached."""

from __future__ import annotations

from typing import Any

import schemathesis

SELDOM_RIGHT = ("project", "quote", "options", "max_amount_micros", "routing")


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Without the optional names whose values can't be guessed. Only for generated data that is well formed."""
    if isinstance(body, dict):
        return {name: value for name, value in body.items() if name not in SELDOM_RIGHT}
    return body
