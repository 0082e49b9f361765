"""Page of the gateway: what to change in code that calls a provider now, and what has come in by it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.models import Workspace
from studio.gateway.models import GatewayRequest, GatewayWebhook, RequestState, WebhookState
from studio.gateway.stored_files import MAX_BYTES

RECENT = 20


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A line of the list: a request, and what became of its webhook."""

    row: GatewayRequest
    webhook: str

    @property
    def error(self) -> str:
        """Why it never became a video."""
        if self.row.state == RequestState.CANCELLED:
            return "Cancelled before it began."
        return str((self.row.error or {}).get("message") or "What was asked for could not be read.")


@workspace_view(Action.VIEW)
@require_safe
def gateway(request: WorkspaceRequest) -> HttpResponse:
    base = f"{settings.SITE_URL}/compat"
    run_host, queue_host = settings.GATEWAY_FAL_RUN_HOST, settings.GATEWAY_FAL_QUEUE_HOST
    shown = {
        "base": base,
        "socket": f"{settings.SOCKETS_URL}/compat/runware/v1",
        "under": urlsplit(base).netloc + "/compat",
        "run_host": run_host,
        "queue_host": "" if queue_host == f"queue.{run_host}" else queue_host,  # what the client takes by itself
        "most_megabytes": MAX_BYTES // 1_000_000,
        "recent": recent(request.workspace),
    }
    return render(request, "gateway/gateway.html", shown)


def recent(workspace: Workspace) -> list[RequestLine]:
    """The newest requests of the workspace's own clients."""
    rows = GatewayRequest.objects.for_workspace(workspace).select_related("render").prefetch_related("webhooks")
    return [RequestLine(row, _webhook(list(row.webhooks.all()))) for row in rows.order_by("-pk")[:RECENT]]


def _webhook(webhooks: list[GatewayWebhook]) -> str:
    """State of the worst webhook of a request, in a sentence; empty when there is none."""
    by_state = {webhook.state: webhook for webhook in webhooks}
    if lost := by_state.get(WebhookState.GIVEN_UP):
        return f"Given up. {lost.last_answer}"
    if waiting := by_state.get(WebhookState.WAITING):
        return f"To be tried again. {waiting.last_answer}" if waiting.tries else "On its way."
    return "Delivered." if webhooks else ""
