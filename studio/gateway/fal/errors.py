"""Errors in fal's words: of a request and of a model, with their statuses and headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, JsonResponse

from avatarsite.api.problems import CODES
from avatarsite.errors import DomainError
from avatarsite.http.json_body import NotJson
from studio.gateway import errors
from studio.gateway.errors import GatewayError
from studio.gateway.http import shortened
from studio.media.errors import Refusal
from studio.media.portraits.portraits import MIN_SIDE
from studio.media.voices import voices
from studio.providers.types import Fault

BUSY = "concurrent_requests_limit"
DOCUMENTATION = "https://docs.fal.ai/errors/#"
LOCKED = "User is locked. Reason: {}"
FIELDS = {"portrait": "image_url", "voice": "audio_url", "prompt": "prompt"}
CONTEXTS: dict[str, dict[str, Any]] = {
    "audio_duration_too_long": {"max_duration": voices.MAX_AT_ONCE_MS // 1000},
    "audio_duration_too_short": {"min_duration": voices.MIN_MS // 1000},
    "image_too_small": {"min_height": MIN_SIDE, "min_width": MIN_SIDE},
}
# Of a model: type -> status, worth another try.
MODEL_ERRORS: dict[str, tuple[int, bool]] = {
    "internal_server_error": (500, True),
    "generation_timeout": (504, True),
    "downstream_service_unavailable": (500, True),
}
MODEL_TYPES: dict[str, str] = {
    Refusal.PORTRAIT_UNREACHABLE: "file_download_error",
    Refusal.PORTRAIT_TOO_LARGE: "file_too_large",
    Refusal.PORTRAIT_TOO_SMALL: "image_too_small",
    Refusal.PORTRAIT_TOO_MANY_PIXELS: "image_too_large",
    Refusal.PORTRAIT_NOT_A_PICTURE: "unsupported_image_format",
    Refusal.VOICE_UNREACHABLE: "file_download_error",
    Refusal.VOICE_TOO_LARGE: "file_too_large",
    Refusal.VOICE_TOO_SHORT: "audio_duration_too_short",
    Refusal.VOICE_TOO_LONG: "audio_duration_too_long",
    Fault.INPUT: "no_media_generated",
    Fault.MODERATION: "content_policy_violation",
    Fault.PROVIDER: "internal_server_error",
    Fault.TIMEOUT: "generation_timeout",
    Fault.RATE_LIMIT: "downstream_service_unavailable",
    Fault.QUOTA: "downstream_service_unavailable",
    Fault.AUTH: "downstream_service_unavailable",
    errors.WITHHELD: "content_policy_violation",
    "overdue": "generation_timeout",
    "storage_full": "file_too_large",
}
BY_FIELD = {"portrait": "image_load_error", "voice": "unsupported_audio_format"}
# Of the request itself: our code -> status, error_type, sentence.
REQUEST_ERRORS: dict[str, tuple[int, str, str]] = {
    errors.CANCELLED: (499, "client_cancelled", "Request was cancelled by the client"),
    errors.NOT_STARTED: (504, "request_timeout", "Request timed out"),
    errors.UNAVAILABLE: (503, "runner_scheduling_failure", "Runner could not be scheduled"),
}
NO_MONEY = (errors.NO_CREDIT, errors.FROZEN, errors.BUDGET)


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a request: the model's own status, body and headers."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def error(self) -> str:
        """As a webhook and the status have it; empty when it went well."""
        if self.status == 200:
            return ""
        detail = self.body["detail"]
        return detail if isinstance(detail, str) else f"Invalid status code: {self.status}"

    def response(self) -> JsonResponse:
        return JsonResponse(self.body, status=self.status, headers=self.headers)


def failed(error: GatewayError, body: Mapping[str, Any] | None = None) -> Result:
    """Result of a request that came to nothing; ``body`` are its arguments."""
    if error.detail is not None:
        return Result(422, {"detail": error.detail}, _retry_headers(retryable=False))
    if error.code in REQUEST_ERRORS:
        status, kind, sentence = REQUEST_ERRORS[error.code]
        by_user = {"X-Fal-Request-Timeout-Type": "user"} if error.code == errors.NOT_STARTED else {}
        marks = {"X-Fal-Error-Type": kind} | by_user | error.headers
        return Result(status, {"detail": sentence, "error_type": kind}, marks)
    if error.code in NO_MONEY:
        return Result(403, {"detail": locked(error)})
    limited = error.retry_after is not None
    other = "downstream_service_unavailable" if limited else BY_FIELD.get(error.field, "internal_server_error")
    kind = MODEL_TYPES.get(error.code) or other
    status, retryable = MODEL_ERRORS.get(kind, (422, False))
    given = (body or {}).get(FIELDS.get(error.field, ""))
    detail = [entry(kind, error.field, error.message, given)]
    return Result(status, {"detail": detail}, _retry_headers(retryable=retryable))


def busy_response(sentence: str, **headers: str) -> JsonResponse:
    """That as much as may be under way is; the clients ask again by themselves."""
    marks = {"X-Fal-Error-Type": BUSY, "X-Fal-needs-retry": "1"} | headers
    return JsonResponse({"detail": sentence, "error_type": BUSY}, status=429, headers=marks)


def locked(error: GatewayError) -> str:
    reason = {errors.NO_CREDIT: "Exhausted balance. ", errors.FROZEN: "Admin lock. ", errors.BUDGET: "Budget reached. "}
    return LOCKED.format(reason[error.code] + error.message)


def entry(kind: str, ours: str, message: str, given: Any = None) -> dict[str, Any]:
    """One item of a ``detail`` list."""
    return {
        "loc": ["body", FIELDS[ours]] if ours in FIELDS else ["body"],
        "msg": message or kind.replace("_", " ").capitalize() + ".",
        "type": kind,
        "url": DOCUMENTATION + kind,
        "ctx": CONTEXTS.get(kind, {}),
        "input": shortened(given),
    }


def unreadable_entry(error: NotJson) -> dict[str, Any]:
    """What is wrong with a body that is no JSON, in the shape of what is wrong with arguments."""
    return entry("json_invalid", "", str(error)) | {"ctx": {"error": str(error)}}


def unreadable_response(error: NotJson) -> JsonResponse:
    """The answer to such a body where there is no request yet whose result could tell it."""
    detail = [unreadable_entry(error)]
    return JsonResponse({"detail": detail}, status=422, headers=_retry_headers(retryable=False))


def refusal_response(_request: HttpRequest, status: int, sentence: str) -> JsonResponse:
    """Response to what is refused before a view has looked."""
    return error_response(status, {404: "Path not found", 405: "Method Not Allowed"}.get(status, sentence))


def error_response(status: int, detail: str, **headers: str) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status, headers=headers)


def domain_error_response(refusal: DomainError) -> JsonResponse:
    """A refusal of the domain, with the status that its code has at the API."""
    seconds = getattr(refusal, "seconds", None)
    again = {"Retry-After": str(seconds)} if seconds else {}
    return error_response(CODES[refusal.code].status, str(refusal), **again)


def _retry_headers(*, retryable: bool) -> dict[str, str]:
    """Both spellings of fal's pages."""
    return {"X-Fal-Needs-Retry": "1" if retryable else "0", "X-Fal-Retryable": "true" if retryable else "false"}
