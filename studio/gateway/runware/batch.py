"""Batch of tasks: those of one message, however it came; each is done for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from avatarsite.workspaces.models import ApiToken
from studio.gateway.http import NoToken, known_token
from studio.gateway.runware.errors import TaskError
from studio.gateway.runware.responses import Item
from studio.gateway.runware.tasks import Caller, do

NO_ARRAY = "The request body must be an array of task objects."
MAX_TASKS = 100
AUTHENTICATION = "authentication"
READS = (AUTHENTICATION, "ping", "getResponse", "getTaskDetails", "accountManagement")


@dataclass(slots=True)
class Answers:
    """What goes into ``data`` and ``errors``, and an error's status and headers if nothing has worked."""

    data: list[Item] = field(default_factory=list)
    errors: list[Item] = field(default_factory=list)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def checked(read: Any) -> list[dict[str, Any]]:
    """The tasks that a message has. Raises TaskError."""
    if not isinstance(read, list) or not read or not all(isinstance(task, dict) for task in read):
        raise TaskError("invalidRequestBody", NO_ARRAY)
    if len(read) > MAX_TASKS:
        raise TaskError("arrayTooLong", f"One request has at most {MAX_TASKS} tasks. Send the rest in another.")
    return read


def only_reads(tasks: list[dict[str, Any]]) -> bool:
    return all(task.get("taskType") in READS for task in tasks)


def named_token(first: dict[str, Any]) -> ApiToken | None:
    """The token of a first task that carries the key. Raises TaskError."""
    if first.get("taskType") != AUTHENTICATION:
        return None
    try:
        return known_token(str(first.get("apiKey", "")))
    except NoToken:
        raise no_key() from None


def no_key() -> TaskError:
    return TaskError("invalidApiKey", "Invalid API key.", "apiKey", status=401, taskType=AUTHENTICATION)


def answer(tasks: list[dict[str, Any]], caller: Caller) -> Answers:
    answers = Answers()
    first_error: TaskError | None = None
    has_worked = False
    for task in tasks:
        if task.get("taskType") == AUTHENTICATION:
            session = str(caller.session or uuid4())
            answers.data.append({"taskType": AUTHENTICATION, "connectionSessionUUID": session})
            continue
        try:
            data, errors = do(task, caller)
        except TaskError as error:
            answers.errors.append(error.entry(task))
            first_error = first_error or error
            continue
        answers.data += data
        answers.errors += errors
        has_worked = True
    if first_error and not has_worked:
        answers.status, answers.headers = first_error.status, first_error.headers
    return answers
