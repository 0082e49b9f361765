"""Lists by keyset: the page after a million costs what the first does, and new rows shift nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)

MOST = 100
USUAL = 20


def page_of(rows: QuerySet[M], shape: Callable[[M], Any], *, cursor: str, limit: int) -> dict[str, Any]:
    """The rows after ``cursor``, newest first by id, which is by time. ``rows`` come without an order."""
    ordered = rows.order_by("-id")
    if cursor:
        ordered = ordered.filter(pk__lt=cursor)
    found = list(ordered[: limit + 1])
    shown = found[:limit]
    return listed([shape(row) for row in shown], next_cursor=shown[-1].pk if len(found) > limit else None)


def listed(data: list[Any], *, next_cursor: str | None = None) -> dict[str, Any]:
    """The envelope of every list."""
    return {"data": data, "has_more": next_cursor is not None, "next_cursor": next_cursor}
