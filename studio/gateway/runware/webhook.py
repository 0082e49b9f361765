"""Body of Runware's webhook: the task's item, flat, one call for each result."""

from __future__ import annotations

from typing import Any

from studio.gateway.errors import WITHHELD
from studio.gateway.models import GatewayRequest
from studio.gateway.runware.errors import failure
from studio.gateway.runware.responses import success, told_of
from studio.gateway.status import status_of, take_of
from studio.models import Render


def body_of(row: GatewayRequest, render: Render | None) -> dict[str, Any]:
    status = status_of(row)
    take = take_of(row, render) if render else status.first if status else None
    if take and take.error:
        error = failure(take.error)
        head = {"taskType": "videoInference", "taskUUID": row.reference, "status": "error"}
        also = told_of(row, take.render) if take.error.code == WITHHELD else {}
        return head | {"code": error["code"], "message": error["message"]} | also
    assert take is not None  # noqa: S101 -- a webhook is written about what has ended
    return success(row, take)
