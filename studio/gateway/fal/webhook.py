"""Body of fal's webhook: the result inside an envelope that says how it went."""

from __future__ import annotations

from typing import Any

from studio.gateway.fal.responses import result_of
from studio.gateway.models import GatewayRequest
from studio.gateway.status import status_of, take_of
from studio.models import Render


def body_of(row: GatewayRequest, render: Render | None) -> dict[str, Any]:
    status = status_of(row)
    take = take_of(row, render) if render else status.first if status else None
    assert take is not None  # noqa: S101 -- a webhook is written about what has ended
    result = result_of(take, row)
    head = {"request_id": row.reference, "gateway_request_id": row.reference}
    if result.status == 200:
        return head | {"status": "OK", "payload": result.body}
    return head | {"status": "ERROR", "error": result.error, "payload": result.body}
