"""JSON as it's documented: an object in UTF-8, not too large, not too deep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request

# A portrait of 20 MB as a data URI fits; a long voice is better uploaded.
JSON_LIMIT = 32_000_000


class StrictJSON(JSONParser):
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = (parser_context or {}).get("request")
        length = request.META.get("CONTENT_LENGTH") if isinstance(request, Request) else None
        if str(length or "").isdecimal() and int(str(length)) > JSON_LIMIT:
            raise RequestDataTooBig
        try:
            found = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        if not isinstance(found, dict):
            raise ParseError("The body is JSON, but not an object.")
        return found


class Form(MultiPartParser):
    """Multipart forms, for uploads."""
