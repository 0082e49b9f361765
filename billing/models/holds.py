from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing.models.ledger import MEMO_LENGTH, PARTY_LENGTH, SUBJECT_LENGTH, CreditLot, LedgerAccount

HOLD_KEY_LENGTH = 200


class HoldState(models.TextChoices):
    OPEN = "open", "Held"
    SETTLED = "settled", "Settled"
    RELEASED = "released", "Released"


class Hold(models.Model):
    """Credit set aside for a subject (``render:rnd_…``); settled up to its amount or released, once.

    A hold of nothing is a hold too: free renders take the same way as paid ones.
    """

    account = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="holds", db_index=False)
    key = models.CharField(max_length=HOLD_KEY_LENGTH, unique=True)
    subject = models.CharField(max_length=SUBJECT_LENGTH)
    amount_micros = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=HoldState.choices, default=HoldState.OPEN)
    settled_micros = models.BigIntegerField(null=True, blank=True)
    # By default of the database, too: holds are placed by SQL of our own.
    returned_micros = models.BigIntegerField("returned (micros)", default=0, db_default=0)
    deadline_at = models.DateTimeField("overdue at", null=True, blank=True)
    note = models.CharField("reason for closing", max_length=MEMO_LENGTH, blank=True)
    # For whom: monthly budgets count by these, and statements are filtered by them.
    project = models.CharField(max_length=PARTY_LENGTH, blank=True, default="")
    member = models.CharField("user id", max_length=PARTY_LENGTH, blank=True, default="")
    token = models.CharField(max_length=PARTY_LENGTH, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_micros__gte=0), name="hold_amount_not_negative"),
            models.CheckConstraint(condition=~Q(subject=""), name="hold_names_its_subject"),
            models.CheckConstraint(
                condition=Q(state="open", settled_micros__isnull=True, closed_at__isnull=True)
                | Q(
                    state="settled",
                    settled_micros__isnull=False,
                    settled_micros__gte=0,
                    settled_micros__lte=F("amount_micros"),
                    closed_at__isnull=False,
                )
                | Q(state="released", settled_micros__isnull=False, settled_micros=0, closed_at__isnull=False),
                name="hold_state_fits_amounts",
            ),
            models.CheckConstraint(
                condition=Q(returned_micros=0) | Q(returned_micros__gt=0, returned_micros__lte=F("settled_micros")),
                name="hold_returned_of_settled",
            ),
            models.UniqueConstraint(fields=["subject"], condition=Q(state="open"), name="hold_open_once_per_subject"),
        ]
        indexes = [
            models.Index(fields=["account"], condition=Q(state="open"), name="hold_open_by_account"),
            models.Index(fields=["account", "created_at"], name="hold_by_account"),
            models.Index(fields=["deadline_at"], condition=Q(state="open"), name="hold_open_by_deadline"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.key}"

    @property
    def is_open(self) -> bool:
        return self.state == HoldState.OPEN


class HoldLot(models.Model):
    """How much of a hold each lot bears, in burn order by id. Kept after the hold has closed."""

    hold = models.ForeignKey(Hold, models.PROTECT, related_name="lots", db_index=False)
    lot = models.ForeignKey(CreditLot, models.PROTECT, related_name="holds")
    amount_micros = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hold", "lot"], name="hold_lot_once"),
            models.CheckConstraint(condition=Q(amount_micros__gt=0), name="hold_lot_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.hold_id} on {self.lot_id}"
