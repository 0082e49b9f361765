"""OpenAPI document: the token, our fields, the headers and refusals, which drf-spectacular can't see by itself."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiParameter

from avatarsite.api.fields import NO_NUL
from avatarsite.api.models import KEY_LENGTH
from avatarsite.api.problems import CONTENT_TYPE

READS = ("get", "head")
ANYWHERE = ("400", "401", "403", "406", "429", "500")
ON_WRITES = ("404", "409", "412", "413", "415", "422")
MEANINGS = {
    "304": "Nothing has changed since the ETag that came with the request.",
    "400": "The request does not have the documented form; `field` and `errors` say where.",
    "401": "No valid token came with the request.",
    "402": "There is too little credit, or a budget is used up: `missing` says how much. Nothing was charged.",
    "403": "The token’s scopes do not allow this.",
    "404": "There is no such thing in the workspace of the token.",
    "406": "Accept asks for something else than JSON.",
    "409": "It can’t be done as things stand, or the Idempotency-Key came before with another request.",
    "412": "It has changed since the ETag in If-Match.",
    "413": "The body is too large, or the workspace has no room for the file.",
    "415": "The body’s media type is not understood.",
    "422": "The request is well formed, but can’t be done: `code`, `field` and `remedy` say why and what to do.",
    "429": "Too many requests, drafts, or bytes in a minute; wait as long as `Retry-After` says.",
    "500": "Something broke on our side: `reference` is where we find it. Send it again, with the same key.",
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A refusal, after RFC 9457. A refused request has had no effect and has charged nothing.",
    "required": ["type", "title", "status", "code", "detail", "field", "remedy", "docs", "charged"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Where this code is documented."},
        "title": {"type": "string", "description": "The same for each problem of this code."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Never changes its meaning: decide by it."},
        "detail": {"type": "string", "description": "What is wrong, in a sentence."},
        "field": {"type": ["string", "null"], "description": "The part of the request that is wrong."},
        "remedy": {"type": "string", "description": "What to do about it."},
        "docs": {"type": "string", "format": "uri"},
        "charged": {"type": "boolean", "description": "Whether this request has charged anything."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "retry_after_seconds": {"type": "integer"},
        "reference": {"type": "string", "description": "Of a defect of ours: tell it to support."},
    },
}
HEADERS: dict[str, Any] = {
    "RateLimit": {
        "description": 'What is left in this minute: `"reads";r=599;t=42`, with t in seconds.',
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {"description": 'What a minute allows: `"reads";q=600;w=60`.', "schema": {"type": "string"}},
}
ETAG = {
    "description": "Send it as If-None-Match to be told whether anything has changed.",
    "schema": {"type": "string"},
}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "avatarsite.api.authentication.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 -- spectacular's signature
        return {"type": "http", "scheme": "bearer", "description": "A token of the workspace: ast_live_… or ast_test_…"}


class _OurField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Fields as Django knows them, plus what only ours refuse."""

    target_class = "avatarsite.api.fields.StrictString"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Direction) -> Any:
        found = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)  # noqa: SLF001
        return {"pattern": NO_NUL, **found} if direction == "request" else found


class _OurStringMap(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Names, like values, are without what no database stores."""

    target_class = "avatarsite.api.fields.StrictStringMap"

    def map_serializer_field(self, auto_schema: Any, direction: Direction) -> Any:
        found = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)  # noqa: SLF001
        return {**found, "propertyNames": {"pattern": NO_NUL}} if direction == "request" else found


class _OurBody(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """A request's object takes the documented names and no others."""

    target_class = "avatarsite.api.fields.Body"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Direction) -> Any:
        found = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # noqa: SLF001
        return {**found, "additionalProperties": False}


# What classes of ours end in, and their components of the document, whose names programs know.
ENDINGS = {"Serializer": "Shape", "Input": "Body"}


class ApiSchema(AutoSchema):
    def get_serializer_name(self, serializer: Any, direction: Direction) -> str:
        name = super().get_serializer_name(serializer, direction)
        for ending, published in ENDINGS.items():
            if name.endswith(ending):
                return name.removesuffix(ending) + published
        return name

    def get_override_parameters(self) -> list[Any]:
        if self.method.lower() in READS:
            return []
        return [
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "pattern": rf"^[!-~]{{1,{KEY_LENGTH}}}$"},
                OpenApiParameter.HEADER,
                description="Your own name for this write. A repeat within 24 hours gets the same answer and has no "
                "second effect; another request with it gets 409.",
            )
        ]


def ours(endpoints: list[Any], **_: Any) -> list[Any]:
    """Preprocessing hook: the API alone, whatever else DRF serves."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/v1/")]


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: what all operations share."""
    components = result.setdefault("components", {})
    components["schemas"] = {name: _tidied(schema) for name, schema in components.get("schemas", {}).items()}
    components["schemas"]["Problem"] = PROBLEM
    components["headers"] = HEADERS | {"ETag": ETAG}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method, has_id="{" in path)
            if method == "post" and "201" in operation["responses"]:
                operation["responses"]["201"]["links"] = _links(result["paths"], path.removesuffix("/{render}/retry"))
    return result


def _links(paths: dict[str, Any], made: str) -> dict[str, Any]:
    """What can be done with the thing that was made below ``made``, by its id."""
    found = {}
    for path, operations in paths.items():
        name = path.removeprefix(f"{made}/{{").partition("}")[0]
        if path.startswith(f"{made}/{{"):
            here = {name: "$response.body#/id"}
            for operation in operations.values():
                found[operation["operationId"]] = {"operationId": operation["operationId"], "parameters": here}
    return found


def _tidied(schema: Any) -> Any:
    """Without what drf-spectacular says twice: a text that may be empty as two texts, and null beside null."""
    if isinstance(schema, list):
        return [_tidied(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _tidied(part) for name, part in schema.items()}
    texts = found.get("oneOf", [])
    if texts and texts[0].get("pattern") == NO_NUL and not any(part.get("type") == "object" for part in texts):
        found = {name: part for name, part in found.items() if name != "oneOf"} | texts[0]
    if isinstance(found.get("type"), list):
        found["type"] = list(dict.fromkeys(found["type"]))
    return found


def _complete(operation: dict[str, Any], method: str, *, has_id: bool) -> None:
    responses = operation["responses"]
    refusals = {*ANYWHERE, *(() if method in READS else ON_WRITES), *(("404",) if has_id else ())}
    refusals |= {status for status, answer in responses.items() if status[0] in "45" and not answer.get("content")}
    if method in READS and "200" in responses:
        responses["200"].setdefault("headers", {})["ETag"] = {"$ref": "#/components/headers/ETag"}
        responses["304"] = {"description": MEANINGS["304"]}
    for answer in responses.values():
        answer.setdefault("headers", {}).update({name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS})
    for status in refusals:
        responses[status] = {
            "description": MEANINGS[status],
            "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    if not operation.get("security"):
        operation.pop("security", None)
    operation["responses"] = dict(sorted(responses.items()))
