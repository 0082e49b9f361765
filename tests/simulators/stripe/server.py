"""The front door: key, version, idempotency, parameters; then the work, in one go; then what can go wrong."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.simulators.provider import HTML, DropError
from tests.simulators.stripe.errors import Refusal, not_permitted, not_signed_in
from tests.simulators.stripe.idempotency import Answer, Keys, fingerprint
from tests.simulators.stripe.lists import expanded
from tests.simulators.stripe.params import checked
from tests.simulators.stripe.routes import ROUTES, Route
from tests.simulators.stripe.world import Call, World, shown

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MAX_KEY = 255


@dataclass(frozen=True)
class Asked:
    """A request, as the faults and the idempotency keys see it."""

    id: str
    way: str  # read or write
    texts: tuple[str, ...]
    account: str = ""
    key: str = ""


class Door:
    def __init__(self, world: World) -> None:
        self.world = world
        self.keys = Keys()

    def reset(self) -> None:
        self.keys = Keys()

    def add_routes(self, app: web.Application) -> None:
        for route in ROUTES:
            app.router.add_route(route.method, route.path, self._served(route))
        app.router.add_route("*", "/v1/{rest:.*}", self._unknown)

    def _served(self, route: Route) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            request_id = f"req_{secrets.token_hex(7)}"
            try:
                status, body, headers = await self._answer(route, request, request_id)
            except Refusal as refusal:
                status, body, headers = refusal.status, shown(refusal, request_id), {}
            return self._reply(status, body, request_id, headers)

        return serve

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        said = f"Unrecognized request URL ({request.method}: {request.path}). Please see https://stripe.com/docs"
        return self._reply(404, shown(Refusal(404, said), "req_none"), "req_none", {})

    def _reply(self, status: int, body: Any, request_id: str, headers: dict[str, str]) -> web.Response:
        usual = {"Request-Id": request_id, "Stripe-Version": self.world.settings.api_version}
        return web.json_response(body, status=status, headers=usual | headers)

    # --- One request

    async def _answer(self, route: Route, request: web.Request, request_id: str) -> tuple[int, Any, dict[str, str]]:
        raw = await request.read()
        texts = (route.method, route.path, request.path, request.query_string, raw.decode(errors="replace"))
        asked = Asked(request_id, "read" if route.method == "GET" else "write", texts)
        self.world.requests[f"{route.method} {route.path}"] += 1
        await self._gate(asked)
        account = self._let_in(request, route)
        self._demand_version(request)
        key = request.headers.get("Idempotency-Key", "") if route.method == "POST" else ""
        if len(key) > MAX_KEY:
            raise Refusal(400, f"Idempotency keys may be at most {MAX_KEY} characters.", kind="idempotency_error")
        asked = replace(asked, account=account, key=key)
        extra = {"Idempotency-Key": key} if key else {}
        if key:
            first = self.keys.begin(account, key, fingerprint(route.method, request.path, raw))
            if first:
                return first.status, first.body, extra | _replayed(first)
        call = Call({}, request.match_info.get("id", ""), request.match_info.get("sub_id", ""), request_id, key or None)
        body = self._work(route, call, asked, raw if route.method == "POST" else request.query_string.encode())
        await self._aftermath(asked, body)
        return 200, body, extra

    def _let_in(self, request: web.Request, route: Route) -> str:
        settings = self.world.settings
        kind, _, key = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or key not in (*settings.keys, *settings.restricted_keys):
            raise not_signed_in(key or None)
        if key in settings.restricted_keys:
            allowed = settings.permissions
            covering = route.permission.removesuffix("_read") + "_write"  # writing includes reading
            if route.permission not in allowed and covering not in allowed:
                raise not_permitted(key, f"rak_{route.permission}")
        return key

    def _demand_version(self, request: web.Request) -> None:
        version, known = request.headers.get("Stripe-Version"), self.world.settings.api_version
        if version != known:
            said = f"Invalid Stripe API version: {version}. This stand-in speaks {known} alone; pin it in your client."
            raise Refusal(400, said)

    def _work(self, route: Route, call: Call, asked: Asked, raw: bytes) -> Any:
        """Check the parameters and do it, with nothing in between; a refusal is remembered if the work had begun."""
        self.world.call = call
        try:
            call.params = checked(route.params, parse_qsl(raw.decode(), keep_blank_values=True))
            body = route.handler(self.world, call)
            if asked.way == "write":
                self.world.writes[f"{route.method} {route.path}"] += 1
            return expanded(self.world, body, call.params.get("expand") or [])
        except Refusal as refusal:
            if refusal.remembered:
                self._remember(asked, refusal.status, shown(refusal, asked.id))
            else:
                self.keys.forget(asked.account, asked.key)
            raise
        finally:
            self.world.call = None

    def _remember(self, asked: Asked, status: int, body: Any) -> None:
        if asked.key:
            self.keys.keep(asked.account, asked.key, status, body, asked.id)

    # --- What goes wrong on purpose

    def _strike(self, name: str, asked: Asked) -> dict[str, Any] | None:
        return self.world.faults.strike(name, asked.texts, route=asked.way)

    async def _gate(self, asked: Asked) -> None:
        slow = self._strike("slow_response", asked)
        if slow:
            await self.world.clock.sleep(slow["seconds"])
        if self._strike("drop_connection", asked) is not None:
            raise DropError
        if self._strike("not_json", asked) is not None:
            raise web.HTTPOk(text=HTML, content_type="text/html")
        if self._strike("bad_key", asked) is not None:
            raise not_signed_in("sk_test_refused_by_a_fault")
        if self._strike("rate_limit", asked) is not None:
            raise Refusal(429, "Too many requests. Please retry with exponential backoff.", code="rate_limit")
        failed = self._strike("server_error", asked)
        if failed:
            raise _broken(failed["status"])

    async def _aftermath(self, asked: Asked, body: Any) -> None:
        """The work is done; what is told of it, and remembered under the key, is another matter."""
        slow = self._strike("slow_work", asked)
        if slow:
            await self.world.clock.sleep(slow["seconds"])
        broken = self._strike("server_error_after_work", asked)
        if broken and broken["remembered"]:
            self._remember(asked, broken["status"], shown(_broken(broken["status"]), asked.id))
        else:
            self._remember(asked, 200, body)
        if broken:
            raise _broken(broken["status"])
        if self._strike("lost_response", asked) is not None:
            raise DropError


def _replayed(first: Answer) -> dict[str, str]:
    return {"Idempotent-Replayed": "true", "Original-Request": first.request_id}


def _broken(status: int) -> Refusal:
    return Refusal(status, "An unknown error occurred", kind="api_error")


@web.middleware
async def doorkeeper(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except DropError:
        if request.transport is not None:
            request.transport.close()
        return web.Response(status=499)
