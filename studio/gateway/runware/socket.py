"""WebSocket of Runware's protocol: what HTTP carries as bodies comes and goes as frames, and results are pushed.

The socket only carries. Tasks are done by the code that serves HTTP, in a few threads; none waits for a result.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from studio.gateway.runware.errors import TaskError
from studio.gateway.runware.frames import PONG, Frame, Known, converse, is_ping, refused_unread
from studio.gateway.runware.hub import CONNECTIONS_OF_ONE, KEY_DIED, Hub
from studio.gateway.runware.pushes import Push

logger = logging.getLogger(__name__)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

KEY_SECONDS = 20.0
IDLE_SECONDS = 120.0  # clients ping every 5 to 45 s
FRAMES_AT_ONCE = 16  # of one connection
PLACE_SECONDS = 10.0  # a frame waits so long for its place; then it is refused, so that the next ping is read
SEND_SECONDS = 10.0
ANSWERED = 1_000  # videos remembered until the next look finds that they need no push
NORMAL = 1000
CROWDED = "Too many tasks at once on this connection. Wait for answers before you send more."
TOO_MANY = f"A key has at most {CONNECTIONS_OF_ONE} connections at once. Close one, or send more tasks over each."

hub = Hub()


async def serve(receive: Receive, send: Send) -> None:
    """Serve one client, from its connection to its end, as ASGI has it."""
    await receive()  # it wants to connect
    if hub.is_crowded:
        await send({"type": "websocket.close"})  # before it is accepted, that is a 403
        return
    await send({"type": "websocket.accept"})
    connection = Connection(receive, send)
    hub.enter(connection)
    try:
        await connection.serve()
    finally:
        hub.leave(connection)


class Connection:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.known: Known | None = None
        self.delivered: dict[str, float] = {}
        self._places = asyncio.Semaphore(FRAMES_AT_ONCE)
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._answered: deque[str] = deque(maxlen=ANSWERED)

    async def serve(self) -> None:
        try:
            async with asyncio.timeout(KEY_SECONDS):
                while self.known is None:
                    await self._answer(await self._next())
            while True:
                await self._take(await self._next())
        except TimeoutError:
            await self.close("Nothing came for too long." if self.known else "No key came.")
        except OSError:
            return  # it has gone away
        finally:
            for task in self._under_way:
                task.cancel()

    async def push(self, push: Push) -> None:
        """Whoever does not take a result in time finds it when he resumes the session.

        What an answer carries is not pushed beside it: @runware/sdk-js would give its caller two videos.
        """
        if any(item["taskUUID"] in text for item in push.items for text in self._under_way.values()):
            return  # the next look sees whether that frame's answer has carried it
        if not all(item["videoUUID"] in self._answered for item in push.items):
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._send_frames([{"data": push.items}])
            except (OSError, TimeoutError):
                return
        self.delivered[push.request_id] = time.monotonic()

    async def close(self, reason: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send({"type": "websocket.close", "code": NORMAL, "reason": reason})
        except (OSError, RuntimeError, TimeoutError):
            return  # it is closed, or the server lets go of it for its silence

    async def _next(self) -> str:
        """The next frame. Raises OSError when the client is gone, and TimeoutError when it is silent."""
        async with asyncio.timeout(IDLE_SECONDS):
            message = await self._receive()
        if message["type"] != "websocket.receive":
            raise ConnectionResetError
        text: str | None = message.get("text")
        return text if text is not None else bytes(message["bytes"]).decode("utf-8", "replace")

    async def _take(self, text: str) -> None:
        """Begin what a frame asks for, and read on. A ping waits for nothing."""
        if is_ping(text):
            await self._send_frames([PONG])
            return
        try:
            async with asyncio.timeout(PLACE_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            await self._send_frames(refused_unread(text, TaskError("rateLimitExceeded", CROWDED, status=429)))
            return
        task = asyncio.create_task(self._answer(text))
        self._under_way[task] = text
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._places.release()
        error = None if task.cancelled() else task.exception()
        if error and not isinstance(error, OSError):
            logger.error("sockets: a frame was not answered", exc_info=error)

    async def _answer(self, text: str) -> None:
        before = self.known
        known, frames = await hub.in_thread(before.workspace_id if before else "", converse, text, before)
        if known and (not before or before.token_id != known.token_id) and hub.has_enough_of(known.token_id):
            known, frames = None, refused_unread(text, TaskError("rateLimitExceeded", TOO_MANY, status=429))
        if known != before:
            self.known = known
        items = [item for frame in frames for item in frame.get("data", ())]
        self._answered.extend(item["videoUUID"] for item in items if "videoUUID" in item)
        await self._send_frames(frames)
        if before and known is None:
            await self.close(KEY_DIED)

    async def _send_frames(self, frames: list[Frame]) -> None:
        for frame in frames:
            await self._send({"type": "websocket.send", "text": json.dumps(frame, cls=DjangoJSONEncoder)})
