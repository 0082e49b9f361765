"""Models of Stripe's objects, as we know them. Each row of ours is written before the call that makes its object.

Amounts are micro-dollars of credit, or cents as Stripe counts them. What Stripe names is kept by Stripe's id, unique,
so that no object is ever booked for two rows.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from avatarsite.ids import LENGTH, new_id
from avatarsite.queue.due_rows import DueRow
from avatarsite.workspaces.models import Workspace
from billing.models.ledger import MEMO_LENGTH, CreditLot

STRIPE_ID_LENGTH = 255
MICROS_PER_CENT = 10_000
# An address that browsers and servers pass on whole.
BACK_LENGTH = 4000


def customer_id() -> str:
    return new_id("cst")


def top_up_id() -> str:
    return new_id("top")


def card_setup_id() -> str:
    return new_id("crd")


def refund_id() -> str:
    return new_id("rfd")


def dispute_id() -> str:
    return new_id("dsp")


class StripeCustomer(models.Model):
    """The one customer at Stripe that all payments of a workspace belong to, for test and for live keys apart."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=customer_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="stripe_customers")
    livemode = models.BooleanField()
    stripe_id = models.CharField(max_length=STRIPE_ID_LENGTH, unique=True, null=True, blank=True)
    generation = models.PositiveSmallIntegerField("generation", default=1)
    # Kept as they were first sent: a repeat under the same idempotency key must say the same.
    email = models.EmailField()
    name = models.CharField(max_length=80)
    card_id = models.CharField("saved card", max_length=STRIPE_ID_LENGTH, blank=True)
    card_brand = models.CharField(max_length=40, blank=True)
    card_last4 = models.CharField(max_length=4, blank=True)
    card_expires = models.CharField("card expiry (MM/YYYY)", max_length=7, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "livemode"], name="stripe_customer_one_each")]

    def __str__(self) -> str:
        return self.stripe_id or self.pk


class Origin(models.TextChoices):
    CHECKOUT = "checkout", "Paid at checkout"
    AUTOMATIC = "automatic", "Automatic"


class TopUpState(models.TextChoices):
    NEW = "new", "Starting"
    OPEN = "open", "Waiting for the payment"
    PROCESSING = "processing", "Payment is on its way"
    NEEDS_ACTION = "needs_action", "The bank asks for a confirmation"
    PAID = "paid", "Paid"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Not paid in time"
    CANCELLED = "cancelled", "Cancelled"
    REVIEW = "review", "Being looked at"


# Money may still come of these; an automatic top-up waits for the one that is under way.
UNDER_WAY = (TopUpState.NEW, TopUpState.OPEN, TopUpState.PROCESSING, TopUpState.NEEDS_ACTION, TopUpState.REVIEW)
# These have left the workspace's hands: they count against the monthly ceiling, paid or not yet.
COMMITTED = (
    TopUpState.NEW,
    TopUpState.PROCESSING,
    TopUpState.NEEDS_ACTION,
    TopUpState.REVIEW,
    TopUpState.PAID,
)


class TopUp(models.Model):
    """One purchase of credit, made before Stripe is asked; paid at most once, whatever is told how often."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=top_up_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="top_ups", db_index=False)
    customer = models.ForeignKey(StripeCustomer, models.PROTECT, related_name="top_ups", db_index=False)
    # Null is an automatic one.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.CHECKOUT)
    state = models.CharField(max_length=14, choices=TopUpState.choices, default=TopUpState.NEW)
    amount_cents = models.PositiveBigIntegerField("credit before tax (cents)")
    total_cents = models.PositiveBigIntegerField("total paid with tax (cents)", null=True, blank=True)
    currency = models.CharField(max_length=3, default="usd")
    livemode = models.BooleanField()
    # As it was then: Stripe may lose a customer whose payment is still under way.
    payer = models.CharField("paying Stripe customer", max_length=STRIPE_ID_LENGTH, blank=True)
    save_card = models.BooleanField(default=False)
    session_id = models.CharField(max_length=STRIPE_ID_LENGTH, unique=True, null=True, blank=True)
    session_url = models.URLField(max_length=2000, blank=True)
    payment_intent_id = models.CharField(max_length=STRIPE_ID_LENGTH, unique=True, null=True, blank=True)
    card_id = models.CharField("card of an automatic top-up", max_length=STRIPE_ID_LENGTH, blank=True)
    invoice_id = models.CharField(max_length=STRIPE_ID_LENGTH, blank=True)
    lot = models.OneToOneField(CreditLot, models.PROTECT, null=True, blank=True, related_name="top_up")
    back_to = models.CharField("return page", max_length=BACK_LENGTH, blank=True)
    problem = models.CharField("reason without credit", max_length=MEMO_LENGTH, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_check_at = models.DateTimeField("next check at", null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    paid_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField("closed without credit at", null=True, blank=True)

    class Meta:
        verbose_name = "top-up"
        permissions = [("refund_topup", "Can refund a top-up"), ("review_topup", "Can decide on a top-up in doubt")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=TopUpState.values), name="top_up_state_known"),
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="top_up_amount_positive"),
            models.CheckConstraint(
                condition=Q(state="paid", lot__isnull=False, paid_at__isnull=False)
                | ~Q(state="paid") & Q(lot__isnull=True, paid_at__isnull=True),
                name="top_up_paid_has_credit",
            ),
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(origin="automatic", state__in=[*UNDER_WAY]),
                name="top_up_one_automatic_at_once",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="top_up_by_workspace"),
            models.Index(fields=["state"], name="top_up_by_state"),
            models.Index(fields=["next_check_at"], condition=Q(next_check_at__isnull=False), name="top_up_due"),
        ]

    def __str__(self) -> str:
        return self.pk

    @property
    def amount_micros(self) -> int:
        return self.amount_cents * MICROS_PER_CENT

    @property
    def total_micros(self) -> int | None:
        return None if self.total_cents is None else self.total_cents * MICROS_PER_CENT

    @property
    def subject(self) -> str:
        return f"topup:{self.pk}"

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def is_closed(self) -> bool:
        """Closed without credit by staff, after it was looked at."""
        return self.state == TopUpState.CANCELLED and self.closed_at is not None


class CardSetup(models.Model):
    """One visit to Stripe's page to save a card without paying."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=card_setup_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="card_setups")
    customer = models.ForeignKey(StripeCustomer, models.PROTECT, related_name="card_setups")
    session_id = models.CharField(max_length=STRIPE_ID_LENGTH, unique=True, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    saved_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.pk


class RefundState(models.TextChoices):
    REQUESTED = "requested", "Requested"
    PENDING = "pending", "On its way"
    SUCCEEDED = "succeeded", "Refunded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Refund(DueRow):
    """Money that goes back for a top-up, asked for here or in Stripe's own dashboard.

    ``amount_cents`` is what Stripe gives back, ``credit_micros`` the credit that was bought with it; with tax they
    differ. Of the credit, ``forgiven_micros`` was spent and is given up by us, and what else was spent is owed.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=refund_id, editable=False)
    top_up = models.ForeignKey(TopUp, models.PROTECT, related_name="refunds")
    stripe_id = models.CharField(max_length=STRIPE_ID_LENGTH, unique=True, null=True, blank=True)
    state = models.CharField(max_length=10, choices=RefundState.choices, default=RefundState.REQUESTED)
    amount_cents = models.PositiveBigIntegerField()
    credit_micros = models.BigIntegerField(default=0)
    forgive_spent = models.BooleanField("write off what was spent", default=False)
    forgiven_micros = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=MEMO_LENGTH, blank=True)
    # Null is Stripe's own dashboard.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    token = models.UUIDField("form token", unique=True, null=True, blank=True)
    problem = models.CharField(max_length=MEMO_LENGTH, blank=True)
    booked_at = models.DateTimeField("clawed back at", null=True, blank=True)
    returned_at = models.DateTimeField("credit returned at", null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=RefundState.values), name="refund_state_known"),
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(credit_micros__gte=0, forgiven_micros__gte=0, forgiven_micros__lte=F("credit_micros")),
                name="refund_credit_in_bounds",
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="refund_due"),
        ]

    def __str__(self) -> str:
        return self.pk

    @property
    def subject(self) -> str:
        return f"refund:{self.pk}"


class DisputeState(models.TextChoices):
    """In the order in which a dispute may move; it never moves back."""

    INQUIRY = "inquiry", "The bank asks"
    INQUIRY_CLOSED = "inquiry_closed", "The bank asked, and it ended there"
    OPEN = "open", "Disputed"
    LOST = "lost", "Lost"
    WON = "won", "Won"


class Dispute(models.Model):
    """A payment that the cardholder's bank took back, or asks about."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=dispute_id, editable=False)
    top_up = models.ForeignKey(TopUp, models.PROTECT, related_name="disputes")
    stripe_id = models.CharField(max_length=STRIPE_ID_LENGTH, unique=True)
    state = models.CharField(max_length=14, choices=DisputeState.choices)
    status = models.CharField("Stripe status", max_length=40)
    reason = models.CharField("reason given by the cardholder", max_length=60, blank=True)
    amount_cents = models.PositiveBigIntegerField()
    credit_micros = models.BigIntegerField(default=0)
    fee_cents = models.PositiveBigIntegerField("dispute fee (cents)", default=0)
    evidence_due_at = models.DateTimeField(null=True, blank=True)
    booked_at = models.DateTimeField("clawed back at", null=True, blank=True)
    returned_at = models.DateTimeField("credit returned at", null=True, blank=True)
    cleared_at = models.DateTimeField("cleared at", null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=DisputeState.values), name="dispute_state_known"),
            models.CheckConstraint(condition=Q(credit_micros__gte=0), name="dispute_credit_not_negative"),
        ]

    def __str__(self) -> str:
        return self.stripe_id

    @property
    def subject(self) -> str:
        return f"dispute:{self.pk}"


class AutoTopUp(models.Model):
    """What a workspace wants bought by itself: below ``threshold``, buy ``amount``, at most ``ceiling`` a month."""

    workspace = models.OneToOneField(Workspace, models.PROTECT, related_name="auto_top_up", primary_key=True)
    enabled = models.BooleanField(default=False)
    threshold_micros = models.BigIntegerField(default=5_000_000)
    amount_cents = models.PositiveBigIntegerField(default=2_000)
    ceiling_cents = models.PositiveBigIntegerField("monthly ceiling (cents)", default=10_000)
    failures = models.PositiveSmallIntegerField("failures in a row", default=0)
    next_attempt_at = models.DateTimeField("next attempt at", null=True, blank=True)
    paused_reason = models.CharField("reason for pausing", max_length=MEMO_LENGTH, blank=True)
    ceiling_told_on = models.DateField("ceiling notice for month", null=True, blank=True)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "automatic top-up"
        constraints = [
            models.CheckConstraint(
                condition=Q(threshold_micros__gte=0, amount_cents__gt=0, ceiling_cents__gte=F("amount_cents")),
                name="auto_top_up_amounts_fit",
            ),
        ]

    def __str__(self) -> str:
        return f"Automatic top-up of {self.workspace_id}"
