"""Which address leads where: the web applications of each provider, one per host that the real one has."""

from __future__ import annotations

from aiohttp import web

from tests.simulators.aimlapi import PATH, Aimlapi
from tests.simulators.aimlapi_ledger import Ledger
from tests.simulators.control import add_control
from tests.simulators.fal import Fal
from tests.simulators.fal_platform import Platform
from tests.simulators.fal_storage import Storage
from tests.simulators.files import add_files
from tests.simulators.provider import Provider
from tests.simulators.runware import Runware
from tests.simulators.runware_socket import serve_socket
from tests.simulators.shelf import MAX_BYTES

Apps = dict[str, web.Application]


def _app(provider: Provider) -> web.Application:
    return web.Application(middlewares=[provider.doorkeeper], client_max_size=MAX_BYTES)


def runware_apps(provider: Runware) -> Apps:
    """``api`` takes POST and the socket; ``files`` is the video host."""

    async def upgrade(request: web.Request) -> web.StreamResponse:
        return await serve_socket(provider, request)

    api, files = _app(provider), _app(provider)
    add_control(api, provider)
    api.router.add_post("/v1", provider.post)
    api.router.add_get("/v1", upgrade)
    files.router.add_get("/_uploads/{name}", provider.serve_upload)
    add_files(files, provider)
    return {"api": api, "files": files}


def fal_apps(provider: Fal) -> Apps:
    """The queue, the synchronous door, rest, the platform and the CDN."""
    queue, run, rest, platform, cdn = (_app(provider) for _ in range(5))
    add_control(queue, provider)
    request_path = "/{app:.+}/requests/{id}"
    queue.router.add_get(request_path + "/status/stream", provider.stream)
    queue.router.add_get(request_path + "/status", provider.status)
    queue.router.add_get(request_path + "/response", provider.result)
    queue.router.add_get(request_path, provider.result)
    queue.router.add_put(request_path + "/cancel", provider.cancel)
    queue.router.add_post("/{model:.+}", provider.submit)
    run.router.add_post("/{model:.+}", provider.run)
    storage, lists = Storage(provider), Platform(provider)
    rest.router.add_post("/storage/auth/token", storage.token)
    rest.router.add_post("/storage/upload/initiate", storage.initiate)
    rest.router.add_get("/.well-known/jwks.json", storage.jwks)
    platform.router.add_get("/v1/models/pricing", lists.pricing)
    platform.router.add_get("/v1/models/billing-events", lists.billing_events)
    platform.router.add_get("/v1/models/requests/by-endpoint", lists.requests)
    platform.router.add_get("/v1/account/billing", lists.billing)
    cdn.router.add_post("/files/upload", storage.upload)
    cdn.router.add_post("/files/upload/multipart", storage.begin_parts)
    cdn.router.add_put("/upload/{name}", storage.put_signed)
    cdn.router.add_put("/files/b/{name}/multipart/{upload}/{number:\\d+}", storage.put_part)
    cdn.router.add_post("/files/b/{name}/multipart/{upload}/complete", storage.end_parts)
    cdn.router.add_get("/files/b/{name}", storage.serve)
    add_files(cdn, provider)
    return {"queue": queue, "run": run, "rest": rest, "platform": platform, "cdn": cdn}


def aimlapi_apps(provider: Aimlapi) -> Apps:
    """``api`` for everything but the files."""

    @web.middleware
    async def in_its_own_words(request: web.Request, handler: web.RequestHandler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return provider.said(error.status, path=request.path)

    api, files = _app(provider), _app(provider)
    api.middlewares.append(in_its_own_words)
    add_control(api, provider)
    ledger = Ledger(provider)
    api.router.add_post(PATH, provider.create)
    api.router.add_get(PATH, provider.fetch)
    api.router.add_get("/v2/logs", ledger.logs)
    api.router.add_get("/v2/billing/transactions", ledger.transactions)
    api.router.add_get("/v2/billing", ledger.balance)
    api.router.add_get("/v1/models", ledger.models)
    add_files(files, provider)
    return {"api": api, "files": files}
