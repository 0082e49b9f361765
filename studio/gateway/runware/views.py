"""View of Runware's one address: an array of tasks by POST, answered task by task."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from avatarsite.http.json_body import NotJson
from avatarsite.workspaces.models import ApiToken
from studio.gateway.http import BodyTooLarge, NoToken, TooOften, check_rate, json_in, token_in
from studio.gateway.runware import batch
from studio.gateway.runware.errors import TaskError, refused
from studio.gateway.runware.tasks import Caller


@csrf_exempt
def tasks(request: HttpRequest) -> JsonResponse:
    if request.method != "POST":
        return refused(TaskError("methodNotAllowed", "Send tasks with POST.", status=405))
    try:
        bearer = _bearer(request) if "Authorization" in request.headers else None
        sent = _tasks_in(request)
        token = batch.named_token(sent[0]) or bearer
        if token is None:
            raise batch.no_key()
        check_rate(token, reads=batch.only_reads(sent))
    except TaskError as error:
        return refused(error)
    except TooOften as error:
        refusal = refused(TaskError("rateLimitExceeded", str(error), status=429))
        refusal.headers["Retry-After"] = error.retry_after["Retry-After"]
        return refusal
    return _answer(sent, token)


def _tasks_in(request: HttpRequest) -> list[dict[str, Any]]:
    try:
        return batch.checked(json_in(request))
    except NotJson as error:
        raise TaskError("invalidRequestBody", str(error)) from None
    except BodyTooLarge as error:
        raise TaskError("maxRequestSizeExceeded", str(error), status=413) from error


def _bearer(request: HttpRequest) -> ApiToken:
    try:
        return token_in(request, "bearer")
    except NoToken:
        raise batch.no_key() from None


def _answer(sent: list[dict[str, Any]], token: ApiToken) -> JsonResponse:
    """The status is an error's only if nothing has worked."""
    answers = batch.answer(sent, Caller(token))
    body: dict[str, Any] = {"data": answers.data} if answers.status == 200 else {}
    body |= {"errors": answers.errors} if answers.errors else {}
    return JsonResponse(body, status=answers.status, headers=answers.headers)
