"""AI/ML API's words for how a generation stands, and for what is refused."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from studio.gateway import errors
from studio.gateway.errors import GatewayError
from studio.gateway.links import video_link
from studio.gateway.status import Phase, RequestStatus
from studio.media.errors import Refusal
from studio.providers.types import Fault

WORDS = {
    Phase.WAITING: "queued",
    Phase.RUNNING: "generating",
    Phase.READY: "completed",
    Phase.FAILED: "error",
}
NAMES: dict[str, str] = {
    **dict.fromkeys(Refusal, "BadRequestError"),
    "storage_full": "BadRequestError",
    Fault.INPUT: "BadRequestError",
    "bad_option": "BadRequestError",
    Fault.MODERATION: "ContentModerationError",
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


def status_body(status: RequestStatus) -> dict[str, Any]:
    take = status.first
    body: dict[str, Any] = {"id": status.row.reference, "status": WORDS[take.phase], "video": None, "error": None}
    if take.phase == Phase.READY and take.render:
        link = video_link(take.render)
        return body | ({"video": {"url": link}} if link else {})
    return body | ({"error": error_body(take.error)} if take.error else {})


def error_body(error: GatewayError) -> dict[str, str]:
    by_limit = "GenerationError" if error.retry_after is None else "TooManyRequestsError"
    name = NAMES.get(error.code, by_limit)
    return {"name": name, "message": error.message or "The generation failed."}


def refusal(error: GatewayError, model: str) -> tuple[int, str]:
    """Status and sentence for a request that is not taken."""
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


def say(request: HttpRequest, status: int, sentence: str) -> JsonResponse:
    """What the door refuses before a view of it has looked."""
    return said(request, status, {404: "Not Found", 405: "Method Not Allowed"}.get(status, sentence))


def said(request: HttpRequest, status: int, message: str) -> JsonResponse:
    stamp = timezone.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {
        "message": message.replace("{billing}", f"{settings.SITE_URL}/"),
        "path": request.path.removeprefix("/compat/aimlapi"),
        "requestId": str(uuid4()),
        "statusCode": status,
        "timestamp": stamp,
    }
    return JsonResponse(body, status=status)
