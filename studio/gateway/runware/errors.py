"""Errors in Runware's words: its codes for what goes wrong here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse

from studio.gateway import errors
from studio.gateway.errors import GatewayError
from studio.media.errors import Refusal
from studio.providers.types import Fault

# Our field: what Runware calls it.
PARAMETERS = {
    "portrait": "inputs.image",
    "voice": "inputs.audio",
    "model": "model",
    "prompt": "positivePrompt",
    "output_format": "outputFormat",
    "output_quality": "outputQuality",
    "takes": "numberResults",
    "ttl_seconds": "ttl",
    "content_check": "safety",
    "if_flagged": "safety.ifFlagged",
    "upload_endpoint": "uploadEndpoint",
}
CODES: dict[str, str] = {
    Refusal.PORTRAIT_UNREACHABLE: "downloadFailed",
    Refusal.PORTRAIT_TOO_LARGE: "maxFileSizeExceeded",
    Refusal.PORTRAIT_TOO_SMALL: "invalidWidth",
    Refusal.PORTRAIT_TOO_MANY_PIXELS: "invalidWidth",
    Refusal.PORTRAIT_TOO_LONG: "invalidAspectRatio",
    Refusal.PORTRAIT_NOT_A_PICTURE: "unsupportedImageFormat",
    Refusal.VOICE_UNREACHABLE: "downloadFailed",
    Refusal.VOICE_TOO_LARGE: "maxFileSizeExceeded",
    Refusal.VOICE_TOO_SHORT: "invalidAudioDuration",
    Refusal.VOICE_TOO_LONG: "maxAudioDurationExceeded",
    Refusal.VOICE_NOT_A_SOUND: "unsupportedAudioFormat",
    Refusal.VOICE_CODEC: "unsupportedAudioFormat",
    Refusal.VOICE_IS_A_VIDEO: "unsupportedAudioFormat",
    Fault.INPUT: "invalidProviderInput",
    Fault.MODERATION: "contentPolicyViolation",
    Fault.PROVIDER: "providerError",
    Fault.TIMEOUT: "timeoutProvider",
    Fault.RATE_LIMIT: "providerRateLimitExceeded",
    Fault.QUOTA: "serviceUnavailable",
    Fault.AUTH: "serviceUnavailable",
    Fault.NOT_FOUND: "taskFailed",
    "overdue": "timeoutProvider",
    errors.NO_CREDIT: "insufficientCredits",
    errors.FROZEN: "accountSuspended",
    errors.BUDGET: "quotaExceeded",
    "storage_full": "storageQuotaExceeded",
    "storage_too_fast": "rateLimitExceeded",
    errors.WITHHELD: "contentPolicyViolation",
    errors.CANCELLED: "taskCancelled",
    errors.NOT_STARTED: "timeoutProvider",
    errors.UNAVAILABLE: "noAvailableServer",
    errors.NOT_SOLD: "modelUnavailable",
}
STATUSES = {
    "insufficientCredits": 402,
    "quotaExceeded": 402,
    "accountSuspended": 403,
    "rateLimitExceeded": 429,
    "noAvailableServer": 503,
    "serviceUnavailable": 503,
}
BY_STATUS = {
    404: "notFound",
    405: "methodNotAllowed",
    413: "maxRequestSizeExceeded",
    500: "internalServerError",
    503: "serviceUnavailable",
}
BY_FIELD = {"portrait": "invalidImage", "voice": "invalidAudio"}


class TaskError(Exception):
    """One entry of ``errors``; ``status`` and ``headers`` are HTTP's if nothing else in the array has worked."""

    headers: Mapping[str, str] = {}

    def __init__(self, code: str, message: str, parameter: str = "", *, status: int = 400, **also: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.parameter, self.status, self.also = code, message, parameter, status, also

    def entry(self, task: Mapping[str, Any]) -> dict[str, Any]:
        named = {name: task[name] for name in ("taskType", "taskUUID") if isinstance(task.get(name), str)}
        return {
            "code": self.code,
            "message": self.message,
            "parameter": self.parameter,
            "documentation": f"{settings.SITE_URL}/",
            **named,
            **self.also,
        }


def refusal_response(_request: HttpRequest, status: int, sentence: str) -> JsonResponse:
    """Response to what is refused before a view has looked."""
    return refused(TaskError(BY_STATUS.get(status, "invalidRequestBody"), sentence, status=status))


def refused(error: TaskError) -> JsonResponse:
    return JsonResponse({"errors": [error.entry({})]}, status=error.status)


def code_of(error: GatewayError) -> str:
    if error.code in CODES:
        return CODES[error.code]
    if error.retry_after is not None:
        return "rateLimitExceeded"
    parameter = PARAMETERS.get(error.field, "").rpartition(".")[2]
    if error.field in PARAMETERS and error.field not in BY_FIELD:
        return f"invalid{parameter[0].upper()}{parameter[1:]}"
    return BY_FIELD.get(error.field, "taskFailed")


def failure(error: GatewayError) -> dict[str, str]:
    """What a failed task says of itself."""
    return {
        "code": code_of(error),
        "message": error.message or "The task failed.",
        "parameter": PARAMETERS.get(error.field, ""),
    }


def refusal(error: GatewayError) -> TaskError:
    code = code_of(error)
    status = STATUSES.get(code, 400)
    message = error.message or "The task was refused."
    refused = TaskError(code, message, PARAMETERS.get(error.field, ""), status=status)
    refused.headers = error.headers
    return refused
