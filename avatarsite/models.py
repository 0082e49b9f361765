"""The workers' signs of life and leases, and what operators should know."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from avatarsite.monitoring.alert_kinds import KINDS, AlertKind


class Canary(models.Model):
    """When a task last went all the way through a cluster: taken, run, stored and acknowledged."""

    worker = models.CharField(max_length=40)
    cluster = models.CharField(max_length=40)
    clock = models.CharField(max_length=40, default="")
    stamped_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "cluster"], name="canary_once_per_cluster")]

    def __str__(self) -> str:
        return f"{self.cluster} of {self.worker}"


class BusyWorker(models.Model):
    """A worker process inside a task that takes long, so that silence is not mistaken for death."""

    worker = models.CharField(max_length=40)
    cluster = models.CharField(max_length=40)
    pid = models.PositiveIntegerField()
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "pid"], name="busy_worker_once")]

    def __str__(self) -> str:
        return f"{self.pid} of {self.cluster}"


class Lease(models.Model):
    """Whose turn it is at a task of which one at a time is enough, and until when (avatarsite/queue/lease.py)."""

    task = models.CharField(primary_key=True, max_length=40)
    owner = models.CharField(max_length=36, blank=True)
    expires_at = models.DateTimeField()
    handover = models.JSONField("what the holder leaves to the next", default=dict, blank=True)

    def __str__(self) -> str:
        return f"{self.task} until {self.expires_at:%H:%M:%S}"


class Alert(models.Model):
    """Something that the people who run the service should know, once for each ``key`` until it is closed."""

    kind = models.CharField(max_length=40)
    key = models.CharField("subject key", max_length=200)
    message = models.TextField()
    detail = models.JSONField(default=dict, blank=True)
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=models.Q(closed_at__isnull=True), name="alert_open_once"
            ),
        ]
        indexes = [models.Index(fields=["-last_at"], name="alert_by_time")]

    def __str__(self) -> str:
        return self.message

    @property
    def of_kind(self) -> AlertKind:
        """Title, what to do and how it closes; empty for a row of a kind that has been taken out since."""
        return KINDS.get(self.kind) or AlertKind(self.kind, "")


class NoticeLevel(models.TextChoices):
    INFO = "info", "For information"
    WARNING = "warning", "Something is slow or away"


class ServiceNotice(models.Model):
    """Service notice: a sentence on every page and in the API's ``/me``, from its start to its end."""

    text = models.CharField(max_length=300, help_text="What customers read: what is the matter, and what they can do.")
    level = models.CharField(max_length=10, choices=NoticeLevel.choices, default=NoticeLevel.INFO)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: until you say so.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=models.F("starts_at")),
                name="service_notice_ends_after_its_start",
                violation_error_message="It ends before it starts. Choose a later end.",
            ),
        ]

    def __str__(self) -> str:
        return self.text


class QueueSilence(models.Model):
    """The queue standing still: since when it is seen so, and when that was last told. There is one row, or none."""

    since = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"since {self.since:%Y-%m-%d %H:%M:%S}"
