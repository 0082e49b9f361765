"""The letter about an endpoint that gets nothing any more, to the owners and admins of its workspace."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from avatarsite.outbox.models import DeliveryState, Endpoint, EndpointState
from avatarsite.workspaces.access import ALLOWED, Action
from avatarsite.workspaces.letters import compose, deliver
from avatarsite.workspaces.models import Member


def mail_endpoint(endpoint_id: str) -> bool:
    """Tell that it was paused or disabled, if that is owed and still so. True if this call told."""
    endpoint = Endpoint.objects.select_related("workspace").filter(pk=endpoint_id).first()
    if endpoint is None or endpoint.owes_mail_since is None:
        return False
    owed = endpoint.owes_mail_since
    if not Endpoint.objects.filter(pk=endpoint.pk, owes_mail_since=owed).update(owes_mail_since=None):
        return False
    if endpoint.state == EndpointState.ACTIVE:
        return False
    sent = [_mail(endpoint, member, f"{owed:%Y%m%d%H%M%S}") for member in _in_charge(endpoint)]
    if sent and not any(sent):
        Endpoint.objects.filter(pk=endpoint.pk, owes_mail_since=None).update(owes_mail_since=timezone.now())
    return any(sent)


def unsent() -> list[str]:
    """Endpoints whose letter's task was lost, or whose mail server was down; asked by the sweep."""
    return list(Endpoint.objects.exclude(owes_mail_since=None).values_list("pk", flat=True)[:100])


def _in_charge(endpoint: Endpoint) -> list[Member]:
    roles = [role for role, actions in ALLOWED.items() if Action.MANAGE_WORKSPACE in actions]
    rows = Member.objects.filter(workspace=endpoint.workspace_id, role__in=roles, user__is_active=True)
    return list(rows.select_related("user").order_by("pk"))


def _mail(endpoint: Endpoint, member: Member, stamp: str) -> bool:
    last = endpoint.deliveries.exclude(answered_at=None).order_by("-answered_at").first()
    where = reverse("webhook_endpoint", kwargs={"workspace": endpoint.workspace.slug, "endpoint": endpoint.pk})
    context = {
        "endpoint": endpoint,
        "workspace": endpoint.workspace,
        "paused": endpoint.state == EndpointState.PAUSED,
        "waiting": endpoint.deliveries.filter(state=DeliveryState.WAITING).count(),
        "last": last,
        "link": settings.SITE_URL + where,
    }
    letter = compose("outbox/email/endpoint", member.user.email, context)
    # The same message twice has the same id, so a mailbox shows it once.
    letter.extra_headers = {"Message-ID": f"<{endpoint.pk}.{stamp}.{member.pk}@avatar-studio>"}
    return deliver(letter)
