"""The MCP server, for one request: stateless, its answers JSON, its tools called in the request's own thread."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult

from avatarsite.http.asgi import exchange
from studio.agents.tools import call_tool, routes

INSTRUCTIONS = (
    "Avatar Studio makes talking videos of one portrait and one voice. Ask for a quote before you make a video, and "
    "tell the person what it costs. Money is in millionths of a US dollar. What is above the amount that the token "
    "spends by itself waits for a person’s yes in the dashboard."
)


async def serve(request: HttpRequest) -> HttpResponse:
    async def list_tools(_context: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(tools=[route.tool for route in (await sync_to_async(routes)()).values()])

    async def call(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        return await sync_to_async(call_tool)(request, params.name, params.arguments or {})

    server: Server[Any] = Server(
        "avatar-studio",
        version=str(settings.SPECTACULAR_SETTINGS["VERSION"]),
        title="Avatar Studio",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call,
    )
    sessions = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
    async with sessions.run():
        return await exchange(sessions.handle_request, request)


def warm_up() -> None:
    """Make the tools before the web processes are forked, so that they share them."""
    routes()
