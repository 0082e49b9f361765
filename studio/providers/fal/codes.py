"""Codes of fal for jobs, cancels and failures, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.providers import http
from studio.providers.http.answers import objects_at, text_at
from studio.providers.remote import HTTP_FAULTS, failure
from studio.providers.types import CancelAnswer, Failure, Fault, JobStatus

STATUSES: Mapping[str, JobStatus] = {
    "IN_QUEUE": JobStatus.QUEUED,
    "IN_PROGRESS": JobStatus.RUNNING,
    "COMPLETED": JobStatus.DONE,  # or failed: the result tells
}
CANCEL_ANSWERS: Mapping[str, CancelAnswer] = {
    "OK": CancelAnswer.CANCELLED,
    "CANCELLATION_REQUESTED": CancelAnswer.REQUESTED,
    "ALREADY_COMPLETED": CancelAnswer.TOO_LATE,
    "NOT_FOUND": CancelAnswer.TOO_LATE,
}
# Without its word. A bare 200 may be any proxy's, and only fal itself can say that a job is over.
CANCEL_STATUSES: Mapping[int, CancelAnswer] = {
    200: CancelAnswer.REQUESTED,
    202: CancelAnswer.REQUESTED,
    400: CancelAnswer.TOO_LATE,
    404: CancelAnswer.TOO_LATE,
}
CANCELLED = frozenset({"client_cancelled"})

# Of the request: ``error_type``. Of the model: ``detail[].type``.
FAULTS: Mapping[str, Fault] = {
    "request_timeout": Fault.TIMEOUT,
    "startup_timeout": Fault.TIMEOUT,
    "runner_scheduling_failure": Fault.PROVIDER,
    "runner_connection_timeout": Fault.TIMEOUT,
    "runner_disconnected": Fault.PROVIDER,
    "runner_connection_refused": Fault.PROVIDER,
    "runner_connection_error": Fault.PROVIDER,
    "runner_incomplete_response": Fault.PROVIDER,
    "runner_server_error": Fault.PROVIDER,
    "internal_error": Fault.PROVIDER,
    "client_disconnected": Fault.PROVIDER,
    "client_cancelled": Fault.PROVIDER,
    "bad_request": Fault.INPUT,
    "concurrent_requests_limit": Fault.RATE_LIMIT,
    "internal_server_error": Fault.PROVIDER,
    "generation_timeout": Fault.TIMEOUT,
    "downstream_service_error": Fault.PROVIDER,
    "downstream_service_unavailable": Fault.PROVIDER,
    "content_policy_violation": Fault.MODERATION,
    "no_media_generated": Fault.PROVIDER,
    "image_too_small": Fault.INPUT,
    "image_too_large": Fault.INPUT,
    "image_load_error": Fault.INPUT,
    "file_download_error": Fault.PROVIDER,  # our link did not work there: not the customer's file
    "face_detection_error": Fault.INPUT,
    "file_too_large": Fault.INPUT,
    "audio_duration_too_long": Fault.INPUT,
    "audio_duration_too_short": Fault.INPUT,
    "unsupported_audio_format": Fault.INPUT,
    "unsupported_image_format": Fault.INPUT,
    "missing": Fault.INPUT,
    "string_too_long": Fault.INPUT,
    "literal_error": Fault.INPUT,
    "one_of": Fault.INPUT,
    "greater_than": Fault.INPUT,
    "greater_than_equal": Fault.INPUT,
    "less_than": Fault.INPUT,
    "less_than_equal": Fault.INPUT,
    "sequence_too_long": Fault.INPUT,
    "sequence_too_short": Fault.INPUT,
    "feature_not_supported": Fault.INPUT,
}
# Of both levels. What is not here, and not said by a header, goes by the fault.
RETRYABLE: Mapping[str, bool] = {
    **dict.fromkeys(
        (
            "request_timeout",
            "startup_timeout",
            "runner_scheduling_failure",
            "runner_connection_timeout",
            "runner_disconnected",
            "runner_connection_refused",
            "runner_connection_error",
            "runner_incomplete_response",
            "runner_server_error",
            "internal_error",
            "internal_server_error",
            "generation_timeout",
            "downstream_service_error",
            "downstream_service_unavailable",
        ),
        True,
    ),
    **dict.fromkeys(("client_disconnected", "client_cancelled", "bad_request", "no_media_generated"), False),
}
# Two versions of the documents name two headers.
RETRY_HEADERS = ("x-fal-needs-retry", "x-fal-retryable")
YES, NO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})
# The account is out of money, or locked by fal; both show as a 403 of this sentence.
LOCKED = "user is locked"


def why(answer: http.Answer) -> Failure:
    """An error answer of any route as our failure."""
    return why_of(answer.body, answer.status, answer.headers, answer.text)


def why_of(body: Mapping[str, Any], status: int, headers: Mapping[str, str] | None = None, text: str = "") -> Failure:
    """The error in ``body``, by its ``error_type``, the type of a detail, or else the status."""
    headers = headers or {}
    message = message_of(body) or text
    code = code_of(body) or headers.get("x-fal-error-type", "")
    can_retry = _header_says(headers)
    if status in (402, 403) and (status == 402 or LOCKED in message.lower()):
        return failure(Fault.QUOTA, code or f"http_{status}", message)
    if not code:
        return failure(_by_status(status), f"http_{status}", message, retryable=can_retry)
    fault = FAULTS.get(code, Fault.UNKNOWN)
    if fault is Fault.UNKNOWN and status in (401, 403, 429):
        fault = HTTP_FAULTS[status]
    return failure(fault, code, message, retryable=RETRYABLE.get(code) if can_retry is None else can_retry)


def code_of(body: Mapping[str, Any]) -> str:
    """The word that fal has for the error; of several details the one that weighs most."""
    types = [text_at(item, "type") for item in details_of(body)]
    known = sorted((kind for kind in types if kind in FAULTS), key=_weight)
    return text_at(body, "error_type") or (known or [kind for kind in types if kind] or [""])[0]


def details_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return objects_at(body, "detail")


def message_of(body: Mapping[str, Any]) -> str:
    """For the operator; never read by a rule, but for the one word that tells a lock from a missing scope."""
    lines = [f"{_place(item)}{text_at(item, 'msg')}" for item in details_of(body)]
    return "; ".join(lines) or text_at(body, "detail", "error", "message")


def _place(detail: Mapping[str, Any]) -> str:
    loc = detail.get("loc")
    names = [str(part) for part in loc if part != "body"] if isinstance(loc, list) else []
    return f"{'.'.join(names)}: " if names else ""


def _weight(kind: str) -> int:
    return (Fault.MODERATION, Fault.INPUT).index(FAULTS[kind]) if FAULTS[kind] in (Fault.MODERATION, Fault.INPUT) else 2


def _by_status(status: int) -> Fault:
    return HTTP_FAULTS.get(status, Fault.PROVIDER if status >= 500 or status == 404 else Fault.UNKNOWN)


def _header_says(headers: Mapping[str, str]) -> bool | None:
    for name in RETRY_HEADERS:
        value = headers.get(name, "").strip().lower()
        if value in YES | NO:
            return value in YES
    return None
