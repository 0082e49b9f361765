from __future__ import annotations

from django.conf import settings
from django.db import models

from avatarsite.ids import LENGTH, new_id
from avatarsite.queue.due_rows import DueRow
from avatarsite.workspaces.models import Workspace
from studio.models.projects import Project
from studio.models.renders import Render, RenderGroup
from studio.models.speech import Speech
from studio.models.tenancy import OwnedQuerySet
from studio.models.uploads import Upload


def table_id() -> str:
    return new_id("tbl")


class TableState(models.TextChoices):
    CHECKING = "checking", "Being checked"
    CHECKED = "checked", "Checked"
    MAKING = "making", "Being made"
    STOPPED = "stopped", "Stopped"
    MADE = "made", "Asked for"


class RowState(models.TextChoices):
    NEW = "new", "To be checked"
    GOOD = "good", "Can be made"
    BAD = "bad", "Can’t be made"
    ASKED = "asked", "Asked for"
    REFUSED = "refused", "Could not be asked for"


class BatchTable(DueRow):
    """A table that a person brought: a video for each of its rows. Due while its rows are checked or asked for."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=table_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField("file name", max_length=200)
    state = models.CharField(max_length=10, choices=TableState.choices, default=TableState.CHECKING)
    # The videos of all its rows, from when they are asked for.
    group = models.OneToOneField(
        RenderGroup, models.SET_NULL, null=True, blank=True, related_name="table", verbose_name="batch"
    )
    why = models.CharField("why it waits or has stopped", max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    asked_at = models.DateTimeField("asked for at", null=True, blank=True)

    objects = OwnedQuerySet["BatchTable"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="table_by_workspace"),
            models.Index(fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="table_due"),
        ]

    def __str__(self) -> str:
        return self.name


class BatchRow(models.Model):
    """One row of a table: what its cells say, what is wrong with them, and the video that was asked for."""

    table = models.ForeignKey(BatchTable, models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField("row in the file")  # as a spreadsheet counts: the head is row 1
    cells = models.JSONField(default=dict)  # {column: text}, placeholders filled in
    state = models.CharField(max_length=8, choices=RowState.choices, default=RowState.NEW)
    by_script = models.BooleanField("has a script to be spoken", default=False)
    errors = models.JSONField(default=list)  # [[column, what is wrong and what to do], ...]
    portrait = models.ForeignKey(Upload, models.SET_NULL, null=True, blank=True, related_name="+")
    voice = models.ForeignKey(Upload, models.SET_NULL, null=True, blank=True, related_name="+")
    speech = models.ForeignKey(Speech, models.SET_NULL, null=True, blank=True, related_name="+")
    # Of speaking and video together; and of that, of speaking.
    likely_micros = models.BigIntegerField("likely charge (micros)", default=0)
    ceiling_micros = models.BigIntegerField("maximum charge (micros)", default=0)
    speech_micros = models.BigIntegerField("maximum charge for speaking (micros)", default=0)
    # The one that counts: a row that is asked for again gets another.
    render = models.OneToOneField(Render, models.SET_NULL, null=True, blank=True, related_name="batch_row")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["table", "number"], name="batch_row_once")]
        indexes = [models.Index(fields=["table", "state", "number"], name="batch_row_by_state")]

    def __str__(self) -> str:
        return f"Row {self.number}"
