"""Mails about money to those who may spend it, each owed in the transaction of what it tells of."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from avatarsite.mail.messages import write_mail
from avatarsite.mail.recipients import in_charge
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.models import Workspace
from billing.models import AutoTopUp, TopUp, TopUpState
from billing.money import MICROS, usd, usd_balance
from billing.stripe import client


def mail_top_up(top_up: TopUp) -> None:
    """That an automatic top-up has to be confirmed, or came to nothing; of any other there is nothing to tell."""
    top_up.refresh_from_db()
    if top_up.state == TopUpState.NEEDS_ACTION:
        template = "confirm"
    elif top_up.state in {TopUpState.FAILED, TopUpState.CANCELLED}:
        template = "failed"
    else:
        return
    workspace = top_up.workspace
    _write(
        workspace,
        template,
        top_up.pk,
        amount=usd(top_up.amount_micros),
        problem=top_up.problem,
        paused=AutoTopUp.objects.filter(workspace=workspace).exclude(paused_reason="").exists(),
        card=top_up.customer,
        link=_link(workspace, "topup", topup=top_up.pk),
        rules_link=_link(workspace, "auto_topup"),
    )


def mail_ceiling(rules: AutoTopUp, month: date) -> None:
    workspace = rules.workspace
    _write(
        workspace,
        "ceiling",
        f"{workspace.pk}:{month:%Y-%m}",
        ceiling=usd(rules.ceiling_cents * MICROS // 100),
        link=_link(workspace, "auto_topup"),
    )


def mail_low_balance(workspace: Workspace, available_micros: int, moment: datetime) -> None:
    """Not where credit buys itself: there the top-up is the news."""
    if AutoTopUp.objects.filter(workspace=workspace, enabled=True).exists():
        return
    _write(
        workspace,
        "low",
        f"{workspace.pk}:{moment.isoformat()}",
        available=usd_balance(available_micros),
        link=_link(workspace, "balance"),
        on=client.is_on(),
    )


def _write(workspace: Workspace, template: str, about: str, **facts: Any) -> None:
    context = {"workspace": workspace, **facts}
    path = f"billing/email/topup_{template}"
    for member in in_charge(workspace, Action.MANAGE_BILLING):
        write_mail(f"topup_{template}", about, member.user.email, path, context, workspace=workspace)


def _link(workspace: Workspace, page: str, **names: str) -> str:
    return settings.SITE_URL + reverse(page, kwargs={"workspace": workspace.slug, **names})
