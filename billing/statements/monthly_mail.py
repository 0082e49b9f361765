"""Monthly summary by mail to each workspace whose money moved: what came in, what went out, what it was used for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Sum, When
from django.urls import reverse
from django.utils import timezone

from avatarsite.queue.sweeping import each
from avatarsite.workspaces.mail_choice import SUMMARY, write_optional
from avatarsite.workspaces.models import Member, Role, Workspace
from billing.budgets.budgets import month_of
from billing.labels import names_of
from billing.models import LedgerAccount, MonthlySummary, SummaryChoice, Transfer
from billing.money import usd, usd_balance
from billing.statements import statements
from billing.statements.statements import Narrowing
from billing.usage import daily

# A mail is about the month before, and no news later than this.
NEWS_DAYS = 7
MAX_PROJECTS = 5
BY_DEFAULT = frozenset({Role.OWNER, Role.ADMIN, Role.BILLING})


def wanted_by(member: Member) -> bool:
    """Whether this member gets the mail: those in charge of money do, until they choose otherwise."""
    chosen = SummaryChoice.objects.filter(member=member).values_list("wanted", flat=True).first()
    return member.role in BY_DEFAULT if chosen is None else chosen


def choose(member: Member, *, wanted: bool) -> None:
    SummaryChoice.objects.update_or_create(member=member, defaults={"wanted": wanted})


def write_due() -> int:
    """Owe last month's mail to each workspace whose money moved in it and that has none yet. How many workspaces."""
    now = timezone.now()
    first, _ = month_of(now)
    if now - first > timedelta(days=NEWS_DAYS):
        return 0
    month = month_of(first - timedelta(days=1))[0]
    written = MonthlySummary.objects.filter(month=month.date())
    moved = Transfer.objects.filter(created_at__gte=month, created_at__lt=first, owner__isnull=False)
    open_ones = {"workspace__isnull": False, "workspace__closes_at": None, "workspace__closed_at": None}
    wallets = LedgerAccount.objects.filter(pk__in=moved.values("owner_id"), **open_ones)
    new = wallets.exclude(workspace_id__in=written.values("workspace_id")).select_related("workspace").order_by("pk")
    owed = [wallet.workspace for wallet in new if wallet.workspace]
    return sum(each(owed, lambda one: write_summary(one, month.date()), "Writing the monthly summary of a workspace"))


def write_summary(workspace: Workspace, month: date) -> bool:
    """Owe one month's mail to whoever wants it. False if that was done before."""
    with transaction.atomic():
        _, new = MonthlySummary.objects.get_or_create(workspace=workspace, month=month)
        if not new:
            return False
        context = _context(workspace, month)
        members = Member.objects.filter(workspace=workspace, user__is_active=True).select_related("user")
        about = f"{workspace.pk}:{month:%Y-%m}"
        for member in members.order_by("pk"):
            if wanted_by(member):
                write_optional(SUMMARY, about, member.user, "billing/email/summary", context, workspace)
    return True


@dataclass(frozen=True, slots=True)
class MonthMoved:
    """A wallet's month in micro-dollars: what it began and ended with, and the sums of its lines between."""

    opening_micros: int
    came_in_micros: int
    went_out_micros: int
    closing_micros: int


def month_moved(workspace: Workspace, month: date) -> MonthMoved:
    last = month_of(statements.midnight(month))[1].astimezone(UTC).date() - timedelta(days=1)
    span = statements.span_of(workspace, Narrowing(since=month, until=last))
    lines = Transfer.objects.filter(owner_id=span.wallet_id, owner_seq__gt=span.after, owner_seq__lt=span.before)
    sums = lines.aggregate(
        came_in=Sum(Case(When(credit_id=F("owner_id"), then="amount_micros"), default=0)),
        went_out=Sum(Case(When(debit_id=F("owner_id"), then="amount_micros"), default=0)),
    )
    return MonthMoved(span.opening_micros, sums["came_in"] or 0, sums["went_out"] or 0, span.closing_micros)


def _context(workspace: Workspace, month: date) -> dict[str, object]:
    moved = month_moved(workspace, month)
    last = month_of(statements.midnight(month))[1].date() - timedelta(days=1)
    table = daily.used(workspace, month, last)
    projects = {f"project:{name}": each for name, each in table.by_name("project").items() if name}
    names = names_of(workspace, projects)
    dearest = [
        (names[text].label if text in names else "A deleted project", usd(each.amount_micros), each.videos)
        for text, each in list(projects.items())[:MAX_PROJECTS]
    ]
    query = f"?since={month.isoformat()}&until={last.isoformat()}"
    return {
        "workspace": workspace,
        "month": month,
        "opening": usd_balance(moved.opening_micros),
        "came_in": usd(moved.came_in_micros),
        "went_out": usd(moved.went_out_micros),
        "closing": usd_balance(moved.closing_micros),
        "videos": table.total.videos,
        "seconds": f"{table.total.measured_ms / 1000:,.0f}",
        "projects": dearest,
        "statement": settings.SITE_URL + reverse("statement", kwargs={"workspace": workspace.slug}) + query,
        "usage": settings.SITE_URL + reverse("usage", kwargs={"workspace": workspace.slug}),
    }
