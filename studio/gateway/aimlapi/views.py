from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from avatarsite.http.json_body import NotJson
from avatarsite.workspaces.access import Action, demand_of_token
from avatarsite.workspaces.errors import NotAllowed
from avatarsite.workspaces.models import ApiToken
from billing.ledger import posting
from billing.money import charge_micros
from studio.gateway import intake
from studio.gateway.aimlapi.errors import refusal, said, status_body
from studio.gateway.errors import Rejected
from studio.gateway.http import BodyTooLarge, NoToken, TooOften, check_rate, json_in, shortened, token_in
from studio.gateway.idempotency import KeyRefused, accept_once, key_in
from studio.gateway.incoming import IncomingRequest
from studio.gateway.model_names import models_of
from studio.gateway.models import Protocol
from studio.gateway.status import find_request, status_of
from studio.pipeline.request.render_request import PROMPT_LIMIT
from studio.uploads.fetch import is_address

CREDITS_PER_MICRO = 2  # two million a dollar
HELD_MS = 5_000  # what is told before the voice has been heard, as the provider does
CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
NO_KEY = "This request requires a valid API key. You can create an API key on the page of your tokens."
PROVIDERS = ("auto", "kling", "klingai", "fal")


class SaidNo(Exception):
    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


View = Callable[..., JsonResponse]


def aimlapi_view(action: Action) -> Callable[[View], View]:
    """A view that gets the caller's token; whatever is refused is said in AI/ML API's form."""

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
                response = said(request, 429, "Too Many Requests")
                response.headers["Retry-After"] = error.retry_after["Retry-After"]
            except NotAllowed as error:
                response = said(request, 403, str(error))
            except BodyTooLarge as error:
                response = said(request, 413, str(error))
            except SaidNo as error:
                response = said(request, error.status, error.message)
                for name, value in error.headers.items():
                    response.headers[name] = value
            if client_id := _client_id(request):
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
        raise SaidNo(400, f"Body validation error. {error}") from None
    _check_body(body)
    incoming = IncomingRequest(
        protocol=Protocol.AIMLAPI,
        token=token,
        reference=f"{uuid4()}:{body['model']}",
        model=body["model"],
        slug=models_of(Protocol.AIMLAPI)[body["model"]],
        portrait=body["image_url"],
        voice=body["audio_url"],
        body=shortened(body),
        prompt=body.get("prompt", ""),
        client_reference=_client_id(request),
    )
    try:
        row = accept_once(incoming, key_in(request.headers))
    except KeyRefused as error:
        raise SaidNo(400, str(error)) from None
    except Rejected as rejected:
        raise SaidNo(*refusal(rejected.error, incoming.model), rejected.error.headers) from None
    held = _held(token, incoming.slug)
    answer = {"id": row.reference, "status": "queued", "meta": {"usage": {"credits_used": held}}}
    return JsonResponse(answer, headers={"x-inference-id": row.reference} | _priced(held))


@aimlapi_view(Action.VIEW)
def fetch(request: HttpRequest, token: ApiToken) -> JsonResponse:
    if request.method != "GET":
        raise SaidNo(405, "Method Not Allowed")
    wanted = request.GET.get("generation_id", "")
    if not wanted:
        raise SaidNo(400, "Query validation error. generation_id: Required")
    row = find_request(token.workspace, Protocol.AIMLAPI, wanted)
    status = status_of(row) if row else None
    if status is None:
        raise SaidNo(404, "Generation not found")
    body = status_body(status)
    render = status.first.render
    if render is None or render.charge_micros is None:
        return JsonResponse(body)
    used = render.paid_micros * CREDITS_PER_MICRO
    return JsonResponse(body | {"meta": {"usage": {"credits_used": used}}}, headers=_priced(used))


@aimlapi_view(Action.VIEW)
def balance(request: HttpRequest, token: ApiToken) -> JsonResponse:
    if request.method != "GET":
        raise SaidNo(405, "Method Not Allowed")
    available = posting.balance(token.workspace).available_micros
    return JsonResponse({"current_balance": available / 1_000_000, "currency": "USD"})


@csrf_exempt
def models(request: HttpRequest) -> JsonResponse:
    """What can be asked for here, and with ``include=pricing`` what a second of it costs; a key is not needed."""
    if request.method != "GET":
        return said(request, 405, "Method Not Allowed")
    wanted = request.GET.getlist("id") or list(models_of(Protocol.AIMLAPI))
    with_prices = "pricing" in request.GET.get("include", "")
    rows = [_model(name, with_prices=with_prices) for name in wanted if name in models_of(Protocol.AIMLAPI)]
    return JsonResponse({"object": "list", "data": rows})


def _model(name: str, *, with_prices: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"id": name, "type": "video", "info": {"name": name}}
    if not with_prices:
        return row
    quote = intake.price_now(models_of(Protocol.AIMLAPI)[name])
    price = {"when": {}, "price": quote / 1_000_000, "unit": "second", "per": 1}
    return row | {"pricing": {"kind": "variants", "variants": [price] if quote else []}}


def _check_body(body: Any) -> None:
    if not isinstance(body, dict):
        raise SaidNo(400, "Body validation error. Expected object")
    for name in ("model", "image_url", "audio_url"):
        if not isinstance(body.get(name), str) or not body[name]:
            received = type(body[name]).__name__ if name in body else "undefined"
            raise SaidNo(400, f"Body validation error. {name}: Expected string, received {received}")
    if body["model"] not in models_of(Protocol.AIMLAPI):
        raise SaidNo(404, f"Model {body['model'][:100]} not found")
    if not is_address(body["audio_url"]):
        raise SaidNo(400, "Body validation error. audio_url: Invalid url")
    prompt = body.get("prompt", "")
    if not isinstance(prompt, str) or len(prompt) > PROMPT_LIMIT:
        raise SaidNo(400, f"Body validation error. prompt: String must contain at most {PROMPT_LIMIT} character(s)")
    if body.get("provider", "auto") not in PROVIDERS:
        named = " | ".join(f"'{name}'" for name in PROVIDERS)
        raise SaidNo(400, f"Body validation error. provider: Invalid enum value. Expected {named}")


def _held(token: ApiToken, slug: str) -> int:
    quote = intake.least_quote(token, slug, {})
    price = quote.chosen.price_micros_per_second if quote.chosen else 0
    return charge_micros(HELD_MS, price) * CREDITS_PER_MICRO


def _token(request: HttpRequest) -> ApiToken:
    try:
        return token_in(request, "bearer")
    except NoToken:
        raise SaidNo(401, NO_KEY) from None


def _client_id(request: HttpRequest) -> str:
    """The client's own id of the call, if it is well formed; else dropped in silence, as the provider does."""
    given = request.headers.get("X-Client-Request-Id", "")
    return given if CLIENT_ID.fullmatch(given) else ""


def _priced(used: int) -> dict[str, str]:
    usd = f"{used / 2_000_000:.6f}".rstrip("0").rstrip(".") or "0"
    return {"x-aimlapi-credits-used": str(used), "x-aimlapi-usd-spent": usd}


urlpatterns = [
    path("v2/video/generations", generations, name="gateway_aimlapi"),
    path("v2/billing", balance, name="gateway_aimlapi_balance"),
    path("v1/models", models, name="gateway_aimlapi_models"),
]
