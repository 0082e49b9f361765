"""Columns and filters that lists of the admin site share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from avatarsite.desk import age_of

OVERDUE_AFTER = timedelta(minutes=5)


def age(field: str = "created_at", title: str = "age") -> Any:
    """A column with the age of a row in words; the moment itself shows on pointing."""

    @admin.display(description=title, ordering=field, empty_value="–")
    def column(row: Model) -> SafeString | None:
        moment: datetime | None = getattr(row, field)
        if moment is None:
            return None
        return format_html(
            '<span class="desk__whole" title="{} UTC">{}</span>', f"{moment:%Y-%m-%d %H:%M:%S}", age_of(moment)
        )

    vars(column)["of_list_only"] = True  # a row's page shows the moment itself
    return column


def late(field: str) -> Callable[[], Q]:
    """Rows whose moment for the next step has passed, and nobody has taken it."""
    return lambda: Q(**{f"{field}__lt": timezone.now() - OVERDUE_AFTER})


def overdue(which: Callable[[], Q], word: str = "Overdue") -> type[admin.SimpleListFilter]:
    """A filter of the rows that wait for somebody, which is also where the first page leads: ``?overdue=1``."""

    class Overdue(admin.SimpleListFilter):
        title = word.lower()
        parameter_name = "overdue"

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [("1", word)]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(which()) if self.value() == "1" else queryset

    return Overdue


def one_of(field: str, values: Callable[[], Iterable[str]]) -> type[admin.SimpleListFilter]:
    """A filter by a column whose values we know: Django's own would read the whole table for them."""

    class OneOf(admin.SimpleListFilter):
        title = field
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(value, value) for value in values()]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{field: self.value()}) if self.value() else queryset

    return OneOf
