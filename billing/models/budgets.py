from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from avatarsite.workspaces.models import Workspace
from billing.models.ledger import SCOPE_LENGTH

PERCENTS = (50, 80, 100)


class Period(models.TextChoices):
    """How long a cap counts, in UTC; a week begins on Monday."""

    DAY = "day", "daily"
    WEEK = "week", "weekly"
    MONTH = "month", "monthly"


class Budget(models.Model):
    """What one scope may spend in each period: ``workspace``, ``project:prj_…``, ``member:12``, ``token:tok_…``."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="budgets", db_index=False)
    scope = models.CharField(max_length=SCOPE_LENGTH)
    period = models.CharField(max_length=5, choices=Period.choices, default=Period.MONTH)
    cap_micros = models.BigIntegerField("cap (micros)")
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "scope", "period"], name="budget_once_per_scope"),
            models.CheckConstraint(condition=Q(period__in=Period.values), name="budget_period_known"),
            models.CheckConstraint(condition=Q(cap_micros__gte=0), name="budget_cap_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} of {self.workspace_id}"


class SpendLock(models.Model):
    """That a scope may spend nothing until somebody opens it again; its caps stay as they are."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="spend_locks", db_index=False)
    scope = models.CharField(max_length=SCOPE_LENGTH)
    locked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    locked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "scope"], name="spend_lock_once_per_scope")]

    def __str__(self) -> str:
        return f"{self.scope} of {self.workspace_id}"


class BudgetPeriod(models.Model):
    """One day, week or month of a scope with a budget for it: what its holds have spent, and what open ones reserve.

    Micro-dollars. A hold counts in the period in which it was placed, also when it's settled in the next.
    ``beyond_micros`` is what was used above the cap when that was set, so that a cap may be set below what is gone and
    the CHECK still stands.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="budget_periods", db_index=False)
    scope = models.CharField(max_length=SCOPE_LENGTH)
    period = models.CharField(max_length=5, choices=Period.choices, default=Period.MONTH)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    cap_micros = models.BigIntegerField()
    beyond_micros = models.BigIntegerField(default=0)
    spent_micros = models.BigIntegerField(default=0)
    reserved_micros = models.BigIntegerField(default=0)
    told_percent = models.PositiveSmallIntegerField("highest notice (%)", default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "scope", "period", "starts_at"], name="budget_period_once"),
            models.CheckConstraint(
                condition=Q(spent_micros__gte=0, reserved_micros__gte=0, beyond_micros__gte=0),
                name="budget_period_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(cap_micros__gte=F("spent_micros") + F("reserved_micros") - F("beyond_micros")),
                name="budget_period_not_exceeded",
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="budget_period_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} of {self.workspace_id}, {self.starts_at:%Y-%m}"

    @property
    def used_micros(self) -> int:
        return self.spent_micros + self.reserved_micros

    @property
    def left_micros(self) -> int:
        return max(self.cap_micros - self.used_micros, 0)


class BudgetNotice(models.Model):
    """One message that half, most or all of a month's cap is used, so that nobody is told twice."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="budget_notices", db_index=False)
    scope = models.CharField(max_length=SCOPE_LENGTH)
    period = models.CharField(max_length=5, choices=Period.choices, default=Period.MONTH)
    starts_at = models.DateTimeField("from")
    percent = models.PositiveSmallIntegerField()
    cap_micros = models.BigIntegerField()
    spent_micros = models.BigIntegerField()
    reserved_micros = models.BigIntegerField()
    refused_micros = models.BigIntegerField("refused amount (micros)", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "scope", "period", "starts_at", "percent"], name="budget_notice_once_per_period"
            ),
            models.CheckConstraint(condition=Q(percent__in=PERCENTS), name="budget_notice_percent_known"),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of {self.scope}"
