"""Tasks: one function for each kind that a client can send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from avatarsite.http.public_addresses import trimmed
from avatarsite.workspaces.access import Action, demand_of_token
from avatarsite.workspaces.errors import NotAllowed, Suspended
from avatarsite.workspaces.models import ApiToken
from billing.ledger import posting
from studio.gateway import stored_files
from studio.gateway.errors import DuplicateRequest, Rejected
from studio.gateway.http import shortened
from studio.gateway.incoming import IncomingRequest
from studio.gateway.intake import accept
from studio.gateway.links import file_link
from studio.gateway.model_names import models_of
from studio.gateway.models import GatewayRequest, Protocol
from studio.gateway.runware import media, responses, usage
from studio.gateway.runware.errors import TaskError, refusal
from studio.gateway.runware.requests import check_uuid, check_video, missing, options_of
from studio.gateway.runware.responses import Parts
from studio.gateway.status import RequestStatus, find_request, status_of

Task = Mapping[str, Any]


class Caller(NamedTuple):
    """Who asks: by this token, and over this session if a socket carries the tasks."""

    token: ApiToken
    session: UUID | None = None


def do(task: Task, caller: Caller) -> Parts:
    """The items for ``data`` and ``errors``. Raises TaskError."""
    kind = task.get("taskType")
    if not isinstance(kind, str) or kind not in KINDS:
        raise TaskError("invalidTaskType", f"Invalid value for 'taskType': {str(kind)[:100]!r}.", "taskType")
    action, function = KINDS[kind]
    try:
        demand_of_token(caller.token, *action)
    except NotAllowed as error:
        code = "accountSuspended" if isinstance(error, Suspended) else "insufficientPermissions"
        raise TaskError(code, str(error), status=403) from error
    return function(task, caller)


def _ping(_task: Task, _caller: Caller) -> Parts:
    return [{"taskType": "ping", "pong": True}], []


def _submit(task: Task, caller: Caller) -> Parts:
    check_video(task)
    incoming = IncomingRequest(
        protocol=Protocol.RUNWARE,
        token=caller.token,
        session=caller.session,
        reference=task["taskUUID"].lower(),
        model=task["model"],
        slug=models_of(Protocol.RUNWARE)[task["model"]],
        portrait=task["inputs"]["image"],
        voice=task["inputs"]["audio"],
        body=shortened(dict(task)),
        prompt=task.get("positivePrompt", ""),
        options=options_of(task),
        webhook_url=trimmed(task.get("webhookURL", "")),
    )
    try:
        accept(incoming)
    except DuplicateRequest:
        raise _conflict(task) from None
    except Rejected as rejected:
        raise refusal(rejected.error) from None
    return [{"taskType": "videoInference", "taskUUID": task["taskUUID"]}], []


def _conflict(task: Task) -> TaskError:
    context = {
        "taskType": task["taskType"],
        "taskUUID": task["taskUUID"],
        "deliveryMethod": task.get("deliveryMethod", "async"),
    }
    message = "The taskUUID is already in use. It must be unique for each task."
    return TaskError("conflictTaskUUID", message, "taskUUID", context=context)


def _poll(task: Task, caller: Caller) -> Parts:
    status = _find_status(task, caller)
    return responses.items_of(status) if status else ([], [])


def _details(task: Task, caller: Caller) -> Parts:
    status = _find_status(task, caller)
    if status is None:
        raise TaskError("taskNotFound", "The task was not found.", "taskUUID", status=404)
    data, errors = responses.items_of(status)
    response = {"data": data} | ({"errors": errors} if errors else {})
    head = {"taskType": "getTaskDetails", "taskUUID": task["taskUUID"]}
    return [head | {"request": [status.row.body], "response": response}], []


def _find_status(task: Task, caller: Caller) -> RequestStatus | None:
    check_uuid(task)
    row: GatewayRequest | None = find_request(caller.token.workspace, Protocol.RUNWARE, task["taskUUID"].lower())
    return status_of(row) if row else None


def _media(task: Task, caller: Caller) -> Parts:
    check_uuid(task)
    operation = task.get("operation")
    if operation not in ("upload", "delete"):
        raise TaskError("invalidOperation", "Operation must be 'upload' or 'delete'.", "operation")
    given = _text(task, "media")
    head = {"taskType": "mediaStorage", "taskUUID": task["taskUUID"], "operation": operation}
    if operation == "delete":
        _delete(caller.token, given)
        return [head | {"mediaUUID": given}], []
    file = media.store(caller.token.workspace, given, "media")
    return [head | {"mediaUUID": str(file.pk), "mediaURL": file_link(file)}], []


def _image(task: Task, caller: Caller) -> Parts:
    check_uuid(task)
    file = media.store(caller.token.workspace, _text(task, "image"), "image")
    head = {"taskType": "imageUpload", "taskUUID": task["taskUUID"]}
    return [head | {"imageUUID": str(file.pk), "imageURL": file_link(file)}], []


def _delete(token: ApiToken, given: str) -> None:
    try:
        file = stored_files.find_file(token.workspace, UUID(given))
    except ValueError:
        file = None
    if file is None:
        raise TaskError("mediaNotFound", "The media was not found.", "media", status=404)
    stored_files.delete_file(file)


def _account(task: Task, caller: Caller) -> Parts:
    check_uuid(task)
    operation = task.get("operation")
    head = {"taskType": "accountManagement", "taskUUID": task["taskUUID"], "operation": operation}
    if operation == "getDetails":
        balance = posting.balance(caller.token.workspace)
        return [head | usage.account(caller.token, balance.available_micros)], []
    if operation in ("getUsageActivity", "getUsagePerformance", "getUsageErrors"):
        return [head | {"usage": usage.totals(caller.token.workspace)}], []
    raise TaskError("invalidOperation", "Invalid value for 'operation'.", "operation")


def _text(task: Task, name: str) -> str:
    value = task.get(name)
    if value is None:
        raise missing(name)
    if not isinstance(value, str) or not value:
        message = f"Invalid value for '{name}': it must be a URL, a data URI or base64."
        raise TaskError(f"invalid{name.capitalize()}", message, name)
    return value


READ, WRITE = (Action.VIEW,), (Action.RENDER,)
KINDS: dict[str, tuple[tuple[Action, ...], Callable[[Task, Caller], Parts]]] = {
    "ping": (READ, _ping),
    "videoInference": (WRITE, _submit),
    "getResponse": (READ, _poll),
    "getTaskDetails": (READ, _details),
    "mediaStorage": (WRITE, _media),
    "imageUpload": (WRITE, _image),
    "accountManagement": ((Action.MANAGE_BILLING, Action.VIEW), _account),
}
