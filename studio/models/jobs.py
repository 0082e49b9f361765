from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models

from avatarsite.ids import LENGTH, new_id
from studio.models.renders import Render
from studio.providers.types import JobStatus as Status
from studio.providers.types import Outcome as SubmitOutcome


def job_id() -> str:
    return new_id("job")


def job_reference() -> str:
    return str(uuid.uuid4())


class Outcome(models.TextChoices):
    """What became of the submit. PENDING: the call has not been answered, or the answer not been stored."""

    PENDING = "pending", "Not answered yet"
    ACCEPTED = SubmitOutcome.ACCEPTED.value, "Accepted"
    REJECTED = SubmitOutcome.REJECTED.value, "Rejected"
    UNKNOWN = SubmitOutcome.UNKNOWN.value, "Unknown"


class JobStatus(models.TextChoices):
    """What the provider last said of the job; ``studio.providers.types.JobStatus`` as a column."""

    QUEUED = Status.QUEUED.value, "Queued"
    RUNNING = Status.RUNNING.value, "Running"
    DONE = Status.DONE.value, "Done"
    FAILED = Status.FAILED.value, "Failed"
    CANCELLED = Status.CANCELLED.value, "Cancelled"
    UNKNOWN = Status.UNKNOWN.value, "Unknown"


ENDED_STATUSES = (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


class ProviderJob(models.Model):
    """One attempt at one provider, written before the call that it describes."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=job_id, editable=False)
    render = models.ForeignKey(Render, models.CASCADE, related_name="jobs")
    attempt = models.PositiveSmallIntegerField()
    offer = models.CharField(max_length=120)
    reference = models.CharField(max_length=36, unique=True, default=job_reference)

    # Written right before the request that creates the job: without it, nothing can have been created.
    sent_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.PENDING)
    status = models.CharField(max_length=10, choices=JobStatus.choices, default=JobStatus.UNKNOWN)
    provider_job_id = models.CharField(max_length=200, blank=True)
    handle = models.JSONField("adapter handle", default=dict, blank=True)
    progress = models.PositiveSmallIntegerField("progress (%)", null=True, blank=True)
    queue_position = models.PositiveIntegerField(null=True, blank=True)

    result_url = models.TextField(blank=True)
    reported_ms = models.PositiveBigIntegerField(null=True, blank=True)
    reported_cost_micros = models.BigIntegerField(null=True, blank=True)
    failure_code = models.CharField(max_length=60, blank=True)
    failure_message = models.TextField(blank=True)
    raw = models.JSONField("last answer", default=dict, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["render", "attempt"], name="job_attempt_once")]
        indexes = [
            models.Index(
                fields=["next_check_at"],
                condition=models.Q(next_check_at__isnull=False),
                name="job_check_due",
            ),
            models.Index(
                fields=["offer", "-finished_at"],
                condition=models.Q(finished_at__isnull=False),
                name="job_ended_by_offer",
            ),
            models.Index(fields=["provider_job_id"], name="job_by_its_provider"),
            models.Index(
                fields=["finished_at"], condition=models.Q(finished_at__isnull=False), name="job_ended_by_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.offer}, attempt {self.attempt}"

    @property
    def asked_at(self) -> datetime:
        """When the provider was asked for it, as far as is known."""
        return self.sent_at or self.created_at


class ProviderBalance(models.Model):
    """Money left in our account at a provider, as it last told; ``problem`` is why it has told none since."""

    provider = models.CharField(primary_key=True, max_length=40)
    micros = models.BigIntegerField("micro-dollars", null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField()
    problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.provider


class OfferHealth(models.Model):
    """The circuit of one offer: closed while it works, open for a while after failures, then probed.

    Whether it is sold at all is decided by hand, and no success or failure changes that.
    """

    offer = models.CharField(primary_key=True, max_length=120)
    failures = models.PositiveIntegerField("failures in a row", default=0)
    open_until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    # Answers may come in another order than their questions: what was asked before these says nothing of them.
    turned_at = models.DateTimeField("circuit changed at", null=True, blank=True)
    failed_at = models.DateTimeField("last failure asked at", null=True, blank=True)
    off_sale_at = models.DateTimeField("taken off sale at", null=True, blank=True)
    off_sale_reason = models.CharField("reason for taking it off sale", max_length=150, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "offer"
        verbose_name_plural = "offers"

    def __str__(self) -> str:
        return self.offer
