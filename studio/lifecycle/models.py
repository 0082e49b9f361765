"""Models of exports and of closings: work that a row remembers."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from avatarsite.ids import LENGTH, new_id
from avatarsite.queue.due_rows import DueRow
from avatarsite.workspaces.models import Workspace
from studio.models.tenancy import OwnedQuerySet


def export_id() -> str:
    return new_id("exp")


def closing_id() -> str:
    return new_id("cls")


class ExportState(models.TextChoices):
    MAKING = "making", "Being made"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Deleted"


class Export(DueRow):
    """Everything of a workspace in one ZIP, for its owners. Due while it is made."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=export_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=ExportState.choices, default=ExportState.MAKING)
    file = models.CharField("storage name", max_length=200, blank=True)
    bytes = models.PositiveBigIntegerField(default=0)
    files = models.PositiveIntegerField("files in it", default=0)
    rows = models.PositiveBigIntegerField("rows in it", default=0)
    why = models.CharField("why it failed", max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField("file deleted at", null=True, blank=True)

    objects = OwnedQuerySet["Export"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace"], condition=Q(state="making"), name="export_one_at_once"),
            models.CheckConstraint(condition=Q(state__in=ExportState.values), name="export_state_known"),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="export_by_workspace"),
            models.Index(fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="export_due"),
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="export_expires"),
        ]

    def __str__(self) -> str:
        return self.id


class ClosingState(models.TextChoices):
    GRACE = "grace", "Can be had back"
    EMPTYING = "emptying", "Being deleted"
    SETTLING = "settling", "Waiting for its money"
    CLOSED = "closed", "Closed"
    UNDONE = "undone", "Had back by an owner"
    STOPPED = "stopped", "Stopped by staff"


CLOSING = (ClosingState.GRACE, ClosingState.EMPTYING, ClosingState.SETTLING)


class Closing(DueRow):
    """An owner's wish that a workspace ends, and how far that has come. Due until it is closed or had back."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=closing_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="closings")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=ClosingState.choices, default=ClosingState.GRACE)
    ends_at = models.DateTimeField("can be had back until")
    why = models.CharField("what it waits for", max_length=500, blank=True)
    reason = models.CharField("reason of staff", max_length=150, blank=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    emptied_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(state__in=[*CLOSING]), name="closing_one_at_once"
            ),
            models.CheckConstraint(condition=Q(state__in=ClosingState.values), name="closing_state_known"),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="closing_due"),
        ]

    def __str__(self) -> str:
        return f"Closing of {self.workspace}"


class DepartureState(models.TextChoices):
    GRACE = "grace", "Can be undone"
    WAITING = "waiting", "Waiting for a workspace"
    GONE = "gone", "Closed"
    UNDONE = "undone", "Undone"


DEPARTING = (DepartureState.GRACE, DepartureState.WAITING)


class Departure(DueRow):
    """A person's wish that their account ends. Due until it is closed or undone."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="departures")
    state = models.CharField(max_length=10, choices=DepartureState.choices, default=DepartureState.GRACE)
    ends_at = models.DateTimeField("can be undone until")
    why = models.CharField("what it waits for", max_length=500, blank=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(state__in=[*DEPARTING]), name="departure_one_at_once"),
            models.CheckConstraint(condition=Q(state__in=DepartureState.values), name="departure_state_known"),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="departure_due"),
        ]

    def __str__(self) -> str:
        return f"Departure of {self.user}"
