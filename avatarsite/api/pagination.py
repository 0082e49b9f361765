"""Pagination by keyset: the page after a million costs what the first does, and new rows shift nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)

MAX_PAGE_SIZE = 100
PAGE_SIZE = 20


def page_of(
    rows: QuerySet[M], shape: Callable[[M], Any], *, cursor: str, limit: int, order: str = "-id"
) -> dict[str, Any]:
    """The rows after ``cursor``; as they come, newest first by id, which is by time.

    ``order`` names a column in which no two of ``rows`` are equal, and its values are the cursors.
    """
    column, after = order.removeprefix("-"), "lt" if order.startswith("-") else "gt"
    ordered = rows.order_by(order)
    if cursor:
        ordered = ordered.filter(**{f"{column}__{after}": cursor})
    return page(list(ordered[: limit + 1]), shape, limit=limit, column=column)


def page(found: list[M], shape: Callable[[M], Any], *, limit: int, column: str = "id") -> dict[str, Any]:
    """As ``page_of``, of rows that were fetched already: one more than ``limit``, if there are more."""
    shown = found[:limit]
    next_cursor = str(getattr(shown[-1], column)) if len(found) > limit else None
    return listed([shape(row) for row in shown], next_cursor=next_cursor)


def listed(data: list[Any], *, next_cursor: str | None = None) -> dict[str, Any]:
    """The envelope of every list."""
    return {"data": data, "has_more": next_cursor is not None, "next_cursor": next_cursor}
