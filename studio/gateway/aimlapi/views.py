"""Views of AI/ML API: create a generation and ask for it, the balance, and the models."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from avatarsite.api.idempotency import KeyRefused, key_in
from avatarsite.http.json_body import NotJson
from avatarsite.workspaces.access import Action, demand_of_token
from avatarsite.workspaces.errors import NotAllowed
from avatarsite.workspaces.models import ApiToken
from billing.ledger import posting
from studio.gateway.aimlapi.errors import ApiError, error_response, rejection
from studio.gateway.aimlapi.requests import client_id_of, read_request
from studio.gateway.aimlapi.responses import (
    CREDITS_PER_MICRO,
    credit_headers,
    held_credits,
    model_row,
    status_body,
)
from studio.gateway.errors import Rejected
from studio.gateway.http import BodyTooLarge, NoToken, TooOften, check_rate, json_in, token_in
from studio.gateway.idempotency import accept_once
from studio.gateway.model_names import models_of
from studio.gateway.models import Protocol
from studio.gateway.status import find_request, status_of

NO_KEY = "This request requires a valid API key. You can create an API key on the page of your tokens."


View = Callable[..., JsonResponse]


def aimlapi_view(action: Action) -> Callable[[View], View]:
    """A view that gets the caller's token, and refuses in AI/ML API's form."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def guarded(request: HttpRequest, **route: Any) -> JsonResponse:
            try:
                token = _token(request)
                demand_of_token(token, action)
                check_rate(token, reads=request.method == "GET")
                response = view(request, token, **route)
            except TooOften as error:
                response = error_response(request, 429, "Too Many Requests")
                response.headers["Retry-After"] = error.retry_after["Retry-After"]
            except NotAllowed as error:
                response = error_response(request, 403, str(error))
            except BodyTooLarge as error:
                response = error_response(request, 413, str(error))
            except ApiError as error:
                response = error_response(request, error.status, error.message)
                for name, value in error.headers.items():
                    response.headers[name] = value
            if client_id := client_id_of(request):
                response.headers["x-client-request-id"] = client_id
            return response

        return guarded

    return decorate


@csrf_exempt
def generations(request: HttpRequest) -> JsonResponse:
    if request.method == "POST":
        return create(request)
    return fetch(request)


@aimlapi_view(Action.RENDER)
def create(request: HttpRequest, token: ApiToken) -> JsonResponse:
    try:
        body = json_in(request)
    except NotJson as error:
        raise ApiError(400, f"Body validation error. {error}") from None
    incoming = read_request(token, body, client_id_of(request), request.headers)
    try:
        row = accept_once(incoming, key_in(request.headers))
    except KeyRefused as error:
        raise ApiError(400, str(error)) from None
    except Rejected as rejected:
        raise rejection(rejected.error, incoming.model) from None
    held = held_credits(token, incoming.slug)
    answer = {"id": row.reference, "status": "queued", "meta": {"usage": {"credits_used": held}}}
    return JsonResponse(answer, headers={"x-inference-id": row.reference} | credit_headers(held))


@aimlapi_view(Action.VIEW)
def fetch(request: HttpRequest, token: ApiToken) -> JsonResponse:
    if request.method != "GET":
        raise ApiError(405, "Method Not Allowed")
    wanted = request.GET.get("generation_id", "")
    if not wanted:
        raise ApiError(400, "Query validation error. generation_id: Required")
    row = find_request(token.workspace, Protocol.AIMLAPI, wanted)
    status = status_of(row) if row else None
    if status is None:
        raise ApiError(404, "Generation not found")
    body = status_body(status)
    render = status.first.render
    if render is None or render.charge_micros is None:
        return JsonResponse(body)
    used = render.paid_micros * CREDITS_PER_MICRO
    return JsonResponse(body | {"meta": {"usage": {"credits_used": used}}}, headers=credit_headers(used))


@aimlapi_view(Action.VIEW)
def balance(request: HttpRequest, token: ApiToken) -> JsonResponse:
    if request.method != "GET":
        raise ApiError(405, "Method Not Allowed")
    available = posting.balance(token.workspace).available_micros
    return JsonResponse({"current_balance": available / 1_000_000, "currency": "USD"})


@csrf_exempt
def models(request: HttpRequest) -> JsonResponse:
    """What can be asked for here, and with ``include=pricing`` what a second of it costs; a key is not needed."""
    if request.method != "GET":
        return error_response(request, 405, "Method Not Allowed")
    wanted = request.GET.getlist("id") or list(models_of(Protocol.AIMLAPI))
    with_prices = "pricing" in request.GET.get("include", "")
    rows = [model_row(name, with_prices=with_prices) for name in wanted if name in models_of(Protocol.AIMLAPI)]
    return JsonResponse({"object": "list", "data": rows})


def _token(request: HttpRequest) -> ApiToken:
    try:
        return token_in(request, "bearer")
    except NoToken:
        raise ApiError(401, NO_KEY) from None
