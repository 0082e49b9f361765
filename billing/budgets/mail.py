"""The mail about a budget, to those who may spend the workspace's money."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse

from avatarsite.mail.messages import write_mail
from avatarsite.mail.recipients import in_charge
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.models import Workspace
from billing.models import Period
from billing.money import usd, usd_at_most, usd_held


def mail_budget_notice(  # noqa: PLR0913, PLR0917 -- the facts of the notice
    workspace: Workspace, scope: str, name: str, percent: int, of: tuple[str, datetime], micros: dict[str, Any]
) -> None:
    """Owe it in the transaction of the notice; ``micros`` are its amounts by column."""
    period, starts_at = of
    lasts = {Period.DAY: timedelta(days=1), Period.WEEK: timedelta(days=7)}
    ends_at = starts_at + lasts[Period(period)] if period in lasts else (starts_at + timedelta(days=32)).replace(day=1)
    context = {
        "period": period,
        "word": Period(period).label,
        "percent": percent,
        "workspace": workspace,
        "whose": f"the workspace {workspace.name}" if scope == "workspace" else f"{name} in {workspace.name}",
        "cap": usd(micros["cap_micros"]),
        "spent": usd(micros["spent_micros"]),
        "held": usd_held(micros["reserved_micros"]),
        "refused": usd_at_most(micros["refused_micros"]) if micros["refused_micros"] else "",
        "renews_at": ends_at,
        "link": settings.SITE_URL + reverse("budgets", kwargs={"workspace": workspace.slug}),
    }
    begins = f"{starts_at:%Y-%m}" if period == Period.MONTH else f"{period}:{starts_at:%Y-%m-%d}"
    about = f"{workspace.pk}:{scope}:{begins}:{percent}"
    for member in in_charge(workspace, Action.MANAGE_BILLING):
        write_mail("budget", about, member.user.email, "billing/email/budget", context, workspace=workspace)
