"""The mail about a budget, to those who may spend the workspace's money."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from avatarsite.mail.messages import write_mail
from avatarsite.mail.recipients import in_charge
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.models import Workspace
from billing.money import usd


def mail_budget_notice(  # noqa: PLR0913, PLR0917 -- the facts of the notice
    workspace: Workspace, scope: str, name: str, percent: int, month: tuple[datetime, datetime], micros: dict[str, Any]
) -> None:
    """Owe it in the transaction of the notice; ``micros`` are its amounts by column."""
    context = {
        "percent": percent,
        "workspace": workspace,
        "whose": f"the workspace {workspace.name}" if scope == "workspace" else f"{name} in {workspace.name}",
        "cap": usd(micros["cap_micros"]),
        "spent": usd(micros["spent_micros"]),
        "held": usd(micros["reserved_micros"]),
        "refused": usd(micros["refused_micros"]) if micros["refused_micros"] else "",
        "renews_at": month[1],
        "link": settings.SITE_URL + reverse("budgets", kwargs={"workspace": workspace.slug}),
    }
    about = f"{workspace.pk}:{scope}:{month[0]:%Y-%m}:{percent}"
    for member in in_charge(workspace, Action.MANAGE_BILLING):
        write_mail("budget", about, member.user.email, "billing/email/budget", context, workspace=workspace)
