"""Query values of an address. Anybody can write anything there; nonsense is nothing."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

M = TypeVar("M", bound=Model)

MAX_LENGTH = 120


def word(asked: QueryDict, name: str) -> str:
    """One value, short, and without the NUL that PostgreSQL takes in no string."""
    return str(asked.get(name, "")).replace("\0", "").strip()[:MAX_LENGTH]


def named(among: QuerySet[M], pk: str) -> M | None:
    """The row that an address names, if it names one that is there."""
    return among.filter(pk=pk).first() if pk else None
