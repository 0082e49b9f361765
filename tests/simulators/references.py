"""References of ours, as a provider can see them: in an id, a header or an address."""

from __future__ import annotations

import re

REFERENCE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b(?:[a-z]{2,5}_)?[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}\b"
)


def reference_in(*texts: str | None) -> str:
    """The first UUID or ULID (with or without a prefix) in ``texts``, else the first text that is there."""
    present = [text for text in texts if text]
    for text in present:
        found = REFERENCE.search(text)
        if found:
            return found.group()
    return present[0] if present else ""
