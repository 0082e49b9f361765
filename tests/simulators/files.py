"""The providers' file hosts: finished videos, with everything that can be wrong with them, and samples for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.simulators.faults import Moment
from tests.simulators.provider import HTML, Provider
from tests.simulators.samples import sample

CHUNK = 64 * 1024
GARBAGE = bytes(range(256)) * 256


def add_files(app: web.Application, provider: Provider) -> None:
    """Serve the results of ``provider`` under any path that ends in a result's file name."""

    async def serve(request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:
            provider.keys_leaked_to_files += 1
        found = provider.jobs.files.get(request.match_info["name"])
        if found is None or found[1].done_at is None:
            return web.Response(status=404, text="Not Found")
        job = found[0]
        provider.requests["file"] += 1
        faults = provider.faults.strike_all(Moment.FILE, (job.reference, *job.texts, request.match_info["name"]))
        early = await _before_the_film(faults)
        if early is not None:
            return early
        if job.file_expires_at is not None and provider.clock.now() > job.file_expires_at:
            return web.Response(status=403, text="Request has expired")
        path, content_type = await provider.made(job)
        if "file_truncated" in faults:
            return await _cut_short(request, path, content_type, **faults["file_truncated"])
        headers = {"Content-Type": content_type, "Cache-Control": "public, max-age=31536000"}
        if "file_wrong_type" in faults:
            headers["Content-Type"] = faults["file_wrong_type"]["content_type"]
        return web.FileResponse(path, headers=headers)

    app.router.add_get("/{folders:.+}/{name}", serve)


async def _before_the_film(faults: dict[str, dict[str, Any]]) -> web.Response | None:
    if "file_slow" in faults:
        await asyncio.sleep(faults["file_slow"]["seconds"])
    answers: dict[str, Callable[[dict[str, Any]], web.Response | None]] = {
        "file_forbidden": lambda _: web.Response(status=403, text="Request has expired"),
        "file_missing": lambda _: web.Response(status=404, text="Not Found"),
        "file_server_error": lambda given: web.Response(status=given["status"], text="upstream error"),
        "file_redirect": lambda given: web.Response(status=302, headers={"Location": given["to"]}),
        "file_empty": lambda _: web.Response(body=b"", content_type="video/mp4"),
        "file_garbage": lambda _: web.Response(body=GARBAGE, content_type="video/mp4"),
        "file_wrong_type": lambda given: (
            None if given["video"] else web.Response(text=HTML, content_type=given["content_type"])
        ),
    }
    for name, answer in answers.items():
        if name in faults:
            return answer(faults[name])
    return None


async def _cut_short(
    request: web.Request, path: Path, content_type: str, *, share: float, honest: bool
) -> web.StreamResponse:
    content = await asyncio.to_thread(path.read_bytes)
    part = content[: int(len(content) * share)]
    answer = web.StreamResponse(headers={"Content-Type": content_type})
    answer.content_length = len(part) if honest else len(content)
    await answer.prepare(request)
    for start in range(0, len(part), CHUNK):
        await answer.write(part[start : start + CHUNK])
    if not honest and request.transport is not None:
        request.transport.close()
    return answer


async def serve_sample(request: web.Request) -> web.Response:
    """``/_samples/portrait-768x1024.jpg`` and ``/_samples/voice-13900.mp3``."""
    made = await asyncio.to_thread(sample, request.match_info["name"])
    if made is None:
        return web.Response(status=404, text="No such sample")
    return web.Response(body=made[0], content_type=made[1])
