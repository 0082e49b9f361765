"""Frames of a WebSocket: what a client's says is done, and the frames that answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from avatarsite.http.json_body import NotJson
from studio.gateway.http import BodyTooLarge, NoToken, TooOften, check_rate, json_of, known_token
from studio.gateway.runware import batch
from studio.gateway.runware.errors import TaskError
from studio.gateway.runware.pushes import may_read
from studio.gateway.runware.tasks import Caller

Frame = dict[str, Any]
PING_CHARACTERS = 1_000  # no ping is longer
PONG: Frame = {"data": [{"taskType": "ping", "pong": True}]}


@dataclass(frozen=True, slots=True)
class Known:
    """Who has authenticated. The secret is looked up again for each frame, as HTTP does for each request."""

    secret: str
    token_id: str
    workspace_id: str
    session: UUID
    gets_pushes: bool


def is_ping(text: str) -> bool:
    if len(text) > PING_CHARACTERS:
        return False
    try:
        tasks = _tasks_of(text)
    except TaskError:
        return False
    return all(task.get("taskType") == "ping" for task in tasks)


def converse(text: str, known: Known | None) -> tuple[Known | None, list[Frame]]:
    """Do what a frame asks for. The answer says who the client is now: nobody, if the key does not work any more."""
    tasks: list[dict[str, Any]] = [{}]
    try:
        tasks = _tasks_of(text)
        known, caller = _caller(tasks[0], known)
        check_rate(caller.token, reads=batch.only_reads(tasks))
    except TaskError as error:
        return None if error.code == "invalidApiKey" else known, refused(tasks, error)
    except TooOften as error:
        return known, refused(tasks, TaskError("rateLimitExceeded", str(error), status=429))
    answers = batch.answer(tasks, caller)
    # Clients take the first error of a frame for their own task's, whichever it is about: so each has its own.
    data: list[Frame] = [{"data": answers.data}] if answers.data or not answers.errors else []
    return known, data + [{"errors": [error]} for error in answers.errors]


def refused(tasks: list[dict[str, Any]], error: TaskError) -> list[Frame]:
    """The same error for each task: a client tells by the task's id whom it concerns."""
    return [{"errors": [error.entry(task)]} for task in tasks]


def refused_unread(text: str, error: TaskError) -> list[Frame]:
    try:
        return refused(_tasks_of(text), error)
    except TaskError:
        return refused([{}], error)


def _tasks_of(text: str) -> list[dict[str, Any]]:
    try:
        return batch.checked(json_of(text.encode("utf-8", "replace")))
    except NotJson as error:
        raise TaskError("invalidRequestBody", str(error)) from None
    except BodyTooLarge as error:
        raise TaskError("maxRequestSizeExceeded", str(error), status=413) from error


def _caller(first: dict[str, Any], known: Known | None) -> tuple[Known, Caller]:
    """By the key in the frame, or by the one that came before. Raises TaskError."""
    if token := batch.named_token(first):
        session = _uuid(first.get("connectionSessionUUID")) or (known.session if known else uuid4())
        secret = str(first["apiKey"])
        return Known(secret, token.pk, token.workspace_id, session, may_read(token)), Caller(token, session)
    if known is None:
        raise batch.no_key()
    try:
        return known, Caller(known_token(known.secret), known.session)
    except NoToken:
        raise batch.no_key() from None


def _uuid(given: Any) -> UUID | None:
    """The session that a client wants to resume, or has chosen for itself."""
    try:
        return UUID(given)
    except (ValueError, TypeError, AttributeError):
        return None
