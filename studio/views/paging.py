"""Pages by key: the next page starts after the last id, so a page costs the same however deep it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """``next`` is the id to ask for older rows with, or nothing at the end."""

    rows: list[M]
    next: str


def page_of(newest_first: QuerySet[M], *, before: str, size: int) -> Page[M]:
    """``size`` rows older than the id ``before``, of a queryset that is ordered by ``-id``."""
    if before:
        newest_first = newest_first.filter(pk__lt=before)
    rows = list(newest_first[: size + 1])
    return Page(rows[:size], str(rows[size - 1].pk) if len(rows) > size else "")
