"""Responses of Runware: the items that a client gets about its task, by poll and by webhook alike."""

from __future__ import annotations

from typing import Any

from studio.gateway.errors import WITHHELD, GatewayError
from studio.gateway.links import video_link, video_uuid
from studio.gateway.models import GatewayRequest
from studio.gateway.runware.errors import failure
from studio.gateway.status import Phase, RequestStatus, Take
from studio.models import Render

Item = dict[str, Any]
Parts = tuple[list[Item], list[Item]]


def items_of(status: RequestStatus) -> Parts:
    """What goes into ``data`` and what into ``errors``."""
    row = status.row
    data = [_item(row, take) for take in status.takes if take.phase != Phase.FAILED]
    errors = [_failed_item(row, take, take.error) for take in status.takes if take.error]
    return data, errors


def success(row: GatewayRequest, take: Take) -> Item:
    render = take.render
    assert render is not None  # noqa: S101 -- a video that is ready has one
    item = _head(row, "success") | {"videoUUID": video_uuid(render)}
    if link := video_link(render):
        item["videoURL"] = link
    if render.seed is not None:
        item["seed"] = render.seed
    return item | told_of(row, render)


def told_of(row: GatewayRequest, render: Render | None) -> Item:
    """What was charged for a video and found of it, also of one that is withheld."""
    if render is None:
        return {}
    cost = {"cost": render.paid_micros / 1_000_000} if row.body.get("includeCost") else {}
    return cost | ({"NSFWContent": render.nsfw_content} if render.nsfw_content is not None else {})


def _failed_item(row: GatewayRequest, take: Take, error: GatewayError) -> Item:
    return failure(error) | _head(row, "error") | (told_of(row, take.render) if error.code == WITHHELD else {})


def _item(row: GatewayRequest, take: Take) -> Item:
    if take.phase == Phase.READY:
        return success(row, take)
    item = _head(row, "processing")
    if take.percent is not None:
        item["progress"] = take.percent
    return item


def _head(row: GatewayRequest, status: str) -> Item:
    return {"taskType": "videoInference", "taskUUID": row.reference, "status": status}
