from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.models.ledger import MEMO_LENGTH, CreditLot

CODE_LENGTH = 40


class PromotionCode(models.Model):
    """A word that gives bonus credit, once to each workspace and each person. Kept in upper case."""

    code = models.CharField(max_length=CODE_LENGTH, unique=True)
    amount_micros = models.BigIntegerField()
    reason = models.CharField("statement text", max_length=MEMO_LENGTH)
    credit_days = models.PositiveIntegerField("credit valid for (days)", null=True, blank=True)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField("ends at", null=True, blank=True)
    most = models.PositiveIntegerField("maximum redemptions", null=True, blank=True)
    redeemed = models.PositiveIntegerField(default=0)
    stopped_at = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_micros__gt=0), name="promotion_amount_positive"),
            models.CheckConstraint(
                condition=Q(most__isnull=True) | Q(redeemed__lte=F("most")), name="promotion_not_beyond_most"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")), name="promotion_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(credit_days__isnull=True) | Q(credit_days__gt=0), name="promotion_credit_lasts"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class PromotionUse(models.Model):
    """A code that was redeemed, and the credit that it gave."""

    code = models.ForeignKey(PromotionCode, models.PROTECT, related_name="uses", db_index=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="promotion_uses")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    lot = models.OneToOneField(CreditLot, models.PROTECT, related_name="promotion_use")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code", "workspace"], name="promotion_once_per_workspace"),
            models.UniqueConstraint(fields=["code", "user"], name="promotion_once_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.code} in {self.workspace_id}"
