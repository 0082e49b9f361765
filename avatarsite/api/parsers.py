"""Parser of JSON as it's documented: an object in UTF-8, not too large, not too deep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser

from avatarsite.http.json_body import NotJson, read_json

# A portrait of 20 MB as a data URI fits; a long voice is better uploaded.
JSON_LIMIT = 32_000_000


class StrictJSON(JSONParser):
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        body = stream.read(JSON_LIMIT + 1)
        if len(body) > JSON_LIMIT:
            raise RequestDataTooBig
        try:
            found = read_json(body, any_text=True)  # its fields say which of them it is
        except NotJson as error:
            raise ParseError(str(error)) from error
        if not isinstance(found, dict):
            raise ParseError("The body is JSON, but not an object.")
        return found


class Form(MultiPartParser):
    """Multipart forms, for uploads."""
