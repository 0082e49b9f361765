"""What Runware refuses about a task before it starts, with its own error codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from tests.simulators.settings import RunwareSettings

RATES = {"klingai:avatar@2.0-pro": "0.087", "klingai:avatar@2.0-standard": "0.044"}
DOCUMENTATION = "https://runware.ai/docs/models"

Check = Callable[[Any], bool]


class TaskError(Exception):
    """One entry of ``errors``, and the HTTP status if it stands alone."""

    def __init__(self, code: str, message: str, *, parameter: str | list[str] = "", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.parameter = parameter
        self.status = status
        self.context: dict[str, Any] | None = None

    def shown(self, task: Mapping[str, Any]) -> dict[str, Any]:
        shown = {
            "code": self.code,
            "message": self.message,
            "parameter": self.parameter,
            "documentation": DOCUMENTATION,
        }
        shown |= {name: task[name] for name in ("taskType", "taskUUID") if isinstance(task.get(name), str)}
        return shown | ({"context": self.context} if self.context else {})


def is_uuid4(value: Any) -> bool:
    try:
        return isinstance(value, str) and UUID(value).version == 4 and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).hostname)


def _whole(least: int, most: int | None = None) -> Check:
    def check(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= least and (not most or value <= most)

    return check


def _one_of(*allowed: str) -> Check:
    return lambda value: value in allowed


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


OPTIONS: dict[str, tuple[Check, str]] = {
    "outputType": (_one_of("URL"), "must be 'URL'"),
    "outputFormat": (_one_of("MP4", "WEBM", "MOV"), "must be one of MP4, WEBM, MOV"),
    "outputQuality": (_whole(20, 99), "must be an integer between 20 and 99"),
    "webhookURL": (_is_url, "must be a valid URL"),
    "deliveryMethod": (_one_of("async"), "must be 'async' for this model"),
    "uploadEndpoint": (_is_url, "must be a valid URL"),
    "ttl": (_whole(60), "must be an integer of at least 60"),
    "includeCost": (_flag, "must be a boolean"),
    "numberResults": (_whole(1, 4), "must be an integer between 1 and 4"),
    "positivePrompt": (
        lambda value: isinstance(value, str) and 1 <= len(value) <= 2500,
        "must be a string between 1 and 2500 characters",
    ),
    "routing": (lambda value: isinstance(value, dict), "must be an object"),
    "safety": (lambda value: isinstance(value, dict), "must be an object"),
}
SAFETY: dict[str, tuple[Check, str]] = {
    "checkContent": (_flag, "must be a boolean"),
    "mode": (_one_of("none", "fast", "full"), "must be one of none, fast, full"),
}
NAMES = frozenset(OPTIONS) | {"taskType", "taskUUID", "model", "inputs"}


def check_video(task: Mapping[str, Any], settings: RunwareSettings) -> None:
    """Raise TaskError for the first thing wrong with a videoInference task."""
    check_uuid(task)
    if "model" not in task:
        raise TaskError("missingModel", "Missing required parameter 'model'.", parameter="model")
    if task["model"] not in RATES:
        raise TaskError("invalidModel", f"Model '{task['model']}' is not available.", parameter="model")
    for name in task:
        if name not in NAMES:
            raise TaskError("unknownParameter", f"Unknown parameter '{name}'.", parameter=name)
    if settings.prompt_required and not task.get("positivePrompt"):
        message = "Missing required parameter 'positivePrompt'."
        raise TaskError("missingPositivePrompt", message, parameter="positivePrompt")
    _check_options(task, OPTIONS, "")
    _check_options(task.get("safety", {}), SAFETY, "safety.")
    _check_inputs(task.get("inputs"), settings)


def check_uuid(task: Mapping[str, Any]) -> None:
    if "taskUUID" not in task:
        raise TaskError("missingTaskUUID", "Missing required parameter 'taskUUID'.", parameter="taskUUID")
    if not is_uuid4(task["taskUUID"]):
        message = "Invalid value for 'taskUUID': it must be a valid UUID v4."
        raise TaskError("invalidTaskUUID", message, parameter="taskUUID")


def _check_options(given: Mapping[str, Any], options: dict[str, tuple[Check, str]], path: str) -> None:
    for name, value in given.items():
        if name in options and not options[name][0](value):
            code = "invalid" + (path[:-1].capitalize() if path else "") + name[0].upper() + name[1:]
            raise TaskError(code, f"Invalid value for '{path}{name}': it {options[name][1]}.", parameter=path + name)
        if path and name not in options:
            raise TaskError("unknownParameter", f"Unknown parameter '{path}{name}'.", parameter=path + name)


def _check_inputs(inputs: Any, settings: RunwareSettings) -> None:
    if not isinstance(inputs, dict):
        raise TaskError("missingInputs", "Missing required parameter 'inputs'.", parameter="inputs")
    for name in inputs:
        if name not in ("image", "audio"):
            raise TaskError("unknownParameter", f"Unknown parameter 'inputs.{name}'.", parameter=f"inputs.{name}")
    for name in ("image", "audio"):
        path, value = f"inputs.{name}", inputs.get(name)
        if value is None:
            code = f"missingInputs{name.capitalize()}"
            raise TaskError(code, f"Missing required parameter '{path}'.", parameter=path)
        if not isinstance(value, str) or not value:
            code = f"invalidInputs{name.capitalize()}"
            raise TaskError(code, f"Invalid value for '{path}': it must be a string.", parameter=path)
    if not settings.audio_data_uri and not (_is_url(inputs["audio"]) or is_uuid4(inputs["audio"])):
        message = "Invalid value for 'inputs.audio': it must be a UUID or a URL."
        raise TaskError("invalidInputsAudio", message, parameter="inputs.audio")
