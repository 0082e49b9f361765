"""The door of the MCP server, and the page that says how to come in."""

from __future__ import annotations

import json

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from avatarsite.api.authentication import REALM, REFUSED
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.tokens import token_of
from studio.agents.words import TOOLS

UNSIGNED = "Send a token of ours, as Authorization: Bearer ast_live_…"
INVALID_REQUEST = -32600  # of JSON-RPC


@csrf_exempt
def mcp(request: HttpRequest) -> HttpResponseBase:
    """One message of an agent's. It asks by POST alone: nothing is pushed, so nothing holds a thread."""
    if request.method != "POST":
        answer = refusal_response(request, 405, "Send messages by POST; there is no stream to listen to.")
        answer.headers["Allow"] = "POST"
        return answer
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    token = token_of(secret.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        answer = refusal_response(request, 401, REFUSED if secret else UNSIGNED)
        answer.headers["WWW-Authenticate"] = REALM
        return answer
    request.auth = token  # type: ignore[attr-defined]  # for the audit, as the API leaves it
    # The library takes half a second to load, which only the web server has to.
    from studio.agents.server import serve  # noqa: PLC0415

    return async_to_sync(serve)(request)


def refusal_response(_request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """What is refused before the server sees it, as JSON-RPC has errors."""
    error = {"code": INVALID_REQUEST, "message": sentence}
    return JsonResponse({"jsonrpc": "2.0", "id": None, "error": error}, status=status)


@workspace_view(Action.VIEW)
@require_safe
def agents(request: WorkspaceRequest) -> HttpResponse:
    address = f"{settings.SITE_URL}/mcp"
    entry = {"url": address, "headers": {"Authorization": "Bearer ast_live_…"}}
    config = json.dumps({"mcpServers": {"avatar-studio": entry}}, indent=2, ensure_ascii=False)
    return render(request, "agents/agents.html", {"address": address, "config": config, "tools": TOOLS})
