"""Runware's stand-in: one address that takes arrays of tasks. The socket next door speaks through the same tasks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from tests.simulators import runware_answers as answers
from tests.simulators.faults import Moment
from tests.simulators.inputs import InputError
from tests.simulators.jobs import Job, Phase, Take, new_takes
from tests.simulators.letters import Manners, unsigned
from tests.simulators.media import Film, FilmStore
from tests.simulators.provider import Provider, TroubleError
from tests.simulators.runware_checks import TaskError, check_uuid, check_video
from tests.simulators.settings import RunwareSettings
from tests.simulators.shelf import MAX_BYTES, Shelf

Task = Mapping[str, Any]
Parts = tuple[list[dict[str, Any]], list[dict[str, Any]]]
ORGANISATION = "7f3f0f0e-0d5a-4c36-9a52-5f1f35a0a001"
TROUBLES: dict[str, tuple[int, str, str]] = {
    "bad_key": (401, "invalidApiKey", "Invalid API key."),
    "forbidden": (403, "insufficientPermissions", "The API key lacks the permission for this task."),
    "rate_limit": (429, "rateLimitExceeded", "Too many requests, please try again later."),
    "out_of_credit": (402, "insufficientCredits", "Insufficient credits, please top up your balance."),
    "refused": (400, "invalidParameter", "The request is not valid."),
    "upload_fails": (500, "uploadFailed", "The media could not be stored."),
    "server_error": (503, "serviceUnavailable", "The service is temporarily unavailable."),
}
SERVER_CODES = {500: "internalServerError", 502: "providerError", 503: "serviceUnavailable", 504: "timeoutProvider"}


def trouble_entry(trouble: TroubleError) -> tuple[int, dict[str, Any]]:
    """HTTP status and entry of ``errors`` for a request-level fault."""
    status, code, message = TROUBLES[trouble.name]
    status = trouble.params.get("status") or status
    if trouble.name == "server_error":
        code = SERVER_CODES.get(status, code)
    entry = {"code": trouble.params.get("code") or code, "message": trouble.params.get("message") or message}
    return status, entry | ({"taskUUID": trouble.texts[0]} if trouble.texts else {})


class Runware(Provider):
    name = "runware"
    settings: RunwareSettings

    def __init__(self, folder: Path, films: FilmStore, settings: RunwareSettings, speed: float) -> None:
        self.shelf = Shelf(folder)
        super().__init__(folder, films, settings, speed)
        self._tasks: dict[str, Callable[[Task], Awaitable[Parts]]] = {
            "videoInference": self._submit,
            "getTaskDetails": self._details,
            "mediaStorage": self._media,
            "imageUpload": self._image,
            "accountManagement": self._account,
        }

    # --- Requests

    async def post(self, request: web.Request) -> web.StreamResponse:
        try:
            tasks = await request.json()
        except ValueError:
            return _refusal(400, {"code": "invalidRequestBody", "message": "The request body is not valid JSON."})
        if not isinstance(tasks, list) or not tasks or not all(isinstance(task, dict) for task in tasks):
            message = "The request body must be an array of task objects."
            return _refusal(400, {"code": "invalidRequestBody", "message": message})
        if not self._may_enter(request, tasks[0]):
            entry = {"code": "invalidApiKey", "message": "Invalid API key.", "parameter": "apiKey"}
            return _refusal(401, entry | {"taskType": "authentication"})
        status, body = await self.answer(tasks)
        return web.json_response(body, status=status)

    def knows(self, key: Any) -> bool:
        return key in self.settings.keys

    def _may_enter(self, request: web.Request, first: Task) -> bool:
        if first.get("taskType") == "authentication":
            return self.knows(first.get("apiKey"))
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.knows(key.strip())

    async def answer(self, tasks: list[Task], *, on_socket: bool = False) -> tuple[int, dict[str, Any]]:
        """Do every task; status and body, where a status other than 200 means that nothing worked."""
        data: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        status = 0
        for task in tasks:
            try:
                parts = await self._do(task, on_socket=on_socket)
            except TaskError as error:
                errors.append(error.shown(task))
                status = status or error.status
                continue
            data += parts[0]
            errors += parts[1]
            status = 200
        body: dict[str, Any] = {"data": data} if status == 200 else {}
        return status, body | ({"errors": errors} if errors else {})

    async def _do(self, task: Task, *, on_socket: bool) -> Parts:
        kind = task.get("taskType")
        if kind == "authentication":
            return [{"taskType": kind, "connectionSessionUUID": str(uuid4())}], []
        if kind == "ping":
            return [{"taskType": kind, "pong": True}], []
        if kind == "getResponse":
            return await self._poll(task, on_socket=on_socket)
        if kind not in self._tasks:
            raise TaskError("invalidTaskType", f"Invalid value for 'taskType': {kind!r}.", parameter="taskType")
        return await self._tasks[kind](task)

    # --- Submit and poll

    async def _submit(self, task: Task) -> Parts:
        texts = _texts(task)
        await self.gate("submit", texts)
        check_video(task, self.settings)
        self._check_conflict(task)
        if self.spent_usd >= self.settings.balance_usd:
            status, code, message = TROUBLES["out_of_credit"]
            raise TaskError(code, message, status=status)
        job = Job(
            id=task["taskUUID"],
            model=task["model"],
            request=dict(task),
            reference=task["taskUUID"],
            texts=texts,
            portrait=task["inputs"]["image"],
            voice=task["inputs"]["audio"],
            webhook_url=task.get("webhookURL"),
            takes=new_takes(task.get("numberResults", 1), task.get("outputFormat", "MP4").lower()),
        )
        self.accept(job)
        item: dict[str, Any] = {"taskType": "videoInference", "taskUUID": job.id}
        if await self.after_accept(job):
            del item["taskUUID"]
        if self.settings.ack_has_status:
            item["status"] = "processing"
        return [item], []

    def _check_conflict(self, task: Task) -> None:
        known = self.jobs.get(task["taskUUID"])
        memory = self.settings.forget_conflict_after_seconds
        if known is None or (memory and self.clock.now() - known.accepted_at > memory):
            return
        message = "The taskUUID is already in use. It must be unique for each task."
        error = TaskError("conflictTaskUUID", message, parameter="taskUUID", status=self.settings.conflict_status)
        error.context = {
            "taskType": task["taskType"],
            "taskUUID": task["taskUUID"],
            "deliveryMethod": task.get("deliveryMethod", "async"),
        }
        self.requests["conflict"] += 1
        raise error

    async def _poll(self, task: Task, *, on_socket: bool) -> Parts:
        check_uuid(task)
        job = self.jobs.get(task["taskUUID"])
        await self.gate("status", job.texts if job else (task["taskUUID"],))
        if job is None or self._is_hidden(job):
            if self.settings.unknown_task == "empty" or job is not None:
                return [], []
            raise TaskError("taskNotFound", "The task was not found.", parameter="taskUUID", status=404)
        if job.phase is Phase.FAILED:
            return self._failed(job)
        return self._items(job, on_socket=on_socket), []

    def _is_hidden(self, job: Job) -> bool:
        if job.phase.is_final and "forgotten" in job.faults:
            return True
        wait = job.faults.get("invisible", {}).get("seconds", self.settings.visible_after_seconds)
        return self.clock.now() - job.accepted_at < wait

    def _failed(self, job: Job) -> Parts:
        shape = (job.failure or {}).get("shape") or self.settings.error_shape
        done = [self._success(job, take) for take in job.takes if take.done_at is not None]
        return (done, [answers.error_entry(job)]) if shape == "errors" else ([*done, answers.error_item(job)], [])

    def _items(self, job: Job, *, on_socket: bool) -> list[dict[str, Any]]:
        now = self.clock.now()
        uuid = self.settings.processing_uuid == "always" or (on_socket and self.settings.processing_uuid == "websocket")
        forever = job.faults.get("unknown_status", {}).get("forever", False)
        return [
            answers.processing(job, take, now, with_uuid=uuid)
            if take.done_at is None or forever
            else self._success(job, take)
            for take in job.takes
        ]

    def _success(self, job: Job, take: Take) -> dict[str, Any]:
        return answers.success(job, take, self.file_base, cost_unasked=self.settings.cost_unasked)

    async def _details(self, task: Task) -> Parts:
        await self.gate("details", _texts(task))
        check_uuid(task)
        job = self.jobs.get(task["taskUUID"])
        if job is None:
            raise TaskError("taskNotFound", "The task was not found.", parameter="taskUUID", status=404)
        data, errors = self._failed(job) if job.phase is Phase.FAILED else (self._items(job, on_socket=False), [])
        response = {"data": data} | ({"errors": errors} if errors else {})
        details = {"taskType": "getTaskDetails", "taskUUID": job.id, "request": [job.request], "response": response}
        return [details], []

    # --- Media and the account

    async def _media(self, task: Task) -> Parts:
        await self.gate("upload", _texts(task))
        check_uuid(task)
        operation, media = task.get("operation"), task.get("media")
        if operation not in ("upload", "delete"):
            raise TaskError("invalidOperation", "Operation must be 'upload' or 'delete'.", parameter="operation")
        if not isinstance(media, str) or not media:
            raise TaskError("missingMedia", "Missing required parameter 'media'.", parameter="media")
        head = {"taskType": "mediaStorage", "taskUUID": task["taskUUID"], "operation": operation}
        if operation == "delete":
            if not self.shelf.drop(media):
                raise TaskError("mediaNotFound", "The media was not found.", parameter="media", status=404)
            return [head | {"mediaUUID": media}], []
        media_id = await self._keep(media, "media")
        return [head | {"mediaUUID": media_id, "mediaURL": f"{self.file_base}/_uploads/{media_id}"}], []

    async def _image(self, task: Task) -> Parts:
        await self.gate("upload", _texts(task))
        check_uuid(task)
        if not isinstance(task.get("image"), str) or not task["image"]:
            raise TaskError("missingImage", "Missing required parameter 'image'.", parameter="image")
        image_id = await self._keep(task["image"], "image")
        head = {"taskType": "imageUpload", "taskUUID": task["taskUUID"]}
        return [head | {"imageUUID": image_id, "imageURL": f"{self.file_base}/_uploads/{image_id}"}], []

    async def _keep(self, source: str, parameter: str) -> str:
        try:
            blob = await self.larder.fetch("media", source, MAX_BYTES)
        except InputError as refused:
            code = "downloadFailed" if source.startswith("http") else f"invalid{parameter.capitalize()}"
            raise TaskError(code, refused.message, parameter=parameter) from refused
        media_id = str(uuid4())
        kind = source[5:].partition(";")[0] if source.startswith("data:") else "application/octet-stream"
        self.shelf.put(media_id, blob.path, kind)
        return media_id

    async def _account(self, task: Task) -> Parts:
        await self.gate("ledger", _texts(task))
        check_uuid(task)
        operation = task.get("operation")
        if operation not in ("getDetails", "getUsageActivity", "getUsagePerformance", "getUsageErrors"):
            raise TaskError("invalidOperation", "Invalid value for 'operation'.", parameter="operation")
        head = {"taskType": "accountManagement", "taskUUID": task["taskUUID"], "operation": operation}
        if operation != "getDetails":
            return [head | {"usage": {"total": len(self.jobs), "cost": round(self.spent_usd, 5)}}], []
        left = round(self.settings.balance_usd - self.spent_usd, 5)
        body = {"organizationName": "Simulated", "organizationUUID": ORGANISATION, "balance": {"amount": left}}
        return [head | body | {"team": [], "apiKeys": [], "usage": {"total": {"cost": round(self.spent_usd, 5)}}}], []

    # --- What a job does of itself

    def stored_file(self, source: str) -> Path | None:
        kept = self.shelf.get(source)
        return kept.path if kept else None

    def failure_of(self, job: Job, refused: InputError) -> dict[str, Any]:  # noqa: ARG002
        return answers.failure_of(refused)

    def planned_failure(self, job: Job) -> dict[str, Any] | None:
        return answers.planned_failure(job)

    def price_of(self, job: Job) -> float:
        return answers.cost_of(job) * len(job.takes)

    def film_of(self, job: Job) -> Film:
        film = super().film_of(job)
        quality = job.request.get("outputQuality", 95)
        return replace(film, format=job.request.get("outputFormat", "MP4").lower(), quality=quality)

    def on_take(self, job: Job, take: Take) -> None:
        life = job.request.get("ttl") or self.settings.url_seconds
        if life:
            job.file_expires_at = self.clock.now() + life
        if job.request.get("uploadEndpoint"):
            task = asyncio.get_running_loop().create_task(self._put(job, job.request["uploadEndpoint"]))
            self._work.add(task)
            task.add_done_callback(self._work.discard)
        self._write(job, self._success(job, take))

    def on_finished(self, job: Job) -> None:
        if job.phase is Phase.FAILED:
            is_flat = self.settings.webhook_failure == "flat"
            self._write(job, answers.flat_error(job) if is_flat else {"errors": [answers.error_entry(job)]})

    async def _put(self, job: Job, endpoint: str) -> None:
        """Send the raw file; what came of it is in the job's notes."""
        content = await asyncio.to_thread((await self.films.get(self.film_of(job))).read_bytes)
        results = job.notes.setdefault("uploads", [])
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=60)) as client,
                client.put(endpoint, data=content) as put,
            ):
                results.append(put.status)
        except (ClientError, TimeoutError, ValueError) as error:
            results.append(type(error).__name__)

    # --- Letters

    def manners(self) -> Manners:
        waits = [min(8.0, 0.25 * 2**number) for number in range(self.settings.webhook_tries - 1)]
        return Manners(5.0, waits, self.settings.webhook_timeout_real_seconds)

    def _write(self, job: Job, item: dict[str, Any]) -> None:
        if not job.webhook_url:
            return
        faults = self.faults.strike_all(Moment.LETTER, job.texts)
        if "webhook_lost" in faults:
            self.letters.lose(job.id, job.webhook_url)
            return
        after = faults.get("webhook_late", {}).get("seconds", 0.0)
        garbled = "webhook_garbled" in faults
        seal = unsigned(self._body(item, garbled=garbled))
        first = self.letters.post(job.id, job.webhook_url, seal, after=after)
        for number in range(faults.get("webhook_duplicate", {}).get("copies", 0)):
            self.letters.post(job.id, job.webhook_url, seal, after=after + 0.5 * (number + 1), label="copy")
        if "webhook_out_of_order" in faults:
            older = {"taskType": "videoInference", "taskUUID": job.id, "status": "processing", "progress": 50}
            seal = unsigned(self._body(older, garbled=garbled))
            self.letters.post(job.id, job.webhook_url, seal, following=first, label="older")

    def _body(self, item: dict[str, Any], *, garbled: bool) -> bytes:
        if garbled:
            return b"{not json"
        is_wrapped = self.settings.webhook_body == "wrapped" and "errors" not in item
        return json.dumps({"data": [item]} if is_wrapped else item).encode()

    # --- HTTP dress

    def trouble(self, trouble: TroubleError) -> web.StreamResponse:
        status, entry = trouble_entry(trouble)
        return _refusal(status, entry, trouble.params.get("retry_after"))

    def reset(self) -> None:
        super().reset()
        self.shelf.clear()

    async def serve_upload(self, request: web.Request) -> web.StreamResponse:
        kept = self.shelf.get(request.match_info["name"])
        return web.FileResponse(kept.path) if kept else web.Response(status=404, text="Not Found")


def _texts(task: Task) -> tuple[str, ...]:
    inputs = task.get("inputs") if isinstance(task.get("inputs"), dict) else {}
    named = (task.get("taskUUID"), task.get("model"), task.get("webhookURL"), inputs.get("image"), inputs.get("audio"))
    return tuple(text[:2000] for text in named if isinstance(text, str))


def _refusal(status: int, entry: dict[str, Any], retry_after: Any = None) -> web.Response:
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    return web.json_response({"errors": [entry]}, status=status, headers=headers)
