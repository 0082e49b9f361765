"""Files that were uploaded to a provider, by the name that it gave them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from aiohttp import web

MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    path: Path
    content_type: str
    file_name: str
    expires_at: float | None = None


class Shelf:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, Kept] = {}

    def get(self, name: str) -> Kept | None:
        return self._kept.get(name)

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, name: str, content: bytes | Path, content_type: str, *, expires_at: float | None = None) -> Kept:
        path = content if isinstance(content, Path) else self._folder / f"up-{uuid4().hex}"
        if not isinstance(content, Path):
            path.write_bytes(content)
        kept = Kept(path, content_type, name, expires_at)
        self._kept[name] = kept
        return kept

    def drop(self, name: str) -> bool:
        return self._kept.pop(name, None) is not None

    def clear(self) -> None:
        self._kept.clear()


async def read_upload(request: web.Request) -> bytes:
    """The whole body, up to the limit; beyond it 413."""
    content = bytearray()
    async for chunk in request.content.iter_chunked(256 * 1024):
        content += chunk
        if len(content) > MAX_BYTES:
            raise web.HTTPRequestEntityTooLarge(max_size=MAX_BYTES, actual_size=len(content))
    await asyncio.sleep(0)
    return bytes(content)
