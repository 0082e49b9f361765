from __future__ import annotations

import re
import uuid

from django.conf import settings
from django.db import models

from avatarsite.ids import LENGTH, new_id
from avatarsite.queue.due_rows import DueRow
from avatarsite.workspaces.models import ApiToken, Workspace
from studio.models.jobs import Outcome
from studio.models.tenancy import OwnedQuerySet
from studio.models.uploads import Upload


def speech_id() -> str:
    return new_id("spk")


def pronunciation_id() -> str:
    return new_id("prn")


def part_reference() -> str:
    return str(uuid.uuid4())


class SpeechState(models.TextChoices):
    SPEAKING = "speaking", "Being spoken"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class Speech(DueRow):
    """A script that is to become a voice: one hold, one charge, one upload. The same words once in a workspace."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=speech_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="speeches")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    token = models.ForeignKey(ApiToken, models.PROTECT, null=True, blank=True, related_name="+")
    script = models.TextField()
    speaker = models.CharField("voice", max_length=120)  # engine:voice
    pace = models.FloatField(default=1.0)
    # Of script, speaker, pace and the pronunciations that it has: what makes two the same.
    digest = models.CharField(max_length=64)

    # Null where speaking costs nothing.
    price = models.ForeignKey("billing.Price", models.PROTECT, null=True, blank=True, related_name="+")
    ceiling_micros = models.BigIntegerField("maximum charge (micros)", default=0)
    hold = models.OneToOneField("billing.Hold", models.PROTECT, null=True, blank=True, related_name="+")
    charge_micros = models.BigIntegerField(null=True, blank=True)

    state = models.CharField(max_length=10, choices=SpeechState.choices, default=SpeechState.SPEAKING)
    deadline_at = models.DateTimeField("overdue at", null=True, blank=True)
    upload = models.ForeignKey(Upload, models.SET_NULL, null=True, blank=True, related_name="+")
    failure_code = models.CharField(max_length=60, blank=True)
    failure_message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet["Speech"].as_manager()

    class Meta:
        verbose_name_plural = "speeches"
        indexes = [
            models.Index(fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="speech_due"),
            models.Index(fields=["deadline_at"], condition=models.Q(deadline_at__isnull=False), name="speech_overdue"),
            models.Index(fields=["workspace", "-id"], name="speech_by_workspace"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "digest"], condition=models.Q(state="speaking"), name="speech_spoken_once"
            ),
            models.CheckConstraint(
                condition=models.Q(charge_micros__isnull=True)
                | models.Q(charge_micros__gte=0, charge_micros__lte=models.F("ceiling_micros")),
                name="speech_charge_under_ceiling",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """Its first words."""
        words = " ".join(re.sub(r"\[[^\]]*\]", " ", self.script).split())
        return words if len(words) <= 60 else f"{words[:60].rsplit(' ', 1)[0]} …"

    @property
    def ended(self) -> bool:
        return self.state != SpeechState.SPEAKING


class SpeechPart(models.Model):
    """What an engine says at once, written before it is asked; or, without sentences, a silence before the first."""

    speech = models.ForeignKey(Speech, models.CASCADE, related_name="parts")
    number = models.PositiveSmallIntegerField()
    sentences = models.JSONField(default=list)  # as written
    said = models.JSONField("sentences as they are said", default=list)
    pause_ms = models.PositiveIntegerField("silence behind it (ms)", default=0)

    reference = models.CharField(max_length=36, unique=True, default=part_reference)
    attempt = models.PositiveSmallIntegerField(default=1)
    # Written right before the request that has it spoken: without it, nothing can have been.
    sent_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.PENDING)
    provider_job_id = models.CharField(max_length=200, blank=True)
    handle = models.JSONField("adapter handle", default=dict, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    result_url = models.TextField(blank=True)
    spans = models.JSONField("times of its sentences", default=list, blank=True)
    failure_code = models.CharField(max_length=60, blank=True)
    failure_message = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["speech", "number"], name="speech_part_once")]

    def __str__(self) -> str:
        return f"{self.speech_id}, part {self.number}"


class Pronunciation(models.Model):
    """How a workspace wants a word or a phrase to be said, in every script."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=pronunciation_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="pronunciations")
    word = models.CharField("word or phrase", max_length=80)
    said = models.CharField("as it is said", max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet["Pronunciation"].as_manager()

    class Meta:
        ordering = ["word"]
        constraints = [models.UniqueConstraint(fields=["workspace", "word"], name="pronunciation_once")]

    def __str__(self) -> str:
        return f"{self.word}: {self.said}"
