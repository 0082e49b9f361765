"""What fal says: request-level and model-level errors, statuses, and the headers that go with them."""

from __future__ import annotations

from typing import Any

from tests.simulators.inputs import InputError, Refusal
from tests.simulators.jobs import Job, Phase

TTS = "fal-ai/kling-video/v1/tts"
# A second of output; of TTS a generation.
PRICES = {
    TTS: 0.007,
    "fal-ai/kling-video/ai-avatar/v2/pro": 0.115,
    "fal-ai/kling-video/ai-avatar/v2/standard": 0.0562,
    "fal-ai/kling-video/v1/pro/ai-avatar": 0.115,
    "fal-ai/kling-video/v1/standard/ai-avatar": 0.0562,
}
DOCUMENTATION = "https://docs.fal.ai/errors/#"

# Request level: error_type -> status and sentence.
REQUEST_ERRORS: dict[str, tuple[int, str]] = {
    "request_timeout": (504, "Request timed out"),
    "startup_timeout": (504, "Runner startup timed out"),
    "runner_scheduling_failure": (503, "Runner could not be scheduled"),
    "runner_connection_timeout": (503, "Runner connection timed out"),
    "runner_disconnected": (503, "Runner disconnected unexpectedly"),
    "runner_connection_refused": (503, "Runner connection refused"),
    "runner_connection_error": (503, "Runner connection error"),
    "runner_incomplete_response": (502, "Runner returned an incomplete response"),
    "runner_server_error": (500, "Runner returned a server error"),
    "internal_error": (500, "Internal error"),
    "client_disconnected": (499, "Client disconnected"),
    "client_cancelled": (499, "Request was cancelled by the client"),
    "bad_request": (400, "Bad request"),
}
# Model level: detail[].type -> status, may be tried again, sentence.
MODEL_ERRORS: dict[str, tuple[int, bool, str]] = {
    "internal_server_error": (500, True, "Internal server error"),
    "generation_timeout": (504, True, "Generation timed out"),
    "downstream_service_error": (400, True, "Downstream service error"),
    "downstream_service_unavailable": (500, True, "Downstream service unavailable"),
    "content_policy_violation": (422, False, "The content could not be processed because it was flagged."),
    "no_media_generated": (422, False, "No media was generated."),
    "image_too_small": (422, False, "Image dimensions are too small."),
    "image_too_large": (422, False, "Image dimensions are too large."),
    "image_load_error": (422, False, "Failed to load the image."),
    "file_download_error": (422, False, "Failed to download the file."),
    "face_detection_error": (422, False, "Could not detect a face in the image."),
    "file_too_large": (422, False, "File size is too large."),
    "audio_duration_too_long": (422, False, "Audio duration is too long."),
    "audio_duration_too_short": (422, False, "Audio duration is too short."),
    "unsupported_audio_format": (422, False, "Unsupported audio format."),
    "unsupported_image_format": (422, False, "Unsupported image format."),
    "missing": (422, False, "Field required"),
    "string_too_long": (422, False, "String is too long"),
    "literal_error": (422, False, "Input is none of the permitted values"),
    "greater_than_equal": (422, False, "Input is outside of its range"),
    "string_type": (422, False, "Input should be a valid string"),
    "feature_not_supported": (422, False, "Feature not supported."),
}
REFUSALS = {
    Refusal.UNREACHABLE: "file_download_error",
    Refusal.NOT_AN_IMAGE: "image_load_error",
    Refusal.IMAGE_FORMAT: "unsupported_image_format",
    Refusal.IMAGE_TOO_SMALL: "image_too_small",
    Refusal.IMAGE_TOO_LARGE: "image_too_large",
    Refusal.IMAGE_SHAPE: "image_load_error",
    Refusal.NOT_AUDIO: "unsupported_audio_format",
    Refusal.AUDIO_FORMAT: "unsupported_audio_format",
    Refusal.AUDIO_TOO_SHORT: "audio_duration_too_short",
    Refusal.AUDIO_TOO_LONG: "audio_duration_too_long",
    Refusal.FILE_TOO_LARGE: "file_too_large",
}
FIELDS = {"portrait": "image_url", "voice": "audio_url"}
CONTEXTS: dict[str, dict[str, Any]] = {
    "audio_duration_too_long": {"max_duration": 300},
    "audio_duration_too_short": {"min_duration": 2},
    "image_too_small": {"min_height": 300, "min_width": 300},
}


def request_failure(error_type: str, message: str | None = None, **more: Any) -> dict[str, Any]:
    status, says = REQUEST_ERRORS[error_type]
    return {"level": "request", "error_type": error_type, "status": status, "message": message or says} | more


def model_failure(
    kind: str, *, field: str = "", given: Any = None, message: str | None = None, shape: str | None = None
) -> dict[str, Any]:
    """``shape`` "string" is an endpoint that gives its detail as plain text."""
    status, retryable, says = MODEL_ERRORS.get(kind, (422, False, kind))
    entry = {
        "loc": ["body", field] if field else ["body"],
        "msg": message or says,
        "type": kind,
        "url": DOCUMENTATION + kind,
        "ctx": CONTEXTS.get(kind, {}),
        "input": given,
    }
    detail: Any = (message or says) if shape == "string" else [entry]
    return {"level": "model", "status": status, "retryable": retryable, "detail": detail}


def failure_of(job: Job, refused: InputError) -> dict[str, Any]:
    field = FIELDS[refused.field]
    given = job.request.get(field)
    return model_failure(REFUSALS[refused.why], field=field, given=given and given[:200], message=refused.message)


def missing_fields(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The model's own 422 for arguments that lack something or have the wrong type."""
    entries = []
    for name in ("image_url", "audio_url"):
        if name not in arguments:
            entries.append(model_failure("missing", field=name, given=arguments)["detail"][0])
        elif not isinstance(arguments[name], str):
            entries.append(model_failure("string_type", field=name, given=arguments[name])["detail"][0])
    return {"level": "model", "status": 422, "retryable": False, "detail": entries} if entries else None


def planned_failure(job: Job) -> dict[str, Any] | None:
    if "fail" in job.faults:
        return _given_failure(job.faults["fail"])
    if "moderated" in job.faults:
        return model_failure(
            "content_policy_violation", field="image_url", given=job.request.get("image_url", "")[:200]
        )
    return None


def _given_failure(given: dict[str, Any]) -> dict[str, Any]:
    code = given.get("code") or "internal_server_error"
    if code in REQUEST_ERRORS or given.get("shape") == "request":
        status, says = REQUEST_ERRORS.get(code, (500, code))
        failure = {"level": "request", "error_type": code, "status": status, "message": given.get("message") or says}
    else:
        failure = model_failure(code, message=given.get("message"), shape=given.get("shape"))
    if given.get("status"):
        failure["status"] = given["status"]
    if given.get("retryable") is not None:
        failure["retryable"] = given["retryable"]
    return failure


def failure_body(failure: dict[str, Any]) -> dict[str, Any]:
    if failure["level"] == "request":
        return {"detail": failure["message"], "error_type": failure["error_type"]}
    return {"detail": failure["detail"]}


def failure_headers(failure: dict[str, Any], retry_header: str) -> dict[str, str]:
    if failure["level"] == "request":
        by_user = {"X-Fal-Request-Timeout-Type": "user"} if failure.get("by_user") else {}
        return {"X-Fal-Error-Type": failure["error_type"]} | by_user
    value = "1" if failure["retryable"] else "0"
    headers = {"X-Fal-Needs-Retry": value} if retry_header in ("needs", "both") else {}
    return headers | ({"X-Fal-Retryable": "true" if value == "1" else "false"} if retry_header != "needs" else {})


def webhook_error(failure: dict[str, Any]) -> str:
    if failure["level"] == "request":
        return str(failure["message"])
    return f"Invalid status code: {failure['status']}"


def logs_of(job: Job, stamp: str) -> list[dict[str, str]]:
    lines = ["Downloading inputs", "Animating the portrait"] + (["Done"] if job.phase is Phase.SUCCEEDED else [])
    return [{"message": line, "level": "INFO", "source": "USER", "timestamp": stamp} for line in lines]
