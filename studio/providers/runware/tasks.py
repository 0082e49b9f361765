"""Task bodies that we send: every field of Runware's request page, from our option of the same meaning."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from studio.providers.remote import MIN_FILE_LIFE
from studio.providers.types import RenderOrder

VIDEO = "videoInference"
# A prompt that says nothing; only sent where Runware insists on one.
NO_PROMPT = "."


def video(order: RenderOrder, *, prompt: str) -> dict[str, Any]:
    """``numberResults`` is always 1, because each of our takes is a render with a hold of its own.

    ``uploadEndpoint`` is never sent: our own copy is what is measured and charged, and it's from there that we send the
    file on.
    """
    task: dict[str, Any] = {
        "taskType": VIDEO,
        "taskUUID": order.reference,
        "model": order.model,
        "deliveryMethod": "async",
        "includeCost": True,
        "numberResults": 1,
        "outputType": "URL",
        "outputFormat": order.output_format.upper(),
        "outputQuality": order.output_quality,
        "inputs": {"image": order.portrait.url, "audio": order.voice.url},
    }
    if prompt:
        task["positivePrompt"] = prompt
    if order.webhook_url:
        task["webhookURL"] = order.webhook_url
    if check := order.options.get("content_check"):
        task["safety"] = {"checkContent": check != "none", "mode": check}
    if life := order.options.get("ttl_seconds"):
        # Theirs has to live until ours is here, even if ours is to vanish a minute later.
        task["ttl"] = max(int(life), MIN_FILE_LIFE)
    return task


def poll(reference: str) -> dict[str, Any]:
    return {"taskType": "getResponse", "taskUUID": reference}


def archive(reference: str) -> dict[str, Any]:
    """What became of any task, also one that polls have forgotten."""
    return {"taskType": "getTaskDetails", "taskUUID": reference}


def upload(data_uri: str) -> dict[str, Any]:
    return {"taskType": "mediaStorage", "taskUUID": str(uuid4()), "operation": "upload", "media": data_uri}


def account() -> dict[str, Any]:
    """The SDK has this task, and that its answer has a ``balance``; not what is in it."""
    return {"taskType": "accountManagement", "taskUUID": str(uuid4()), "operation": "getDetails"}
