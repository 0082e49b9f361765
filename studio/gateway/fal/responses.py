"""Responses of fal: the status of a request, and its result."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.http import HttpRequest

from studio.gateway.fal.errors import Result, failed
from studio.gateway.links import video_link
from studio.gateway.models import GatewayRequest
from studio.gateway.status import Phase, RequestStatus, Take, position_of
from studio.models import Render, RenderState
from studio.pipeline.progress import LABELS
from studio.storage.types import content_type_of

WORDS = {
    Phase.WAITING: "IN_QUEUE",
    Phase.RUNNING: "IN_PROGRESS",
    Phase.READY: "COMPLETED",
    Phase.FAILED: "COMPLETED",
}
CANCEL_WORDS = {"OK": 200, "CANCELLATION_REQUESTED": 202, "ALREADY_COMPLETED": 400, "NOT_FOUND": 404}


def status_body(status: RequestStatus, base: str, *, logs: bool) -> dict[str, Any]:
    """``base`` is the address of the queue that the client has asked."""
    take, row = status.first, status.row
    body: dict[str, Any] = {"status": WORDS[take.phase], "request_id": row.reference} | urls(row, base)
    if take.phase == Phase.WAITING:
        return body | {"queue_position": position_of(row, take)}
    body["logs"] = _logs(take) if logs else None
    if take.phase == Phase.RUNNING:
        return body
    body["metrics"] = {}
    if take.error:
        answer = failed(take.error)
        kind = answer.body.get("error_type")
        return body | {"error": answer.error} | ({"error_type": kind} if kind else {})
    return body | {"metrics": {"inference_time": _seconds(take)}}


def urls(row: GatewayRequest, base: str) -> dict[str, str]:
    """Status, result and cancel know no more of a model than its first two parts."""
    app = "/".join(row.model.split("/")[:2])
    address = f"{base}/{app}/requests/{row.reference}"
    return {"response_url": address, "status_url": f"{address}/status", "cancel_url": f"{address}/cancel"}


def result_of(take: Take, row: GatewayRequest) -> Result:
    headers = marked(row)
    if take.error:
        answer = failed(take.error, row.body)
        return Result(answer.status, answer.body, answer.headers | headers)
    render = take.render
    if render is None or not take.phase.is_over:
        return Result(400, {"detail": "Request is still in progress"}, headers)
    link = video_link(render)
    if not link:
        return Result(404, {"detail": "Request not found"}, headers)
    video = {
        "url": link,
        "content_type": content_type_of(render.video.name or "" if render.video else ""),
        "file_name": "output.mp4",
        "file_size": render.video_bytes,
    }
    body = {"video": video, "duration": (render.measured_ms or 0) / 1000}
    return Result(200, body | flag_of(render), headers)


def flag_of(render: Render) -> dict[str, Any]:
    """As fal's other models tell it; nothing where no check was made."""
    return {} if render.nsfw_content is None else {"has_nsfw_concepts": [render.nsfw_content]}


def marked(row: GatewayRequest) -> dict[str, str]:
    """Tells clients that an answer is ours and not an ingress's, which they would ask again."""
    return {"x-fal-request-id": row.reference}


def queue_base(request: HttpRequest, route: str) -> str:
    """The address under which the client speaks to us, whichever it is, up to where its routes begin."""
    return request.build_absolute_uri("/").rstrip("/") + request.path.removesuffix(route).rstrip("/")


def _seconds(take: Take) -> float:
    """From when a provider had it to when our copy was there."""
    render = take.render
    if render is None or render.finished_at is None:
        return 0.0
    job = take.job or render.jobs.order_by("attempt").last()
    begun = (job.accepted_at if job else None) or render.created_at
    return round(max((render.finished_at - begun).total_seconds(), 0.001), 3)


def _logs(take: Take) -> list[dict[str, str]]:
    """The stages that the render has reached, as lines."""
    if take.render is None:
        return []
    lines = []
    for event in take.render.events.all():
        if event.from_state == event.to_state:
            continue
        message = LABELS.get(event.to_state) or RenderState(event.to_state).label
        stamp = event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines.append({"message": message, "level": "INFO", "source": "USER", "timestamp": stamp})
    return lines
