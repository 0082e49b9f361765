"""Typed readers for environment variables.

Each variable may also be given as a file: ``NAME_FILE`` holds the path of a file with the value, as container secrets
do. A bad value stops the start with one sentence that names the variable and the remedy.
"""

from __future__ import annotations

import os
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})


def text(name: str, default: str = "") -> str:
    """The value of ``name``, or of the file that ``NAME_FILE`` points to, stripped."""
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return os.environ.get(name, default).strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE points to {path}, which can't be read: {error.strerror}.") from error


def flag(name: str, *, default: bool) -> bool:
    value = text(name).lower()
    if not value:
        return default
    if value in YES | NO:
        return value in YES
    raise ImproperlyConfigured(f"{name} is {value!r}; write 1 or 0.")


def integer(name: str, default: int, *, least: int = 0) -> int:
    value = text(name)
    if not value:
        return default
    if not value.isdecimal() or int(value) < least:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a whole number of at least {least}.")
    return int(value)


def decimal(name: str, default: str, *, least: str = "0") -> Decimal:
    value = text(name, default)
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a number such as {default}.") from error
    if not number.is_finite() or number < Decimal(least):
        raise ImproperlyConfigured(f"{name} is {value!r}; write a number of at least {least}.")
    return number


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} is {value!r}; write one of {', '.join(allowed)}.")
    return value


def url(name: str, default: str = "", *, schemes: tuple[str, ...] = ("http", "https")) -> str:
    """An absolute address without a slash at its end."""
    value = text(name, default)
    if not value:
        return ""
    parts = urlsplit(value)
    if parts.scheme not in schemes or not parts.netloc:
        raise ImproperlyConfigured(f"{name} is {value!r}; write an address that starts with {schemes[-1]}://.")
    return value.rstrip("/")


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]
