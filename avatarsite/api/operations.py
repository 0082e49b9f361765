"""Operations of the API as a person reads them: made of the OpenAPI document, with every shape written out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt

MAX_DEPTH = 5  # of shapes in shapes that are written out
LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {}",
}
_text = MarkdownIt("zero").enable("backticks")


@dataclass(frozen=True, slots=True)
class Field:
    """A value that is sent or given; ``text`` is HTML, ``values`` the words that it may be."""

    name: str
    kind: str
    required: bool
    text: str
    values: tuple[str, ...] = ()
    limits: str = ""
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent with a request, in one of the forms that it may have."""

    media_type: str
    fields: tuple[Field, ...]

    @property
    def is_file(self) -> bool:
        return self.media_type == "multipart/form-data"

    @property
    def example(self) -> str:
        """With what is required, and nothing else."""
        return json.dumps({each.name: _example(each) for each in self.fields if each.required}, indent=2)


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    text: str
    fields: tuple[Field, ...]

    @property
    def is_good(self) -> bool:
        return self.status.startswith("2")


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a program can ask for."""

    id: str
    method: str
    path: str
    tag: str
    summary: str
    text: str
    in_path: tuple[Field, ...]
    in_query: tuple[Field, ...]
    in_headers: tuple[Field, ...]
    bodies: tuple[Body, ...]
    answers: tuple[Answer, ...]

    @property
    def curl(self) -> str:
        """As a shell would ask for it."""
        verb = "" if self.method == "GET" else f"-X {self.method} "
        lines = [f"curl {verb}$SITE{self.path}", '-H "Authorization: Bearer $TOKEN"']
        if any(each.name == "Idempotency-Key" for each in self.in_headers):
            lines.append('-H "Idempotency-Key: $(uuidgen)"')
        body = next(iter(self.bodies), None)
        if body and body.is_file:
            lines += [f"-F {each.name}={_in_a_form(each)}" for each in body.fields]
        elif body:
            lines += ['-H "Content-Type: application/json"', f"-d '{body.example}'"]
        return " \\\n  ".join(lines)


def _in_a_form(field: Field) -> str:
    if field.kind == "file":
        return f"@{field.name}"
    return next(iter(field.values), field.name)


def operations_of(document: Mapping[str, Any]) -> list[Operation]:
    """In the order of their tags: those that the document names first, then as they come."""
    found = [
        _operation(document, path, method, said)
        for path, methods in document["paths"].items()
        for method, said in methods.items()
    ]
    named = [tag["name"] for tag in document["tags"]]
    tags = [*named, *dict.fromkeys(each.tag for each in found if each.tag not in named)]
    return sorted(found, key=lambda each: tags.index(each.tag))


def _operation(document: Mapping[str, Any], path: str, method: str, said: Mapping[str, Any]) -> Operation:
    def parameters(where: str) -> tuple[Field, ...]:
        return tuple(
            _field(
                document,
                each["name"],
                {**each["schema"], "description": each.get("description", "")},
                bool(each.get("required")),
            )
            for each in said.get("parameters", [])
            if each["in"] == where
        )

    bodies = said.get("requestBody", {}).get("content", {})
    return Operation(
        id=said["operationId"],
        method=method.upper(),
        path=path,
        tag=said["tags"][0],
        summary=said["summary"],
        text=_html(said.get("description", "")),
        in_path=parameters("path"),
        in_query=parameters("query"),
        in_headers=parameters("header"),
        bodies=tuple(Body(kind, _fields(document, one["schema"])) for kind, one in bodies.items()),
        answers=tuple(_answer(document, status, one) for status, one in sorted(said["responses"].items())),
    )


def _answer(document: Mapping[str, Any], status: str, said: Mapping[str, Any]) -> Answer:
    shape = said.get("content", {}).get("application/json", {}).get("schema", {})
    return Answer(status, _html(said.get("description", "")), _fields(document, shape))


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any], depth: int = 0) -> tuple[Field, ...]:
    """Those of an object, of each in a list, or of whichever of several shapes has some."""
    if depth > MAX_DEPTH:
        return ()
    shape = _resolved(document, schema)
    if "items" in shape:
        return _fields(document, shape["items"], depth)
    needed = set(shape.get("required", ()))
    own = tuple(
        _field(document, name, each, name in needed, depth + 1) for name, each in shape.get("properties", {}).items()
    )
    own = (*(each for each in own if each.required), *(each for each in own if not each.required))
    return own or tuple(field for each in shape.get("oneOf", ()) if each for field in _fields(document, each, depth))


def _field(document: Mapping[str, Any], name: str, schema: Mapping[str, Any], required: bool, depth: int = 0) -> Field:
    shape = _resolved(document, schema)
    limits = ", ".join(words.format(f"{shape[limit]:,}") for limit, words in LIMITS.items() if limit in shape)
    values = tuple(str(value) for value in shape.get("enum", ()) if value is not None)
    return Field(
        name=name,
        kind=" or ".join(dict.fromkeys(_kinds(document, shape))),
        required=required,
        text=_html(shape.get("description", "")),
        values=values,
        limits=limits,
        fields=_fields(document, shape, depth),
    )


def _kinds(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    shape = _resolved(document, schema)
    for one in shape.get("oneOf", ()):
        yield from _kinds(document, one)
    said = shape.get("type", [])
    for kind in [said] if isinstance(said, str) else said:
        if kind == "array":
            yield f"list of {' or '.join(dict.fromkeys(_kinds(document, shape['items'])))}"
        elif kind == "string" and shape.get("format") == "binary":
            yield "file"
        elif kind == "string" and shape.get("format") == "date-time":
            yield "time"
        else:
            yield kind


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without ``$ref`` and ``allOf``; what stands beside them counts more."""
    if "$ref" in schema:
        named = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        return {**_resolved(document, named), **{name: said for name, said in schema.items() if name != "$ref"}}
    if "allOf" in schema:
        merged: dict[str, Any] = {}
        for each in schema["allOf"]:
            merged |= _resolved(document, each)
        return {**merged, **{name: said for name, said in schema.items() if name != "allOf"}}
    return schema


def _example(field: Field) -> Any:
    if field.values:
        return field.values[0]
    if field.kind.startswith("list"):
        return []
    if field.kind == "object":
        return {each.name: _example(each) for each in field.fields if each.required}
    return {"integer": 1, "number": 1, "boolean": True}.get(field.kind, f"({field.name})")


def _html(words: str) -> str:
    rendered: str = _text.renderInline(words)
    return rendered
