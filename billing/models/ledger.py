from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from avatarsite.workspaces.models import Workspace

CODE_LENGTH = 160
KEY_LENGTH = 255
MEMO_LENGTH = 300
SUBJECT_LENGTH = 120
# A public id, or a user's number.
PARTY_LENGTH = 40
SCOPE_LENGTH = 60

# Tables whose rows nothing changes or deletes: avatarsite/db/append_only.py has the triggers.
APPEND_ONLY = {"billing_transfer": "transfers", "billing_price": "prices"}


class AccountKind(models.TextChoices):
    WALLET = "wallet", "Wallet"
    PLATFORM = "platform", "Platform"


class LedgerAccount(models.Model):
    """A place where money stands. All amounts are micro-dollars.

    A wallet belongs to a workspace and is *tracked*: ``posted`` (its credits minus its debits) and ``held`` (its open
    holds) stand on the row, so that the balance is one row read and no race can overdraw it. Platform accounts
    (revenue, provider cost, …) keep no running balance, so that customers never queue behind one row; theirs is a sum.
    """

    code = models.CharField(max_length=CODE_LENGTH, unique=True)
    kind = models.CharField(max_length=10, choices=AccountKind.choices)
    workspace = models.ForeignKey(Workspace, models.PROTECT, null=True, blank=True, related_name="ledger_accounts")
    currency = models.CharField(max_length=3, default="USD")
    tracked = models.BooleanField(default=False)
    posted = models.BigIntegerField("posted balance (micros)", default=0)
    held = models.BigIntegerField("held (micros)", default=0)
    floor = models.BigIntegerField("minimum balance (micros)", default=0)
    seq = models.BigIntegerField("newest line number", default=0)
    capped = models.BooleanField("checked against budgets", default=False)
    low_mark = models.BigIntegerField("automatic top-up threshold (micros)", null=True, blank=True)
    low_told_at = models.DateTimeField("low balance mailed at", null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)
    frozen_reason = models.CharField(max_length=MEMO_LENGTH, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        permissions = [("grant_credit", "Can grant credit to a wallet")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=AccountKind.values), name="ledger_account_kind_known"),
            models.CheckConstraint(condition=Q(held__gte=0), name="ledger_account_held_not_negative"),
            models.CheckConstraint(condition=Q(floor__gte=0), name="ledger_account_floor_not_negative"),
            models.CheckConstraint(
                condition=Q(tracked=False) | Q(posted__gte=F("held") + F("floor")),
                name="ledger_account_not_overdrawn",
            ),
            models.CheckConstraint(
                condition=Q(tracked=True) | Q(posted=0, held=0, floor=0, seq=0),
                name="ledger_account_untracked_is_a_sum",
            ),
            models.CheckConstraint(
                condition=~Q(kind="wallet") | Q(workspace__isnull=False, tracked=True),
                name="ledger_account_wallet_has_owner",
            ),
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(kind="wallet"), name="ledger_account_one_wallet_each"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class LotCategory(models.TextChoices):
    """Bonus sorts before paid, and so it burns first where all else is equal."""

    BONUS = "bonus", "Bonus"
    PAID = "paid", "Paid"


class CreditLot(models.Model):
    """Credit that came in at once and is spent in burn order: priority, soonest expiry, bonus before paid, oldest.

    All amounts are micro-dollars: ``granted`` at first, ``remaining`` now, ``held`` of the remaining by open holds.
    """

    account = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="lots", db_index=False)
    category = models.CharField(max_length=10, choices=LotCategory.choices)
    priority = models.PositiveSmallIntegerField("burn priority (lowest first)", default=50)
    granted = models.BigIntegerField("granted (micros)")
    remaining = models.BigIntegerField("remaining (micros)")
    held = models.BigIntegerField("held (micros)", default=0)
    effective_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    source_key = models.CharField(max_length=KEY_LENGTH, unique=True)
    memo = models.CharField(max_length=MEMO_LENGTH, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(category__in=LotCategory.values), name="lot_category_known"),
            models.CheckConstraint(condition=Q(granted__gt=0), name="lot_granted_positive"),
            models.CheckConstraint(
                condition=Q(held__gte=0, held__lte=F("remaining"), remaining__lte=F("granted")),
                name="lot_within_bounds",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("effective_at")),
                name="lot_expires_after_start",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "priority", "expires_at"], condition=Q(remaining__gt=0), name="lot_in_burn_order"
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(remaining__gt=F("held"), expires_at__isnull=False),
                name="lot_to_expire",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_category_display()} credit {self.pk}"


class TransferKind(models.TextChoices):
    TOP_UP = "topup", "Top-up"
    GRANT = "grant", "Credit granted"
    SETTLE = "settle", "Video"
    EXPIRE = "expire", "Credit expired"
    REFUND = "refund", "Refund"
    CLAWBACK = "clawback", "Clawed back"
    REVERSAL = "reversal", "Correction"
    ADJUST = "adjust", "Adjustment"
    WRITE_OFF = "writeoff", "Written off"
    PROVIDER_COST = "provider_cost", "Provider cost"


# A lot is filled once, by one of these.
OPENING_KINDS = (TransferKind.TOP_UP, TransferKind.GRANT)


class Transfer(models.Model):
    """One row that moves money between two ledger accounts, so it can't be unbalanced. Append-only by trigger.

    Only ``billing/ledger/posting.py`` writes one. A transfer that touches a wallet is a line of that wallet (its
    *owner*): it carries the line's number, the balance after it and a SHA-256 over itself and the line before, so that
    a later change shows. Transfers of one operation share a ``journal``.
    """

    kind = models.CharField(max_length=15, choices=TransferKind.choices)
    debit = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="debits")
    credit = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="credits")
    amount_micros = models.BigIntegerField()
    key = models.CharField(max_length=KEY_LENGTH, unique=True)
    journal = models.UUIDField(default=uuid.uuid4)
    hold = models.ForeignKey(
        "billing.Hold", models.PROTECT, null=True, blank=True, related_name="transfers", db_index=False
    )
    lot = models.ForeignKey(CreditLot, models.PROTECT, null=True, blank=True, related_name="transfers", db_index=False)
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="reversals", db_index=False
    )
    subject = models.CharField(max_length=SUBJECT_LENGTH, blank=True)
    memo = models.CharField(max_length=MEMO_LENGTH, blank=True)
    # For whom: as on its hold.
    project = models.CharField(max_length=PARTY_LENGTH, blank=True, default="")
    member = models.CharField("user id", max_length=PARTY_LENGTH, blank=True, default="")
    token = models.CharField(max_length=PARTY_LENGTH, blank=True, default="")
    # PROTECT, because SET_NULL would be an edit: whoever moved money is deactivated, never deleted.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    owner = models.ForeignKey(
        LedgerAccount, models.PROTECT, null=True, blank=True, related_name="lines", db_index=False
    )
    owner_seq = models.BigIntegerField(null=True, blank=True)
    owner_balance = models.BigIntegerField("balance after (micros)", null=True, blank=True)
    owner_hash = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=TransferKind.values), name="transfer_kind_known"),
            models.CheckConstraint(condition=Q(amount_micros__gt=0), name="transfer_amount_positive"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="transfer_between_two_accounts"),
            models.CheckConstraint(
                condition=Q(owner__isnull=True) | Q(owner=F("debit")) | Q(owner=F("credit")),
                name="transfer_owner_is_a_party",
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=True, owner_seq__isnull=True, owner_balance__isnull=True, owner_hash="")
                | Q(owner__isnull=False, owner_seq__gte=1, owner_balance__gte=0, lot__isnull=False) & ~Q(owner_hash=""),
                name="transfer_line_complete",
            ),
            models.CheckConstraint(
                condition=~Q(kind="settle") | Q(hold__isnull=False, lot__isnull=False),
                name="transfer_settle_names_hold",
            ),
            models.CheckConstraint(
                condition=Q(kind="reversal", reverses__isnull=False) | ~Q(kind="reversal") & Q(reverses__isnull=True),
                name="transfer_reversal_names_it",
            ),
            models.UniqueConstraint(
                fields=["hold", "lot"], condition=Q(kind="settle"), name="transfer_settles_a_lot_once"
            ),
            models.UniqueConstraint(
                fields=["owner", "owner_seq"], condition=Q(owner__isnull=False), name="transfer_line_number_once"
            ),
            models.UniqueConstraint(
                fields=["reverses"], condition=Q(reverses__isnull=False), name="transfer_reversed_once"
            ),
        ]
        indexes = [
            models.Index(fields=["subject"], condition=~Q(subject=""), name="transfer_by_subject"),
            models.Index(fields=["owner", "project", "owner_seq"], condition=~Q(project=""), name="line_by_project"),
            models.Index(fields=["owner", "member", "owner_seq"], condition=~Q(member=""), name="line_by_member"),
            models.Index(fields=["owner", "token", "owner_seq"], condition=~Q(token=""), name="line_by_token"),
            models.Index(fields=["created_at", "id"], name="transfer_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.key}"
