"""Gates: a loopback address before a server of a test, at which that server is there, gone, hangs or refuses.

What is shut comes back at the same address, so a test sees what goes on afterwards.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

CHUNK = 1 << 16
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a connection is reset, as by a host that is gone


class Way(StrEnum):
    OPEN = "open"
    GONE = "gone"  # connections are reset, and no new one is taken
    HUNG = "hung"  # connections are taken, and nothing is said
    REFUSES = "503"  # an HTTP server answers everything so


@dataclass
class Gate:
    """``through`` is an address of the server, as a site is to know it."""

    host: str
    port: int
    own_port: int = 0
    way: Way = Way.OPEN
    _loop: asyncio.AbstractEventLoop | None = None
    _server: asyncio.Server | None = None
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _lines: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def through(self, url: str) -> str:
        return url.replace(f"{self.host}:{self.port}", f"{self.host}:{self.own_port}")

    def set(self, way: Way) -> None:
        assert self._loop
        asyncio.run_coroutine_threadsafe(self._set(way), self._loop).result(10)

    @contextmanager
    def shut(self, way: Way) -> Iterator[None]:
        self.set(way)
        try:
            yield
        finally:
            self.set(Way.OPEN)

    async def begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._open.set()
        await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, self.host, self.own_port)
        self.own_port = self._server.sockets[0].getsockname()[1]

    async def _set(self, way: Way) -> None:
        before, self.way = self.way, way
        (self._open.clear if way == Way.HUNG else self._open.set)()
        if way == Way.GONE and self._server:
            self._server.close()
            self._server = None
        if way in (Way.GONE, Way.REFUSES) or (before, way) == (Way.REFUSES, Way.OPEN):
            self._reset()
        if way != Way.GONE and self._server is None:
            await self._listen()

    def _reset(self) -> None:
        for line in self._lines:
            line.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            line.transport.abort()
        self._lines.clear()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._open.wait()
            if self.way == Way.REFUSES:
                await self._refuse(reader, writer)
            else:
                there, back = await asyncio.open_connection(self.host, self.port)
                self._lines.add(back)
                await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        for line in (writer, *([back] if "back" in locals() else [])):
            self._lines.discard(line)
            line.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.write_eof()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = [int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"] or [0]
        if b"100-continue" not in head.lower():
            await reader.readexactly(length)
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()


@contextmanager
def gates(*urls: str) -> Iterator[list[Gate]]:
    """One before each server, all open."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="gates")
    thread.start()
    made = [Gate(urlsplit(url).hostname or "", urlsplit(url).port or 0) for url in urls]
    try:
        for gate in made:
            asyncio.run_coroutine_threadsafe(gate.begin(), loop).result(10)
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(_end(made), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(made: list[Gate]) -> None:
    for gate in made:
        await gate._set(Way.GONE)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
