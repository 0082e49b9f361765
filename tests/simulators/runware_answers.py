"""The items that Runware sends about a job: over HTTP, the socket and the webhook alike."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zlib import crc32

from tests.simulators.inputs import InputError, Refusal
from tests.simulators.jobs import Job, Phase, Take
from tests.simulators.runware_checks import RATES

FIVE_PLACES = Decimal("0.00001")
FIELDS = {"portrait": "inputs.image", "voice": "inputs.audio"}
REFUSALS = {
    Refusal.UNREACHABLE: "downloadFailed",
    Refusal.NOT_AN_IMAGE: "invalidImage",
    Refusal.IMAGE_FORMAT: "unsupportedImageFormat",
    Refusal.IMAGE_TOO_SMALL: "invalidWidth",
    Refusal.IMAGE_TOO_LARGE: "invalidWidth",
    Refusal.IMAGE_SHAPE: "invalidAspectRatio",
    Refusal.NOT_AUDIO: "invalidAudio",
    Refusal.AUDIO_FORMAT: "unsupportedAudioFormat",
    Refusal.AUDIO_TOO_SHORT: "invalidAudioDuration",
    Refusal.AUDIO_TOO_LONG: "maxAudioDurationExceeded",
    Refusal.FILE_TOO_LARGE: "maxFileSizeExceeded",
}


def cost_of(job: Job) -> float:
    """US dollars for one take: milliseconds truncated, times the rate, five places."""
    seconds = Decimal(job.reported_ms) / 1000
    return float((seconds * Decimal(RATES[job.model])).quantize(FIVE_PLACES))


def failure_of(refused: InputError) -> dict[str, Any]:
    return {"code": REFUSALS[refused.why], "message": refused.message, "parameter": FIELDS[refused.field]}


def planned_failure(job: Job) -> dict[str, Any] | None:
    if "fail" in job.faults:
        given = job.faults["fail"]
        return {
            "code": given.get("code") or "providerError",
            "message": given.get("message") or "The provider could not complete the task.",
            "parameter": "",
            "shape": given.get("shape"),
        }
    if "moderated" in job.faults and not is_flagged(job):
        message = "The content was refused by the safety system."
        return {"code": "contentPolicyViolation", "message": message, "parameter": ""}
    return None


def is_flagged(job: Job) -> bool:
    """Whether the content check shows as a flag on a success rather than as an error."""
    shape = job.faults.get("moderated", {"shape": "error"})["shape"]
    return shape == "flag" or (shape is None and checks_content(job))


def checks_content(job: Job) -> bool:
    safety = job.request.get("safety", {})
    return bool(safety.get("checkContent")) or safety.get("mode", "none") != "none"


def success(job: Job, take: Take, file_base: str, *, cost_unasked: bool) -> dict[str, Any]:
    item: dict[str, Any] = {
        "taskType": "videoInference",
        "taskUUID": job.id,
        "status": "success",
        "videoUUID": take.id,
    }
    if "no_video" not in job.faults:
        item["videoURL"] = f"{file_base}/video/os/a10d08/ws/5/vi/{take.file_name}"
    if (job.request.get("includeCost") or cost_unasked) and "no_cost" not in job.faults:
        item["cost"] = 0 if "zero_cost" in job.faults else cost_of(job)
    if checks_content(job) or is_flagged(job):
        item["NSFWContent"] = is_flagged(job)
    item["seed"] = crc32(take.id.encode())
    return item


def processing(job: Job, take: Take, now: float, *, with_uuid: bool) -> dict[str, Any]:
    item: dict[str, Any] = {"taskType": "videoInference", "taskUUID": job.id, "status": "processing"}
    unknown = job.faults.get("unknown_status")
    if unknown:
        item["status"] = unknown["word"]
    if job.phase is Phase.RUNNING:
        item["progress"] = job.progress(now)
    if with_uuid:
        item["videoUUID"] = take.id
    return item


def error_entry(job: Job) -> dict[str, Any]:
    """One entry of ``errors`` for a job that failed."""
    failure = {name: value for name, value in (job.failure or {}).items() if name != "shape"}
    return failure | {"status": "error", "taskType": "videoInference", "taskUUID": job.id}


def error_item(job: Job) -> dict[str, Any]:
    """The other shape: an item of ``data`` with an ``error`` inside."""
    failure = {name: value for name, value in (job.failure or {}).items() if name != "shape"}
    return {"taskType": "videoInference", "taskUUID": job.id, "status": "error", "error": failure}


def flat_error(job: Job) -> dict[str, Any]:
    """The webhook's shape."""
    failure = job.failure or {}
    head = {"taskType": "videoInference", "taskUUID": job.id, "status": "error"}
    return head | {"code": failure.get("code"), "message": failure.get("message")}
