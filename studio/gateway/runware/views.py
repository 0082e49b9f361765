from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from avatarsite.workspaces.models import ApiToken
from studio.gateway.doors import BodyTooLarge, NotJson, NoToken, TooOften, check_rate, json_in, known_token, token_in
from studio.gateway.runware.errors import TaskError
from studio.gateway.runware.tasks import do

NO_ARRAY = "The request body must be an array of task objects."
TASKS_AT_ONCE = 100
READS = ("authentication", "ping", "getResponse", "getTaskDetails", "accountManagement")


@csrf_exempt
def tasks(request: HttpRequest) -> JsonResponse:
    if request.method != "POST":
        return _refused(TaskError("methodNotAllowed", "Send tasks with POST.", status=405))
    try:
        bearer = _bearer(request) if "Authorization" in request.headers else None
        asked = _tasks_in(request)
        token = _named(asked[0]) or bearer
        if token is None:
            raise _no_key()
        check_rate(token, reads=all(task.get("taskType") in READS for task in asked))
    except TaskError as error:
        return _refused(error)
    except TooOften as error:
        refusal = _refused(TaskError("rateLimitExceeded", str(error), status=429))
        refusal.headers["Retry-After"] = error.retry_after["Retry-After"]
        return refusal
    return _answer(asked, token)


def _tasks_in(request: HttpRequest) -> list[dict[str, Any]]:
    try:
        asked = json_in(request)
    except NotJson:
        raise TaskError("invalidRequestBody", "The request body is not valid JSON.") from None
    except BodyTooLarge as error:
        raise TaskError("maxRequestSizeExceeded", str(error), status=413) from error
    if not isinstance(asked, list) or not asked or not all(isinstance(task, dict) for task in asked):
        raise TaskError("invalidRequestBody", NO_ARRAY)
    if len(asked) > TASKS_AT_ONCE:
        raise TaskError("arrayTooLong", f"One request has at most {TASKS_AT_ONCE} tasks. Send the rest in another.")
    return asked


def _bearer(request: HttpRequest) -> ApiToken:
    try:
        return token_in(request, "bearer")
    except NoToken:
        raise _no_key() from None


def _named(first: dict[str, Any]) -> ApiToken | None:
    """The token of a first task that carries the key."""
    if first.get("taskType") != "authentication":
        return None
    try:
        return known_token(str(first.get("apiKey", "")))
    except NoToken:
        raise _no_key() from None


def _no_key() -> TaskError:
    return TaskError("invalidApiKey", "Invalid API key.", "apiKey", status=401, taskType="authentication")


def _answer(asked: list[dict[str, Any]], token: ApiToken) -> JsonResponse:
    """Every task is done for itself; the status is an error's only if nothing has worked."""
    data: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    status = 0
    for task in asked:
        if task.get("taskType") == "authentication":
            data.append({"taskType": "authentication", "connectionSessionUUID": str(uuid4())})
            continue
        try:
            items, failures = do(task, token)
        except TaskError as error:
            errors.append(error.entry(task))
            status = status or error.status
            continue
        data += items
        errors += failures
        status = 200
    body = {"data": data} if status in (0, 200) else {}
    return JsonResponse(body | ({"errors": errors} if errors else {}), status=status or 200)


def _refused(error: TaskError) -> JsonResponse:
    return JsonResponse({"errors": [error.entry({})]}, status=error.status)


urlpatterns = [path("v1", tasks, name="gateway_runware")]
