"""The API's own pages: its OpenAPI document, the reference made of that, and the list of error codes."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from avatarsite.api import schema as _described  # noqa: F401 -- drf-spectacular finds what it describes by import
from avatarsite.api.operations import Operation, operations_of
from avatarsite.api.problems import CODES


@cache
def document() -> bytes:
    """The OpenAPI document; it changes with the code alone, so it's made once in a process."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(schema, ensure_ascii=False).encode()


class Document(View):
    http_method_names = ["get", "head"]

    def get(self, _request: HttpRequest) -> HttpResponse:
        response = HttpResponse(document(), content_type="application/json")
        response.headers["Cache-Control"] = "public, max-age=300"
        return response


@cache
def _operations() -> dict[str, Operation]:
    return {each.id: each for each in operations_of(json.loads(document()))}


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Everything that the API can do, by what it is about."""
    return render(request, "api/reference.html", {"operations": _operations().values()})


@require_safe
def operation(request: HttpRequest, operation: str) -> HttpResponse:
    """One thing that it can do, with all that is sent and given, to be tried out with one's own token."""
    found = _operations().get(operation)
    if found is None:
        raise Http404
    return render(request, "api/operation.html", {"operations": _operations().values(), "operation": found})


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    codes = sorted(CODES.values(), key=lambda code: (code.status, code.code))
    return render(request, "api/errors.html", {"codes": codes})
