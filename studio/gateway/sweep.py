"""Sweep of clients' requests: what was dropped, those that are late, files that have expired."""

from __future__ import annotations

from functools import partial

from avatarsite.queue.due_rows import Kind
from studio.gateway import intake, stored_files, webhooks
from studio.gateway.models import GatewayFile, GatewayRequest

_files = partial(Kind, act=stored_files.delete_whole, what="Deleting a gateway file that has expired", apart=True)
KINDS = (
    Kind("gateway_request", intake.fetching, task="studio.gateway_start", argument="request_id"),
    # Prompt, because the first waits are of seconds.
    Kind("gateway_webhook", webhooks.waiting, task="studio.gateway_webhook", argument="webhook_id", prompt=True),
    Kind(
        "late_request",
        GatewayRequest.objects.select_related("render__hold").all,
        at="start_by",
        act=intake.give_up_late,
        what="Giving up a request that is late",
    ),
    _files("gateway_file", GatewayFile.objects.all, at="expires_at"),
    _files("begun_file", stored_files.begun_and_left, at="created_at"),
)
