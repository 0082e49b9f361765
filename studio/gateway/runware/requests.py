"""Requests of Runware's clients: a task's parameters, checked, and under our names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from avatarsite.http.public_addresses import trimmed
from studio.gateway.http import why_no_webhook
from studio.gateway.model_names import models_of
from studio.gateway.models import Protocol
from studio.gateway.runware.errors import TaskError

Check = Callable[[Any], bool]
Task = Mapping[str, Any]


def is_uuid4(value: Any) -> bool:
    try:
        return isinstance(value, str) and UUID(value).version == 4 and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and not why_no_webhook(trimmed(value))


def _whole(least: int, most: int | None = None) -> Check:
    def check(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= least and (not most or value <= most)

    return check


def _one_of(*allowed: str) -> Check:
    return lambda value: isinstance(value, str) and value in allowed


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _prompt(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 2500


OPTIONS: dict[str, tuple[Check, str]] = {
    "outputType": (_one_of("URL"), "must be 'URL'"),
    "outputFormat": (_one_of("MP4", "WEBM", "MOV"), "must be one of MP4, WEBM, MOV"),
    "outputQuality": (_whole(20, 99), "must be an integer between 20 and 99"),
    "webhookURL": (_is_url, "must be a valid URL that leads to a public address"),
    "deliveryMethod": (_one_of("async"), "must be 'async' for this model"),
    "uploadEndpoint": (_is_url, "must be a valid URL that leads to a public address"),
    "ttl": (_whole(60), "must be an integer of at least 60"),
    "includeCost": (_flag, "must be a boolean"),
    "numberResults": (_whole(1, 4), "must be an integer between 1 and 4"),
    "positivePrompt": (_prompt, "must be a string between 1 and 2500 characters"),
    "routing": (_object, "must be an object"),
    "safety": (_object, "must be an object"),
}
SAFETY: dict[str, tuple[Check, str]] = {
    "checkContent": (_flag, "must be a boolean"),
    "mode": (_one_of("none", "fast", "full"), "must be one of none, fast, full"),
    "ifFlagged": (_one_of("deliver", "withhold"), "must be one of deliver, withhold"),  # ours
}
NAMES = frozenset(OPTIONS) | {"taskType", "taskUUID", "model", "inputs"}


def check_video(task: Task) -> None:
    """Raise TaskError for the first thing that is wrong with a videoInference task."""
    check_uuid(task)
    if "model" not in task:
        raise missing("model")
    if not isinstance(task["model"], str) or task["model"] not in models_of(Protocol.RUNWARE):
        raise TaskError("invalidModel", f"Model '{str(task['model'])[:100]}' is not available.", "model")
    for name in task:
        if name not in NAMES:
            raise unknown(name)
    _check_options(task, OPTIONS, "")
    _check_options(task.get("safety", {}), SAFETY, "safety.")
    _check_inputs(task.get("inputs"))


def check_uuid(task: Task) -> None:
    if "taskUUID" not in task:
        raise missing("taskUUID")
    if not is_uuid4(task["taskUUID"]):
        message = "Invalid value for 'taskUUID': it must be a valid UUID v4."
        raise TaskError("invalidTaskUUID", message, "taskUUID")


def missing(path: str) -> TaskError:
    return TaskError(f"missing{_capital(path)}", f"Missing required parameter '{path}'.", path)


def unknown(path: str) -> TaskError:
    path = path[:100]
    return TaskError("unknownParameter", f"Unknown parameter '{path}'.", path)


def options_of(task: Task) -> dict[str, Any]:
    """The task's options under our names; what it leaves out is left out here, too."""
    safety = task.get("safety", {})
    # Who says only what is to become of a marked video leaves the check as the workspace usually has it.
    asks = {"mode", "checkContent"} & set(safety)
    mode = safety.get("mode") or ("fast" if safety.get("checkContent") else "none")
    named = {
        "output_format": task["outputFormat"].lower() if "outputFormat" in task else None,
        "output_quality": task.get("outputQuality"),
        "takes": task.get("numberResults"),
        "ttl_seconds": task.get("ttl"),
        "content_check": mode if asks else None,
        "if_flagged": safety.get("ifFlagged"),
        "upload_endpoint": task.get("uploadEndpoint"),
    }
    return {name: value for name, value in named.items() if value is not None}


def _check_options(given: Task, options: dict[str, tuple[Check, str]], path: str) -> None:
    for name, value in given.items():
        if name in options and not options[name][0](value):
            message = f"Invalid value for '{path}{name}': it {options[name][1]}."
            raise TaskError(f"invalid{_capital(path + name)}", message, path + name)
        if path and name not in options:
            raise unknown(path + name)


def _check_inputs(inputs: Any) -> None:
    if not isinstance(inputs, dict):
        raise missing("inputs")
    for name in inputs:
        if name not in ("image", "audio"):
            raise unknown(f"inputs.{name}")
    for name in ("image", "audio"):
        path, value = f"inputs.{name}", inputs.get(name)
        if value is None:
            raise missing(path)
        if not isinstance(value, str) or not value:
            message = f"Invalid value for '{path}': it must be a UUID, a URL, a data URI or base64."
            raise TaskError(f"invalid{_capital(path)}", message, path)


def _capital(path: str) -> str:
    return "".join(part[0].upper() + part[1:] for part in path.split("."))
