"""Responses of providers, and how much of them may be believed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from avatarsite.http.json_body import is_deep

MAX_RETRY_AFTER = 900.0  # a provider that says "in a year" is asked in a quarter of an hour
TEXT_KEPT = 2_000


@dataclass(frozen=True)
class Answer:
    """One whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @cached_property
    def data(self) -> Any:
        """The JSON of the body, or None if it has none, or none that the next reader could bear."""
        found = self._data()
        return None if is_deep(found) else found

    def _data(self) -> Any:
        try:
            # Only what is written as an escape can be a NUL or half of a pair, once the rest is known to be UTF-8.
            if b"\\u" in self.content:
                return plain(json.loads(self.content))
            return json.loads(self.content.decode(), parse_constant=_no_number, parse_float=_number)
        except UnicodeDecodeError:
            return self._odd_data()
        except (ValueError, RecursionError):
            return None

    def _odd_data(self) -> Any:
        try:
            return plain(json.loads(self.content))
        except (ValueError, RecursionError):
            return None

    def part(self, data: Any) -> Answer:
        """The same answer, as if ``data``, which was in it, had been all of it."""
        found = Answer(self.status, self.headers, b"")
        found.__dict__["data"] = data
        return found

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object of the body; empty if it is anything else."""
        return self.data if isinstance(self.data, dict) else {}

    @property
    def text(self) -> str:
        return str(plain(self.content[:TEXT_KEPT].decode("utf-8", "replace")))

    @property
    def raw(self) -> dict[str, Any]:
        """What is kept of it for the operator."""
        return {"http_status": self.status} | ({"text": self.text} if self.data is None else {"body": self.data})

    @property
    def retry_after_seconds(self) -> float | None:
        return retry_after_seconds(self.headers.get("retry-after", ""))


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _no_number(_: str) -> None:
    """NaN and the infinities, which JSON does not have."""


def plain(value: Any) -> Any:
    """JSON that every database takes: no NUL, no half of a surrogate pair, no number that is none."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {plain(name): plain(item) for name, item in value.items()}
    return value


def retry_after_seconds(value: str, now: datetime | None = None) -> float | None:
    """Seconds from a Retry-After header, which is a number of them or a date; None if it is neither."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value, now or datetime.now(UTC))
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if math.isfinite(seconds) else None


def _until(value: str, now: datetime) -> float:
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return math.nan
    return (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds()


# --- Readers that take any JSON and give what was hoped for, or nothing ----------------------------------------------
# JSON's objects are dicts, and that is looked at first: Mapping takes ten times as long to ask.
OBJECT = (dict, Mapping)


def text_at(value: Any, *names: str) -> str:
    """The first of ``names`` in a JSON object that holds text."""
    if isinstance(value, OBJECT):
        for name in names:
            if isinstance(value.get(name), str) and value[name]:
                return str(value[name])
    return ""


def count_at(value: Any, name: str, most: int = 2**31 - 1) -> int | None:
    """A whole number from 0 to ``most``."""
    found = value.get(name) if isinstance(value, OBJECT) else None
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    return int(found) if 0 <= found <= most else None


def objects_at(value: Any, name: str) -> list[dict[str, Any]]:
    """The JSON objects in a list, or the one object that stands where the list was expected."""
    found = value.get(name) if isinstance(value, OBJECT) else None
    items = found if isinstance(found, list) else [found]
    return [item for item in items if isinstance(item, dict)]
