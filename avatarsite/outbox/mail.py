"""The mail about an endpoint that gets nothing any more, to those of its workspace who manage webhooks."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from avatarsite.mail.recipients import in_charge
from avatarsite.outbox.models import DeliveryState, Endpoint, EndpointState
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.mail_choice import ENDPOINT, write_optional


def mail_endpoint(endpoint: Endpoint) -> None:
    """Owe the news that it has been paused or disabled, in the transaction that did it."""
    workspace = endpoint.workspace
    where = reverse("webhook_endpoint", kwargs={"workspace": workspace.slug, "endpoint": endpoint.pk})
    context = {
        "endpoint": endpoint,
        "workspace": workspace,
        "paused": endpoint.state == EndpointState.PAUSED,
        "waiting": endpoint.deliveries.filter(state=DeliveryState.WAITING).count(),
        "last": endpoint.deliveries.exclude(answered_at=None).order_by("-answered_at").first(),
        "link": settings.SITE_URL + where,
    }
    about = f"{endpoint.pk}:{timezone.now().isoformat()}"
    for member in in_charge(workspace, Action.DEVELOP):
        write_optional(ENDPOINT, about, member.user, "outbox/email/endpoint", context, workspace)
