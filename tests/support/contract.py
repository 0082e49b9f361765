"""What the product promises outwards, as one fact a line: its addresses, its commands, the shape of its API.

``DJANGO_SETTINGS_MODULE=avatarsite.settings python -m tests.support.contract`` prints the facts as JSON.
``tests/contract_5080d42.json`` is what it printed at that commit, before the house was rearranged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import django
from django.core.management import get_commands
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator

# Prose may be mended at any time, and an admin page of a model brings its own pages of one row.
PROSE = ("description", "example", "examples", "title", "summary", "x-spec-enum-id")
OF_ONE_ROW = re.compile(r"^admin/\w+/\w+/(add/|<path>/.*)$|^admin/\^")
OURS = ("avatarsite", "billing", "studio")


def facts() -> list[str]:
    return sorted({*_commands(), *_urls(), *_api()})


def _commands() -> Iterator[str]:
    return (f"command {name}" for name, app in get_commands().items() if str(app).split(".")[0] in OURS)


def _urls() -> Iterator[str]:
    return (f"url {route}" for route in _routes(get_resolver().url_patterns) if not OF_ONE_ROW.match(route))


def _routes(patterns: Any, prefix: str = "") -> Iterator[str]:
    """Routes without the names of their parts: ``w/<slug>/videos/``."""
    for pattern in patterns:
        route = prefix + re.sub(r"<(\w+):\w+>", r"<\1>", str(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route


def _api() -> Iterator[str]:
    document = SchemaGenerator().get_schema(request=None, public=True)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield from _operation(f"{method.upper()} {path}", operation)
    for name, schema in document["components"]["schemas"].items():
        yield from _schema(name, schema)


def _operation(name: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"operation {name}"
    for parameter in operation.get("parameters", []):
        required = "!" if parameter.get("required") else ""
        yield f"parameter {name} {parameter['in']} {parameter['name']}{required} {_written(parameter['schema'])}"
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        yield f"body {name} {kind} {_written(media['schema'])}"
    answers = operation["responses"]
    yield f"refusals {name} {' '.join(sorted(code for code in answers if code >= '4'))}"
    for code in (code for code in answers if code < "4"):
        for kind, media in answers[code].get("content", {"": {}}).items():
            yield f"answer {name} {code} {kind} {_written(media.get('schema'))}"


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    required = schema.get("required", [])
    fields = schema.get("properties", {})
    rest = {key: value for key, value in schema.items() if key not in {"required", "properties"}}
    yield f"schema {name} {_written(rest)}"
    for field, value in fields.items():
        yield f"field {name}.{field}{'!' if field in required else ''} {_written(value)}"


def _written(node: Any) -> str:
    return json.dumps(_bare(node), sort_keys=True, ensure_ascii=False)


def _bare(node: Any) -> Any:
    """A schema without its prose, and of a reference its name."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return node["$ref"].rsplit("/", 1)[1]
    return {name: _bare(value) for name, value in node.items() if name not in PROSE or name == "properties"}


if __name__ == "__main__":
    django.setup()
    print(json.dumps(facts(), indent=0, ensure_ascii=False))
