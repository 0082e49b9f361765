"""Errors in AI/ML API's words: of a generation, and of a request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from studio.gateway import errors
from studio.gateway.errors import GatewayError
from studio.media.errors import Refusal
from studio.providers.types import Fault

NAMES: dict[str, str] = {
    **dict.fromkeys(Refusal, "BadRequestError"),
    "storage_full": "BadRequestError",
    Fault.INPUT: "BadRequestError",
    "bad_option": "BadRequestError",
    Fault.MODERATION: "ContentModerationError",
    errors.WITHHELD: "ContentModerationError",
    Fault.TIMEOUT: "GenerationTimeoutError",
    "overdue": "GenerationTimeoutError",
    Fault.RATE_LIMIT: "ServiceUnavailableError",
    Fault.QUOTA: "ServiceUnavailableError",
    Fault.AUTH: "ServiceUnavailableError",
    errors.UNAVAILABLE: "ServiceUnavailableError",
    errors.NO_CREDIT: "InsufficientCreditsError",
    errors.FROZEN: "ForbiddenError",
    errors.BUDGET: "InsufficientCreditsError",
    errors.CANCELLED: "CancelledError",
}
NO_CREDITS = "You've run out of credits. Please top up your balance or update your payment method to continue."


class ApiError(Exception):
    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


def error_body(error: GatewayError) -> dict[str, str]:
    by_limit = "GenerationError" if error.retry_after is None else "TooManyRequestsError"
    name = NAMES.get(error.code, by_limit)
    return {"name": name, "message": error.message or "The generation failed."}


def rejection(error: GatewayError, model: str) -> ApiError:
    """For a request that is not taken."""
    return ApiError(*_status_and_sentence(error, model), error.headers)


def _status_and_sentence(error: GatewayError, model: str) -> tuple[int, str]:
    if error.code == errors.NOT_SOLD:
        return 404, f"Model {model} not found"
    if error.code == errors.UNAVAILABLE:
        return 503, f"Service Unavailable. {error.message}"
    if error.code in (errors.NO_CREDIT, errors.BUDGET):
        return 403, f"{NO_CREDITS} {error.message}"
    if error.retry_after is not None:
        return 429, f"Too Many Requests. {error.message}"
    if error.code == errors.FROZEN:
        return 403, error.message
    return 400, f"Body validation error. {error.message}"


def refusal_response(request: HttpRequest, status: int, sentence: str) -> JsonResponse:
    """Response to what is refused before a view has looked."""
    return error_response(request, status, {404: "Not Found", 405: "Method Not Allowed"}.get(status, sentence))


def error_response(request: HttpRequest, status: int, message: str) -> JsonResponse:
    stamp = timezone.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {
        "message": message.replace("{billing}", f"{settings.SITE_URL}/"),
        "path": request.path.removeprefix("/compat/aimlapi"),
        "requestId": str(uuid4()),
        "statusCode": status,
        "timestamp": stamp,
    }
    return JsonResponse(body, status=status)
