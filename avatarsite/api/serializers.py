"""Serializers that every part of the API shares."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.conf import settings
from rest_framework import serializers

from avatarsite.api.fields import Query, QueryInteger
from avatarsite.api.pagination import MAX_PAGE_SIZE, PAGE_SIZE

CURSOR = r"^[0-9A-Za-z_-]{1,64}$"


def site_link(path: str) -> str:
    """An absolute address of ours."""
    return f"{settings.SITE_URL}{path}"


def moment(at: datetime | None) -> str | None:
    """As DRF's DateTimeField writes it, at a tenth of its time."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


class PageQuery(Query):
    cursor = serializers.RegexField(CURSOR, required=False, help_text="`next_cursor` of the page before.")
    limit = QueryInteger(required=False, default=PAGE_SIZE, min_value=1, max_value=MAX_PAGE_SIZE)


class NoQuery(Query):
    """For addresses that take nothing behind their question mark."""


@cache
def list_serializer(item: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The envelope of a list of ``item``."""
    name = f"{item.__name__.removesuffix('Serializer')}List"
    fields = {
        "data": item(many=True),
        "has_more": serializers.BooleanField(),
        "next_cursor": serializers.CharField(allow_null=True),
    }
    return type(name, (serializers.Serializer,), fields)
