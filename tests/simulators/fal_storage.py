"""fal's rest host (tokens, upload initiation, key list) and its CDN (uploads in one piece and in parts)."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from aiohttp import web

from tests.simulators.fal import Fal, said
from tests.simulators.shelf import read_upload

TOKEN_SECONDS = 600
STORAGES = ("fal-cdn-v3", "gcs")


class Storage:
    def __init__(self, fal: Fal) -> None:
        self._fal = fal
        self._tokens: dict[str, float] = {}
        self._parts: dict[str, tuple[str, str, dict[int, bytes]]] = {}
        self._signed: dict[str, tuple[str, str, dict[str, Any]]] = {}

    # --- rest host

    async def token(self, request: web.Request) -> web.StreamResponse:
        await self._fal.gate("upload", ("token",))
        refusal = self._fal.refuse_key(request)
        if refusal is not None:
            return refusal
        if request.query.get("storage_type") != "fal-cdn-v3":
            return said(400, "Unknown storage_type")
        token = uuid4().hex
        self._tokens[token] = self._fal.clock.now() + TOKEN_SECONDS * max(1.0, self._fal.clock.speed)
        expires = datetime.now(UTC) + timedelta(seconds=TOKEN_SECONDS)
        body = {
            "token": token,
            "token_type": "Bearer",
            "base_url": self._fal.file_base,
            "expires_at": expires.isoformat(),
        }
        return web.json_response(body)

    async def initiate(self, request: web.Request) -> web.StreamResponse:
        await self._fal.gate("upload", ("initiate",))
        refusal = self._fal.refuse_key(request)
        if refusal is not None:
            return refusal
        wanted = await request.json()
        if request.query.get("storage_type") not in STORAGES or not wanted.get("file_name"):
            return said(422, "file_name and a known storage_type are required")
        name, ticket = self._name(wanted["file_name"]), uuid4().hex
        lifecycle = _lifecycle(request.headers.get("X-Fal-Object-Lifecycle-Preference"))
        self._signed[ticket] = (name, wanted.get("content_type", "application/octet-stream"), lifecycle)
        base = self._fal.file_base
        body = {"upload_url": f"{base}/upload/{name}?signature={ticket}", "file_url": f"{base}/files/b/{name}"}
        return web.json_response(body)

    async def jwks(self, _: web.Request) -> web.Response:
        self._fal.requests["jwks"] += 1
        return web.json_response(self._fal.seal.jwks())

    # --- CDN

    async def upload(self, request: web.Request) -> web.StreamResponse:
        refusal = await self._enter(request)
        if refusal is not None:
            return refusal
        name = self._name(request.headers.get("X-Fal-File-Name", "upload.bin"))
        lifecycle = _lifecycle(request.headers.get("X-Fal-Object-Lifecycle"))
        self._store(name, await read_upload(request), _type_of(request), lifecycle)
        return web.json_response({"access_url": f"{self._fal.file_base}/files/b/{name}"})

    async def put_signed(self, request: web.Request) -> web.StreamResponse:
        await self._fal.gate("upload", ("signed",))
        signed = self._signed.pop(request.query.get("signature", ""), None)
        if signed is None or signed[0] != request.match_info["name"]:
            return web.Response(status=403, text="SignatureDoesNotMatch")
        self._store(signed[0], await read_upload(request), signed[1], signed[2])
        return web.Response()

    async def begin_parts(self, request: web.Request) -> web.StreamResponse:
        refusal = await self._enter(request)
        if refusal is not None:
            return refusal
        name, upload = self._name(request.headers.get("X-Fal-File-Name", "upload.bin")), uuid4().hex
        self._parts[upload] = (name, _type_of(request), {})
        return web.json_response({"access_url": f"{self._fal.file_base}/files/b/{name}", "uploadId": upload})

    async def put_part(self, request: web.Request) -> web.StreamResponse:
        refusal = await self._enter(request)
        if refusal is not None:
            return refusal
        parts = self._parts.get(request.match_info["upload"])
        if parts is None:
            return said(404, "Upload not found")
        content = await read_upload(request)
        parts[2][int(request.match_info["number"])] = content
        return web.Response(headers={"etag": f'"{_digest(content)}"'})

    async def end_parts(self, request: web.Request) -> web.StreamResponse:
        refusal = await self._enter(request)
        if refusal is not None:
            return refusal
        parts = self._parts.get(request.match_info["upload"])
        listed = {part["partNumber"]: part["etag"].strip('"') for part in (await request.json())["parts"]}
        if parts is None or listed != {number: _digest(content) for number, content in parts[2].items()}:
            return said(400, "Invalid parts")
        del self._parts[request.match_info["upload"]]
        self._store(parts[0], b"".join(parts[2][number] for number in sorted(parts[2])), parts[1], {})
        return web.json_response({"access_url": f"{self._fal.file_base}/files/b/{parts[0]}"})

    async def serve(self, request: web.Request) -> web.StreamResponse:
        kept = self._fal.shelf.get(request.match_info["name"])
        if kept is None:
            return web.Response(status=404, text="Not Found")
        if kept.expires_at is not None and self._fal.clock.now() > kept.expires_at:
            return web.Response(status=403, text="Forbidden")
        return web.FileResponse(kept.path, headers={"Content-Type": kept.content_type})

    async def _enter(self, request: web.Request) -> web.Response | None:
        await self._fal.gate("upload", ("cdn",))
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, -1.0) < self._fal.clock.now():
            return said(401, "Invalid token")
        return None

    def _name(self, wished: str) -> str:
        return f"{uuid4().hex[:20]}_{re.sub(r'[^A-Za-z0-9._-]', '_', wished)[-80:]}"

    def _store(self, name: str, content: bytes, content_type: str, lifecycle: dict[str, Any]) -> None:
        life = lifecycle.get("expiration_duration_seconds")
        self._fal.shelf.put(name, content, content_type, expires_at=self._fal.clock.now() + life if life else None)


def _digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _type_of(request: web.Request) -> str:
    return request.headers.get("Content-Type", "application/octet-stream")


def _lifecycle(header: str | None) -> dict[str, Any]:
    wish = json.loads(header) if header else {}
    return wish if isinstance(wish, dict) else {}
