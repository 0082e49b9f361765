"""Letters about money to those who may spend it: the owners and admins of a workspace."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.access import ALLOWED, Action
from avatarsite.workspaces.letters import compose, deliver
from avatarsite.workspaces.models import Member, Workspace
from billing import accounts, auto_topup, stripe_gateway
from billing.models import TopUp, TopUpState
from billing.money import usd
from billing.topups import CENT_MICROS


def mail_top_up(top_up: TopUp) -> bool:
    """Tell that an automatic top-up has to be confirmed, or came to nothing. False when there is nothing to tell."""
    top_up.refresh_from_db()
    if top_up.state not in {TopUpState.NEEDS_ACTION, TopUpState.FAILED, TopUpState.CANCELLED}:
        return False
    if top_up.state == TopUpState.NEEDS_ACTION:
        template = "confirm"
        told = TopUp.objects.filter(pk=top_up.pk, told_at=None).update(told_at=timezone.now())
        if not told:
            return False
    else:
        template = "failed"
    rules = auto_topup.rules_of(top_up.workspace)
    _tell(
        top_up.workspace,
        template,
        f"topup.{top_up.pk}.{template}",
        amount=usd(top_up.amount_micros),
        problem=top_up.problem,
        paused=bool(rules.paused_reason),
        card=top_up.customer,
        link=_link(top_up.workspace, "topup", topup=top_up.pk),
        rules_link=_link(top_up.workspace, "auto_topup"),
    )
    return True


def mail_ceiling(workspace: Workspace) -> None:
    rules = auto_topup.rules_of(workspace)
    _tell(
        workspace,
        "ceiling",
        f"ceiling.{workspace.pk}.{timezone.now():%Y-%m}",
        ceiling=usd(rules.ceiling_cents * CENT_MICROS),
        link=_link(workspace, "auto_topup"),
    )


def mail_low_balance(workspace: Workspace) -> bool:
    """Not where credit buys itself: there the top-up is the news."""
    if auto_topup.rules_of(workspace).enabled:
        return False
    _tell(
        workspace,
        "low",
        f"low.{workspace.pk}.{timezone.now():%Y-%m-%dT%H}",
        available=usd(accounts.balance(workspace).available_micros),
        link=_link(workspace, "balance"),
        on=stripe_gateway.is_on(),
    )
    return True


def _tell(workspace: Workspace, template: str, key: str, **facts: Any) -> None:
    roles = [role for role, actions in ALLOWED.items() if Action.MANAGE_BILLING in actions]
    in_charge = Member.objects.filter(workspace=workspace, role__in=roles, user__is_active=True)
    for member in in_charge.select_related("user").order_by("pk"):
        letter = compose(f"billing/email/topup_{template}", member.user.email, {"workspace": workspace, **facts})
        # The same message twice has the same id, so a mailbox shows it once.
        letter.extra_headers = {"Message-ID": f"<{key}.{member.pk}@avatar-studio>"}
        deliver(letter)


def _link(workspace: Workspace, page: str, **names: str) -> str:
    return settings.SITE_URL + reverse(page, kwargs={"workspace": workspace.slug, **names})
