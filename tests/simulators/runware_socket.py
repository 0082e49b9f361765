"""The WebSocket twin of Runware's address: the same tasks in frames, after a frame that authenticates."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

from aiohttp import WSMsgType, web

from tests.simulators.provider import HTML, DropError, TroubleError
from tests.simulators.runware import Runware, trouble_entry


async def serve_socket(provider: Runware, request: web.Request) -> web.WebSocketResponse:
    """Serve one connection until it closes or has been idle for too long."""
    socket = web.WebSocketResponse(max_msg_size=64 * 1024 * 1024)
    await socket.prepare(request)
    provider.requests["socket"] += 1
    talk = _Talk(provider, socket)
    try:
        while not socket.closed:
            message = await socket.receive(timeout=provider.settings.socket_idle_real_seconds)
            if message.type is not WSMsgType.TEXT:
                break
            talk.take(message.data)
    except TimeoutError:
        pass
    finally:
        await talk.end()
    return socket


class _Talk:
    """One connection. Frames are answered as their answers come, not in their order."""

    def __init__(self, provider: Runware, socket: web.WebSocketResponse) -> None:
        self._provider = provider
        self._socket = socket
        self._is_known = False
        self._answers: set[asyncio.Task[None]] = set()

    def take(self, text: str) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(text))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def end(self) -> None:
        for task in list(self._answers):
            task.cancel()
        if not self._socket.closed:
            await self._socket.close()

    async def _answer(self, text: str) -> None:
        try:
            frame = await self._frame(text)
        except DropError:
            await self._socket.close(code=1011)
            return
        except TroubleError as trouble:
            if trouble.name == "not_json":
                await self._socket.send_str(HTML)
                return
            frame = {"errors": [trouble_entry(trouble)[1]]}
        if not self._socket.closed:
            for key in ("data", "errors"):
                if key in frame:
                    await self._socket.send_str(json.dumps({key: frame[key]}))

    async def _frame(self, text: str) -> dict[str, Any]:
        try:
            tasks = json.loads(text)
        except ValueError:
            return _error("invalidRequestBody", "The frame is not valid JSON.")
        if not isinstance(tasks, list) or not tasks or not all(isinstance(task, dict) for task in tasks):
            return _error("invalidRequestBody", "A frame must be an array of task objects.")
        if tasks[0].get("taskType") == "authentication":
            return self._authenticate(tasks[0])
        if not self._is_known:
            return _error("missingAuthentication", "Authenticate first.", taskType="authentication")
        return (await self._provider.answer(tasks, on_socket=True))[1]

    def _authenticate(self, task: dict[str, Any]) -> dict[str, Any]:
        self._is_known = self._provider.knows(task.get("apiKey"))
        if not self._is_known:
            return _error("invalidApiKey", "Invalid API key.", parameter="apiKey", taskType="authentication")
        session = task.get("connectionSessionUUID") or str(uuid4())
        return {"data": [{"taskType": "authentication", "connectionSessionUUID": session}]}


def _error(code: str, message: str, **more: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message, **more}]}
