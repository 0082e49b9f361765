"""Views of fal's queue, of its synchronous twin, and of its price list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from avatarsite.api.idempotency import KeyRefused, key_in
from avatarsite.errors import DomainError
from avatarsite.http.json_body import NotJson
from avatarsite.http.public_addresses import trimmed
from avatarsite.web.places import RETRY_AFTER, NoPlace, Place
from avatarsite.workspaces.access import Action, demand_of_token
from avatarsite.workspaces.errors import NotAllowed
from avatarsite.workspaces.models import ApiToken
from studio.gateway import errors, intake
from studio.gateway.errors import GatewayError, Rejected
from studio.gateway.fal import sync
from studio.gateway.fal.errors import NO_MONEY, busy_response, domain_error_response, error_response, failed, locked
from studio.gateway.fal.requests import HeaderRefused, read_headers, read_request
from studio.gateway.fal.responses import CANCEL_WORDS, marked, queue_base, result_of, status_body, urls
from studio.gateway.http import BodyTooLarge, NoToken, TooOften, check_rate, json_in, token_in, why_no_webhook
from studio.gateway.idempotency import accept_once
from studio.gateway.model_names import models_of
from studio.gateway.models import GatewayRequest, Protocol
from studio.gateway.status import Phase, RequestStatus, Take, find_request, position_of, status_of

View = Callable[..., HttpResponseBase]
NO_KEY = "Authentication is required to access this application."
WRONG_KEY = "No user found for Key ID and Secret"
NOT_FOUND = "Request not found"


def fal_view(action: Action, *methods: str) -> Callable[[View], View]:
    """A view that gets the caller's token, and refuses in fal's words whoever has none or may not."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def guarded(request: HttpRequest, **route: Any) -> HttpResponseBase:
            if request.method not in methods:
                # Whatever else is asked of an address that takes submits, there is nothing there.
                missing, other = (404, "Path not found"), (405, "Method Not Allowed")
                return error_response(*(missing if "model" in route else other))
            try:
                token = token_in(request, "key", "bearer")
                demand_of_token(token, action)
                check_rate(token, reads=request.method == "GET")
                return view(request, token, **route)
            except NoToken as error:
                return error_response(401, WRONG_KEY if error.given else NO_KEY)
            except NotAllowed as error:
                return error_response(403, str(error))
            except TooOften as error:
                return error_response(429, "Rate limit exceeded", **error.retry_after)
            except HeaderRefused as error:
                return error_response(400, str(error))
            except BodyTooLarge as error:
                return error_response(413, str(error))
            except DomainError as refusal:
                return domain_error_response(refusal)

        return guarded

    return decorate


@fal_view(Action.RENDER, "POST")
def submit(request: HttpRequest, token: ApiToken, model: str) -> HttpResponseBase:
    base = queue_base(request, model)
    webhook = trimmed(request.GET.get("fal_webhook", ""))
    if webhook and (why_not := why_no_webhook(webhook)):
        return error_response(422, f"fal_webhook must be an http or https address that we can reach: {why_not}")
    row = _accepted(request, token, model, webhook)
    if not isinstance(row, GatewayRequest):
        return row
    position = position_of(row, Take(Phase.WAITING))
    body = {"status": "IN_QUEUE", "request_id": row.reference, "gateway_request_id": row.reference}
    return JsonResponse(body | {"queue_position": position} | urls(row, base), headers=marked(row))


@fal_view(Action.RENDER, "POST")
def run(request: HttpRequest, token: ApiToken, model: str) -> HttpResponseBase:
    """The same, answered when the video is there."""
    try:
        place = Place(token.workspace_id)
    except NoPlace:
        return busy_response("Concurrent requests limit reached", **{"Retry-After": str(RETRY_AFTER)})
    try:
        row = _accepted(request, token, model, "")
        if not isinstance(row, GatewayRequest):
            return row
        last = None
        for last in sync.each_status(row, place):
            intake.give_up_late(last.row)
        if last is None:
            return error_response(404, NOT_FOUND)
        if not last.phase.is_over:
            return failed(GatewayError(errors.NOT_STARTED)).response()
        return result_of(last.first, last.row).response()
    finally:
        place.close()


@fal_view(Action.VIEW, "GET")
def status(request: HttpRequest, token: ApiToken, owner: str, app: str, request_id: str) -> HttpResponseBase:
    status = _find_status(token, owner, app, request_id)
    if status is None:
        return error_response(404, NOT_FOUND)
    base = queue_base(request, f"{owner}/{app}/requests/{request_id}/status")
    body = status_body(status, base, logs=_wants_logs(request))
    return JsonResponse(body, status=200 if status.phase.is_over else 202, headers=marked(status.row))


@fal_view(Action.VIEW, "GET")
def stream(request: HttpRequest, token: ApiToken, owner: str, app: str, request_id: str) -> HttpResponseBase:
    """Server-sent events: one for each change until it is over."""
    status = _find_status(token, owner, app, request_id)
    if status is None:
        return error_response(404, NOT_FOUND)
    base = queue_base(request, f"{owner}/{app}/requests/{request_id}/status/stream")
    try:
        events = _Events(status.row, base, logs=_wants_logs(request))
    except NoPlace:
        return error_response(429, "Concurrent requests limit reached")
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=headers)


@fal_view(Action.VIEW, "GET")
def result(_request: HttpRequest, token: ApiToken, owner: str, app: str, request_id: str) -> HttpResponseBase:
    status = _find_status(token, owner, app, request_id)
    if status is None:
        return error_response(404, NOT_FOUND)
    return result_of(status.first, status.row).response()


@fal_view(Action.RENDER, "PUT")
def cancel(_request: HttpRequest, token: ApiToken, owner: str, app: str, request_id: str) -> HttpResponseBase:
    status = _find_status(token, owner, app, request_id)
    return _cancelled(_cancel(status))


@fal_view(Action.VIEW, "GET")
def pricing(request: HttpRequest, token: ApiToken) -> HttpResponseBase:  # noqa: ARG001
    """What a second costs here, at the offer that would make it now."""
    wanted = [name for given in request.GET.getlist("endpoint_id") for name in given.split(",") if name]
    known = models_of(Protocol.FAL)
    found = {name: intake.price_now(known[name]) for name in wanted if name in known}
    lost = [name for name in wanted if not found.get(name)]
    if lost or not wanted:
        return error_response(404, f"Endpoint not found: {', '.join(lost)[:300]}")
    prices = [
        {"endpoint_id": name, "unit_price": price / 1_000_000, "unit": "second", "currency": "USD"}
        for name, price in found.items()
    ]
    return JsonResponse({"prices": prices, "next_cursor": None, "has_more": False})


class _Events:
    """The stream's lines; closing it gives its place back."""

    def __init__(self, row: GatewayRequest, base: str, *, logs: bool) -> None:
        self._place = Place(row.workspace_id)
        self._lines = self._each(row, base, logs=logs)

    def __iter__(self) -> Iterator[bytes]:
        return self._lines

    def close(self) -> None:
        self._place.close()

    def _each(self, row: GatewayRequest, base: str, *, logs: bool) -> Iterator[bytes]:
        last = ""
        for status in sync.each_status(row, self._place):
            now = json.dumps(status_body(status, base, logs=logs))
            if now != last:
                last = now
                yield f"data: {now}\n\n".encode()


def _accepted(request: HttpRequest, token: ApiToken, model: str, webhook: str) -> GatewayRequest | JsonResponse:
    if model not in models_of(Protocol.FAL):
        return _not_sold(model)
    try:
        arguments = json_in(request)
    except NotJson as error:
        arguments = error
    try:
        incoming = read_request(token, model, arguments, read_headers(request.headers), webhook)
        return accept_once(incoming, key_in(request.headers))
    except KeyRefused as error:
        return error_response(422, str(error))
    except Rejected as rejected:
        return _refusal(model, rejected.error)


def _refusal(model: str, error: GatewayError) -> JsonResponse:
    if error.code == errors.NOT_SOLD:
        return _not_sold(model)
    if error.code in NO_MONEY:
        return error_response(403, locked(error))
    if error.retry_after is not None and error.code != errors.UNAVAILABLE:
        return busy_response(error.message, **error.headers)
    return failed(error).response()


def _not_sold(model: str) -> JsonResponse:
    return error_response(404, f"Application '{model[:100]}' not found")


def _find_status(token: ApiToken, owner: str, app: str, request_id: str) -> RequestStatus | None:
    """The caller's own request; under another app than its own it is unknown."""
    row = find_request(token.workspace, Protocol.FAL, request_id)
    if row is None or row.model.split("/")[:2] != [owner, app]:
        return None
    intake.give_up_late(row)
    return status_of(row)


def _cancel(status: RequestStatus | None) -> str:
    if status is None:
        return "NOT_FOUND"
    if status.phase.is_over:
        return "ALREADY_COMPLETED"
    return "OK" if intake.cancel(status.row) else "CANCELLATION_REQUESTED"


def _cancelled(word: str) -> JsonResponse:
    return JsonResponse({"status": word}, status=CANCEL_WORDS[word])


def _wants_logs(request: HttpRequest) -> bool:
    return request.GET.get("logs", "0").lower() in ("1", "true")
