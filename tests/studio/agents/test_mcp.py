"""The MCP server, asked by the protocol's own client over loopback, at a site with a worker."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import MCPError
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from studio.agents.words import TOOLS
from tests.studio.api.live import LiveApi, live_api

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("mcp")]

MAKE = (
    "from avatarsite.workspaces.models import User, Workspace\n"
    "from avatarsite.workspaces.tokens import make_token, set_ask_above\n"
    "workspace = Workspace.objects.get(pk={workspace!r})\n"
    "user = User.objects.get(email='alice@example.org')\n"
    "token, secret = make_token(workspace, user=user, name='Agent', scopes={scopes!r}, ask_above_micros={above!r})\n"
    "print(json.dumps(secret))"
)
DECIDE = (
    "from avatarsite.workspaces.models import User\n"
    "from studio.approvals.approvals import approve, decline\n"
    "from studio.models import Approval\n"
    "{act}(Approval.objects.get(pk={pk!r}), by=User.objects.get(email='alice@example.org'))\n"
    "print(json.dumps(True))"
)
EXPIRE = (
    "from django.utils import timezone\n"
    "from studio.models import Approval\n"
    "print(json.dumps(Approval.objects.filter(pk={pk!r}).update(expires_at=timezone.now())))"
)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with live_api(tmp_path_factory.mktemp("mcp"), worker=True) as found:
        yield found


@asynccontextmanager
async def agent(live: LiveApi, token: str, *, mode: Any = "auto") -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        transport = streamable_http_client(f"{live.address}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


def said(result: CallToolResult) -> Any:
    assert not result.is_error, result.content
    (text,) = result.content
    assert json.loads(text.text) == result.structured_content  # type: ignore[union-attr]
    return result.structured_content


def refusal(result: CallToolResult) -> str:
    assert result.is_error, result.content
    return str(result.content[0].text)  # type: ignore[union-attr]


def token(live: LiveApi, *scopes: str, above: int | None = None) -> str:
    code = MAKE.format(workspace=live.alice["workspace"], scopes=list(scopes), above=above)
    return str(live.site.ask(code))


def decide(live: LiveApi, act: str, pk: str) -> None:
    live.site.ask(DECIDE.format(act=act, pk=pk))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_agent_comes_in_prices_makes_waits_lists_and_shares(live: LiveApi, mode: str) -> None:
    """By the newest protocol, and by the handshake of those before it."""

    async def go() -> None:
        inputs = {name: live.alice[name] for name in ("portrait", "voice")}
        async with agent(live, live.alice["test_token"], mode=mode) as client:
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == [tool.name for tool in TOOLS]
            assert all(tool.input_schema["type"] == "object" and tool.description for tool in tools)
            models = said(await client.call_tool("list_models", {}))["data"]
            assert "draft" in [model["id"] for model in models]
            found = said(await client.call_tool("list_uploads", {"kind": "voice"}))["data"]
            assert [upload["id"] for upload in found] == [inputs["voice"]]
            quoted = said(await client.call_tool("quote", inputs))
            assert quoted["ceiling"]["amount_micros"] == 0
            wish = {**inputs, "quote": quoted["id"], "title": f"By {mode}", "idempotency_key": mode}
            made = said(await client.call_tool("make_video", wish))
            assert said(await client.call_tool("make_video", wish)) == made
            ended = made
            with anyio.fail_after(300):
                while ended["state"] not in ("ready", "failed", "cancelled"):
                    ended = said(await client.call_tool("wait_for_video", {"render": made["id"], "wait": 20}))
            assert ended["state"] == "ready"
            listed = said(await client.call_tool("list_videos", {"q": f"by {mode}", "limit": 5}))["data"]
            assert [video["id"] for video in listed] == [made["id"]]
            links = said(await client.call_tool("share_video", {"render": made["id"]}))["data"]
            found = [(one["kind"], one["download_url"]) for one in links]
            shared.append((dict(found)["video"], ended["bytes"]))
            assert said(await client.call_tool("get_balance", {}))["available"]["amount_micros"] == 5_000_000

    shared: list[tuple[str, int]] = []
    anyio.run(go)
    ((link, size),) = shared
    film = httpx.get(link, trust_env=False, timeout=60)
    assert (film.status_code, len(film.content)) == (200, size)


def test_refusals_are_words(live: LiveApi) -> None:
    async def go() -> None:
        inputs = {name: live.alice[name] for name in ("portrait", "voice")}
        async with agent(live, token(live, "read")) as reader:
            sentence = refusal(await reader.call_tool("make_video", inputs))
            assert sentence.startswith("The token may not do this. The token “Agent” may not make or change videos")
            assert sentence.endswith("[scope_missing]")
        async with agent(live, token(live, "render")) as client:
            for name, arguments, words in (
                ("wait_for_video", {"render": "rnd_elsewhere"}, "[not_found]"),
                ("share_video", {"render": "../balance"}, "[not_found]"),
                ("wait_for_video", {}, "wait_for_video needs 'render'"),
                ("list_videos", {"colour": "red"}, "list_videos takes no 'colour'"),
                ("list_videos", {"limit": "many"}, "[invalid_request]"),
                ("make_video", {**inputs, "voice": "upl_elsewhere"}, "[no_such_upload]"),
                ("make_video", {**inputs, "max_amount_micros": 1}, "[price_changed]"),
                ("make_video", {**inputs, "takes": "two"}, "(field: takes)"),
                ("dance", {}, "There is no tool 'dance'"),
            ):
                assert words in refusal(await client.call_tool(name, arguments)), name

    anyio.run(go)


def test_another_workspace_is_not_there(live: LiveApi) -> None:
    bob = live.site.ask("from tests.studio.api.seed import seed\nprint(json.dumps(seed('Bob')))")

    async def go() -> None:
        inputs = {name: live.alice[name] for name in ("portrait", "voice")}
        async with agent(live, live.alice["test_token"]) as client:
            made = said(await client.call_tool("make_video", {**inputs, "title": "Alice’s"}))
        async with agent(live, bob["test_token"]) as stranger:
            for name in ("wait_for_video", "share_video"):
                assert "[not_found]" in refusal(await stranger.call_tool(name, {"render": made["id"]}))
            assert "[no_such_upload]" in refusal(await stranger.call_tool("make_video", inputs))
            assert said(await stranger.call_tool("list_videos", {}))["data"] == []

    anyio.run(go)


def test_over_a_budget_it_is_refused_in_money(live: LiveApi) -> None:
    cap = (
        "from avatarsite.workspaces.models import ApiToken\n"
        "from billing.budgets.budgets import set_budget\n"
        "token = ApiToken.objects.get(prefix={prefix!r})\n"
        "set_budget(token.workspace, 'token:' + token.lineage, 1, user=None)\n"
        "print(json.dumps(True))"
    )

    async def go() -> None:
        capped = token(live, "render")
        live.site.ask(cap.format(prefix=capped[:15]))
        inputs = {name: live.alice[name] for name in ("portrait", "voice")}
        async with agent(live, capped) as client:
            sentence = refusal(await client.call_tool("make_video", inputs))
            assert "the monthly cap of the API token “Agent” has $0.000001 left" in sentence
            assert sentence.endswith("[budget_reached]")

    anyio.run(go)


def test_above_its_amount_it_waits_for_a_person(live: LiveApi) -> None:
    """To each of its ends; the wait sees the decision while it waits."""

    async def go() -> None:
        inputs = {name: live.alice[name] for name in ("portrait", "voice")}
        async with agent(live, token(live, "render", above=0)) as client:
            asked = {
                title: said(await client.call_tool("make_video", {**inputs, "title": title}))
                for title in ("approve", "decline", "expire")
            }
            assert {one["state"] for one in asked.values()} == {"awaiting_approval"}
            ended: dict[str, Any] = {}

            async def wait(title: str) -> None:
                arguments = {"approval": asked[title]["id"], "wait": 30}
                ended[title] = asked[title]
                with anyio.fail_after(300):
                    while ended[title]["state"] == "awaiting_approval":
                        ended[title] = said(await client.call_tool("wait_for_approval", arguments))

            async with anyio.create_task_group() as group:
                group.start_soon(wait, "approve")
                await anyio.to_thread.run_sync(decide, live, "approve", asked["approve"]["id"])
            decide(live, "decline", asked["decline"]["id"])
            live.site.ask(EXPIRE.format(pk=asked["expire"]["id"]))
            await wait("decline")
            await wait("expire")
            assert [ended[title]["state"] for title in asked] == ["approved", "declined", "expired"]
            assert [ended[title]["render"] is None for title in asked] == [False, True, True]
            made = said(await client.call_tool("wait_for_video", {"render": ended["approve"]["render"], "wait": 30}))
            assert (made["title"], made["ceiling"]) == ("approve", asked["approve"]["ceiling"])

    anyio.run(go)


def test_who_has_no_token_is_told_before_anything(live: LiveApi) -> None:
    async def go(secret: str) -> None:
        async with agent(live, secret):
            raise AssertionError("it came in")

    with pytest.RaisesGroup(MCPError, flatten_subgroups=True, allow_unwrapped=True):
        anyio.run(go, "ast_live_none")
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}
    with httpx.Client(base_url=live.address, trust_env=False, headers=headers, timeout=60) as http:
        answer = http.post("/mcp", json=body)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
        assert answer.json()["error"]["message"].startswith("Send a token of ours")
        ours = {"Authorization": f"Bearer {live.alice['test_token']}"}
        assert http.get("/mcp", headers=ours).status_code == 405
        assert http.post("/mcp", headers=ours, content=b"{").status_code == 400
        too_much = http.post("/mcp", headers=ours, content=b"x" * 4_000_001)
        assert (too_much.status_code, too_much.json()["error"]["code"]) == (413, -32600)
