"""JSON that comes from outside: its one reader, and the sentence for what is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 100
# Far above what a hundred tasks with long prompts have; nothing but brackets takes many times its size in memory.
MAX_VALUES = 100_000
EMPTY = "The body is empty where JSON was expected."
NOT_UTF_8 = "The body is not UTF-8, which JSON is written in (the byte at {})."
TOO_DEEP = f"The JSON is nested more than {MAX_DEPTH} levels deep."
TOO_MANY = f"The JSON has more than {MAX_VALUES:,} values."
NO_NUMBER = "The JSON holds {}, which is no number of JSON’s."
NO_TEXT = "The JSON has text that can’t be kept: a NUL or half of a character."
NO_JSON = "The body is not valid JSON: {} at line {}, column {}."


class NotJson(ValueError):
    """What came can't be read as JSON; its text says why, for whoever sent it."""


def read_json(body: bytes, *, any_text: bool = False) -> Any:
    """What a body of JSON says. Raises NotJson. ``any_text`` leaves it to its reader what text can be kept."""
    if not body.strip():
        raise NotJson(EMPTY)
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise NotJson(TOO_DEEP if _is_deep(body) else TOO_MANY)
    try:
        text = body.decode("utf-8-sig")
        read = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise NotJson(NOT_UTF_8.format(error.start)) from error
    except json.JSONDecodeError as error:
        raise NotJson(NO_JSON.format(error.msg, error.lineno, error.colno)) from error
    except RecursionError as error:
        raise NotJson(TOO_DEEP) from error
    except NotJson:
        raise
    except ValueError as error:  # a whole number of more digits than Python turns into one
        raise NotJson(NO_NUMBER.format("a number of thousands of digits")) from error
    if is_deep(read):
        raise NotJson(TOO_DEEP)
    if not any_text and "\\u" in text and any(_is_broken(found) for level in _levels(read) for found in level):
        raise NotJson(NO_TEXT)
    return read


def is_deep(read: Any) -> bool:
    """Whether it is deeper than the next reader or writer may bear."""
    return sum(1 for _ in _levels(read)) > MAX_DEPTH + 1


def _levels(read: Any) -> Iterator[list[Any]]:
    """What stands in each other, names of fields included, from the outside in, and not much deeper than it may be."""
    level = [read]
    for _ in range(MAX_DEPTH + 2):
        if not level:
            return
        yield level
        under: list[Any] = []
        for found in level:
            if isinstance(found, dict):
                under += [*found, *found.values()]
            elif isinstance(found, list):
                under += found
        level = under


def _is_broken(found: Any) -> bool:
    """Whether it is text that no database keeps."""
    if not isinstance(found, str):
        return False
    return "\x00" in found or any("\ud800" <= character <= "\udfff" for character in found)


def _is_deep(body: bytes) -> bool:
    """Whether it is mostly brackets that begin something."""
    return body.count(b"[") + body.count(b"{") > body.count(b",")


def _no_number(name: str) -> None:
    """Python reads NaN and Infinity, which are not JSON and no database's."""
    raise NotJson(NO_NUMBER.format(name))


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJson(NO_NUMBER.format(text[:40]))
    return number
