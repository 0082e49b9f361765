"""The letter about a cap, to the owners and admins of its workspace."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.letters import compose
from avatarsite.workspaces.models import Member, Role
from billing.budgets import month_of, name_of
from billing.models import BudgetNotice
from billing.money import usd

MAX_TRIES = 5
# A notice that has not gone out by then is nobody's news any more.
STALE = timedelta(days=3)


def mail_budget_notice(notice_id: int) -> bool:
    """Send a notice that is due. True if this call sent it; the rows say who is told, so a repeat sends nothing."""
    notice = BudgetNotice.objects.select_related("workspace").get(pk=notice_id)
    claimed = BudgetNotice.objects.filter(pk=notice.pk, sent_at=None, tries=notice.tries, tries__lt=MAX_TRIES)
    if not claimed.update(tries=notice.tries + 1):
        return False
    _mail(notice)
    BudgetNotice.objects.filter(pk=notice.pk).update(sent_at=timezone.now())
    return True


def unsent_notices() -> list[int]:
    """Notices that were written and not sent: their task was lost, or the mail server was down."""
    fresh = BudgetNotice.objects.filter(sent_at=None, tries__lt=MAX_TRIES, created_at__gt=timezone.now() - STALE)
    return list(fresh.order_by("pk").values_list("pk", flat=True)[:100])


def _mail(notice: BudgetNotice) -> None:
    workspace = notice.workspace
    whose = name_of(workspace, notice.scope)
    context = {
        "notice": notice,
        "workspace": workspace,
        "whose": f"the workspace {workspace.name}" if notice.scope == "workspace" else f"{whose} in {workspace.name}",
        "cap": usd(notice.cap_micros),
        "spent": usd(notice.spent_micros),
        "held": usd(notice.reserved_micros),
        "refused": usd(notice.refused_micros) if notice.refused_micros else "",
        "renews_at": month_of(notice.starts_at)[1],
        "link": settings.SITE_URL + reverse("budgets", kwargs={"workspace": workspace.slug}),
    }
    in_charge = Member.objects.filter(workspace=workspace, role__in=(Role.OWNER, Role.ADMIN), user__is_active=True)
    for member in in_charge.select_related("user").order_by("pk"):
        letter = compose("billing/email/budget", member.user.email, context)
        # The same message twice has the same id, so a mailbox shows it once.
        letter.extra_headers = {"Message-ID": f"<budget.{notice.pk}.{member.pk}@avatar-studio>"}
        letter.send()
