"""One row of a workspace by its id, or nothing: what belongs to others does not exist."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404

M = TypeVar("M", bound=Model)


def found(among: QuerySet[M], pk: str) -> M:
    """Raises Http404. An id comes from an address, so it may be anything but a NUL."""
    row = among.filter(pk=pk).first()
    if row is None:
        raise Http404
    return row
