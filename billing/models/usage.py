from __future__ import annotations

from django.db import models
from django.db.models import Q

from avatarsite.workspaces.models import Workspace
from billing.models.holds import Hold
from billing.models.ledger import SUBJECT_LENGTH
from billing.models.prices import OFFER_LENGTH, Price


class Usage(models.Model):
    """Measured output and what became of it in money, one per subject.

    ``amount_micros`` is what the customer paid, ``write_off_micros`` what the measured output would have cost beyond
    the hold, ``cost_micros`` what is booked as owed to the provider.
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="usage", db_index=False)
    subject = models.CharField(max_length=SUBJECT_LENGTH, unique=True)
    offer = models.CharField(max_length=OFFER_LENGTH)
    price = models.ForeignKey(Price, models.PROTECT, related_name="usage", db_index=False)
    hold = models.OneToOneField(Hold, models.PROTECT, related_name="usage")
    # 0 for what is more of a video that another usage counts: the parts of a long one.
    videos = models.PositiveSmallIntegerField("counts as videos", default=1)
    measured_ms = models.PositiveBigIntegerField("measured length (ms)")
    # Of what is sold by the piece, such as a script's voice; then the length is a second for each, and nobody's time.
    generations = models.PositiveIntegerField(default=0)
    reported_ms = models.PositiveBigIntegerField("reported length (ms)", null=True, blank=True)
    reported_cost_micros = models.BigIntegerField("reported cost (micros)", null=True, blank=True)
    amount_micros = models.BigIntegerField("charge (micros)")
    write_off_micros = models.BigIntegerField("written off (micros)", default=0)
    cost_micros = models.BigIntegerField("estimated cost (micros)", default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "usage"
        constraints = [
            models.CheckConstraint(condition=Q(measured_ms__gt=0), name="usage_measured_something"),
            models.CheckConstraint(
                condition=Q(amount_micros__gte=0, write_off_micros__gte=0, cost_micros__gte=0),
                name="usage_amounts_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "created_at"], name="usage_by_workspace"),
            models.Index(fields=["created_at"], name="usage_by_time"),
        ]

    def __str__(self) -> str:
        return self.subject
