from __future__ import annotations

from django.db import models

from avatarsite.workspaces.models import Member, Workspace
from billing.models.ledger import PARTY_LENGTH
from billing.models.prices import OFFER_LENGTH


class UsageDay(models.Model):
    """What a workspace used on a day (UTC), counted once by each dimension: by offer, project, member and token.

    Kept in the transaction of each charge, so that a chart costs the same after a million videos. Whatever has no
    project (or member, or token) is counted under the empty name, so each dimension makes the same total.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="usage_days", db_index=False)
    day = models.DateField()
    dimension = models.CharField(max_length=10)
    name = models.CharField(max_length=max(OFFER_LENGTH, PARTY_LENGTH), blank=True)
    videos = models.PositiveIntegerField()
    measured_ms = models.PositiveBigIntegerField()
    amount_micros = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "day", "dimension", "name"], name="usage_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.dimension} {self.name}"


class MonthlySummary(models.Model):
    """One month's mail to a workspace, so that it's written once."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="summaries", db_index=False)
    month = models.DateField("first day of the month")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "monthly summaries"
        constraints = [models.UniqueConstraint(fields=["workspace", "month"], name="summary_once_per_month")]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.month:%Y-%m}"


class SummaryChoice(models.Model):
    """What a member has chosen about the monthly letter; without a row owners, admins and billing managers get it."""

    member = models.OneToOneField(Member, models.CASCADE, related_name="summary_choice")
    wanted = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.member_id}: {self.wanted}"
