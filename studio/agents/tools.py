"""Tools of the MCP server: each is one operation of the API, with its fields as the OpenAPI document has them.

A call goes through the operation's own view, so that scopes, rates, repeats, budgets and refusals are the API's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.urls import resolve
from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations

from avatarsite.api.idempotency import HEADER
from avatarsite.api.reference import document
from studio.agents.words import TOOLS, ToolWords

KEY = "idempotency_key"
REFS = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Route:
    """An operation in the document: how it is asked, and where each argument goes."""

    method: str
    path: str
    places: Mapping[str, str]
    tool: Tool


@cache
def routes() -> Mapping[str, Route]:
    """By the tool's name. Made once in a process: the document changes with the code alone."""
    found = json.loads(document())
    by_id = {
        operation["operationId"]: (method, path, operation)
        for path, operations in found["paths"].items()
        for method, operation in operations.items()
    }
    schemas = found["components"]["schemas"]
    return {each.name: _route(each, *by_id[each.operation_id], schemas) for each in TOOLS}


def _route(said: ToolWords, method: str, path: str, operation: Mapping[str, Any], schemas: Any) -> Route:
    fields, required, places = {}, [], {}
    for parameter in operation.get("parameters", []):
        name = KEY if parameter["name"] == HEADER else parameter["name"]
        fields[name] = {**parameter["schema"], "description": parameter.get("description", "")}
        places[name] = parameter["in"]
        required += [name] * parameter.get("required", False)
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        whole = _inlined(body, schemas)
        fields |= whole["properties"]
        places |= dict.fromkeys(whole["properties"], "body")
        required += whole.get("required", [])
    schema = {"type": "object", "properties": fields, "required": required, "additionalProperties": False}
    hints = ToolAnnotations(read_only_hint=method == "get" or said.name == "quote", open_world_hint=False)
    tool = Tool(name=said.name, title=said.title, description=said.words, input_schema=schema, annotations=hints)
    return Route(method.upper(), path, places, tool)


def _inlined(schema: Any, schemas: Mapping[str, Any]) -> Any:
    """Without references: not every client follows them."""
    if isinstance(schema, list):
        return [_inlined(part, schemas) for part in schema]
    if not isinstance(schema, dict):
        return schema
    named = schema.get("$ref", "")
    if named.startswith(REFS):
        return _inlined(schemas[named.removeprefix(REFS)], schemas)
    return {name: _inlined(part, schemas) for name, part in schema.items()}


def call_tool(asked: HttpRequest, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
    """What the operation answers; a refusal in its words."""
    route = routes().get(name)
    if route is None:
        return _refused(f"There is no tool {name!r}. The tools are {', '.join(routes())}.")
    unknown = sorted(set(arguments) - set(route.places))
    if unknown:
        return _refused(f"{name} takes no {unknown[0]!r}. It takes {', '.join(route.places) or 'nothing'}.")
    missing = [each for each in route.tool.input_schema["required"] if each not in arguments]
    if missing:
        return _refused(f"{name} needs {missing[0]!r}: {_described(route, missing[0])}")
    request = _request(asked, route, arguments)
    match = resolve(request.path_info)
    answer = match.func(request, *match.args, **match.kwargs)
    if hasattr(answer, "render"):
        answer.render()
    said = json.loads(answer.content) if answer.content else {}
    if answer.status_code >= 400:
        return _refused(_in_words(said), said)
    return CallToolResult(content=[TextContent(text=json.dumps(said, ensure_ascii=False))], structured_content=said)


def _described(route: Route, name: str) -> str:
    return str(route.tool.input_schema["properties"][name].get("description") or "see its schema.")


def _request(asked: HttpRequest, route: Route, arguments: Mapping[str, Any]) -> WSGIRequest:
    """The operation's request, from the same client and with the same token as the call."""
    path, query, body, key = route.path, [], {}, ""
    for name, value in arguments.items():
        match route.places[name]:
            case "path":
                path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
            case "query":
                query += _spelt(name, value)
            case "header":
                key = str(value)
            case _:
                body[name] = value
    sent = json.dumps(body).encode() if route.method == "POST" else b""
    environ = {name: value for name, value in asked.META.items() if not name.startswith("HTTP_IF_")}
    environ |= {
        "REQUEST_METHOD": route.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": urlencode(query),
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(sent)),
        "HTTP_ACCEPT": "application/json",
        "wsgi.input": BytesIO(sent),
    }
    environ.pop("HTTP_IDEMPOTENCY_KEY", None)
    if key:
        environ["HTTP_IDEMPOTENCY_KEY"] = key
    return WSGIRequest(environ)


def _spelt(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [(f"{name}[{key}]", str(each)) for key, each in value.items()]
    return [(name, str(value).lower() if isinstance(value, bool) else str(value))]


def _in_words(problem: Mapping[str, Any]) -> str:
    field = f" (field: {problem['field']})" if problem.get("field") else ""
    return f"{problem['title']}{field}. {problem['detail']} {problem['remedy']} [{problem['code']}]"


def _refused(sentence: str, said: Mapping[str, Any] | None = None) -> CallToolResult:
    told = {"problem": dict(said)} if said else None
    return CallToolResult(content=[TextContent(text=sentence)], structured_content=told, is_error=True)
