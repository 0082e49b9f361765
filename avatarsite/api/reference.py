"""The API's own pages: its OpenAPI document, the reference made of it, and the list of error codes."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView

from avatarsite.api import schema as _described  # noqa: F401 -- drf-spectacular finds what it describes by import
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


class Pages(SpectacularSwaggerSplitView):
    """Swagger UI from our own static files, its script at an address of its own, so that the CSP holds."""

    url_name = "api_document"
    template_name = "api/reference.html"  # drf-spectacular's own has an inline style, which the CSP refuses
    authentication_classes = ()
    permission_classes = ()
    schema = None


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    codes = sorted(CODES.values(), key=lambda code: (code.status, code.code))
    return render(request, "api/errors.html", {"codes": codes})
