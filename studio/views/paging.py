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

    @classmethod
    def of(cls, rows: list[M], size: int) -> Page[M]:
        """Of ``rows`` that are one more than ``size`` if there is a next page."""
        return cls(rows[:size], str(rows[size - 1].pk) if len(rows) > size else "")


def page_of(newest_first: QuerySet[M], *, before: str, size: int) -> Page[M]:
    """``size`` rows older than the id ``before``, of a queryset that is ordered by ``-id``."""
    if before:
        newest_first = newest_first.filter(pk__lt=before)
    return Page.of(list(newest_first[: size + 1]), size)
