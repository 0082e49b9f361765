from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from avatarsite.ids import LENGTH, new_id
from avatarsite.outbox.models import URL_LENGTH
from avatarsite.queue.due_rows import DueRow
from avatarsite.workspaces.models import ApiToken, Workspace
from studio.models.projects import Project
from studio.models.tags import Tag
from studio.models.tenancy import OwnedQuerySet
from studio.models.uploads import Upload


def render_id() -> str:
    return new_id("rnd")


def group_id() -> str:
    return new_id("grp")


class RenderState(models.TextChoices):
    SPEAKING = "speaking", "Speaking"
    QUEUED = "queued", "Queued"
    SUBMITTING = "submitting", "Sending"
    RENDERING = "rendering", "Rendering"
    INGESTING = "ingesting", "Copying"
    JOINING = "joining", "Joining"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class WithheldFor(models.TextChoices):
    FLAGGED = "flagged", "Marked by the content check"
    UNCHECKED = "unchecked", "Its content could not be checked"
    OPERATOR = "operator", "Withheld by the operator"


ENDED = (RenderState.READY, RenderState.FAILED, RenderState.CANCELLED)
ALIVE = (
    RenderState.SPEAKING,
    RenderState.QUEUED,
    RenderState.SUBMITTING,
    RenderState.RENDERING,
    RenderState.INGESTING,
    RenderState.JOINING,
)


class RenderQuerySet(OwnedQuerySet["Render"]):
    def for_workspace(self, workspace: Workspace) -> Self:
        """The videos that its people see: not what is in the bin. A part of a long one is none: its whole is."""
        return self.filter(workspace=workspace, whole=None, purge_at=None)

    def with_binned(self, workspace: Workspace) -> Self:
        return self.with_parts(workspace).filter(whole=None)

    def with_parts(self, workspace: Workspace) -> Self:
        """All that is made for a workspace: binned videos and the parts of long ones as well."""
        return super().for_workspace(workspace)

    def single(self) -> Self:
        """Those that are made by one job: the parts of long videos, and videos that have none."""
        return self.filter(parts_total=None)


class RenderGroup(models.Model):
    """Several renders asked for in one breath: takes of one input, or a batch."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=group_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="render_groups")
    is_batch = models.BooleanField("batch", default=False, help_text="Several requests, rather than takes of one.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet["RenderGroup"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], condition=models.Q(is_batch=True), name="batch_by_workspace"),
        ]

    def __str__(self) -> str:
        return self.id


class Render(DueRow):
    """One video asked for: one hold, one charge. Only ``studio/pipeline/states.py`` writes ``state``.

    One that is too long for any offer is a *whole*: its parts are renders with a hold and a charge each, of which it
    says the sum. Its own hold is of nothing, and its work is a row of ``Whole``.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=render_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="renders")
    project = models.ForeignKey(Project, models.PROTECT, related_name="renders")
    group = models.ForeignKey(RenderGroup, models.PROTECT, null=True, blank=True, related_name="renders")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    token = models.ForeignKey(ApiToken, models.PROTECT, null=True, blank=True, related_name="+")
    notify = models.BooleanField("mail when it ends", default=True)
    test = models.BooleanField(
        "test", default=False, help_text="Asked for with a test token: a draft, and no money moves."
    )
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)
    reference = models.CharField("customer's reference", max_length=200, blank=True)
    metadata = models.JSONField("customer's metadata", default=dict, blank=True)
    webhook_url = models.CharField("told alone of it", max_length=URL_LENGTH, blank=True)
    title = models.CharField(max_length=120)
    tags = models.ManyToManyField(Tag, blank=True, related_name="renders")
    is_tagged = True  # as far as is known: a query of many asks only for the tags of those that have any
    take = models.PositiveSmallIntegerField("take number", null=True, blank=True)
    # Of a part, the long video that it was asked for with; that one has the number of its parts.
    whole = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    parts_total = models.PositiveSmallIntegerField("number of parts", null=True, blank=True)

    portrait = models.ForeignKey(Upload, models.PROTECT, related_name="+")
    # Null until its script has been spoken.
    voice = models.ForeignKey(Upload, models.PROTECT, null=True, blank=True, related_name="+")
    speech = models.ForeignKey("studio.Speech", models.SET_NULL, null=True, blank=True, related_name="renders")
    model = models.CharField(max_length=60)
    offer = models.CharField(max_length=120)
    prompt = models.TextField(blank=True, max_length=2500)
    options = models.JSONField(default=dict, blank=True)
    routing = models.CharField(max_length=120, default="cheapest")
    fallback = models.BooleanField("fallback allowed", default=True)
    why = models.CharField("reason for the offer", max_length=200, blank=True)
    # Where it may go if no provider has taken it yet: [{"offer": …, "price": id of the price row}], best first.
    fallbacks = models.JSONField(default=list, blank=True)

    # Of a paid video, who has stated the right to its {portrait, voice}: {by, at, version, token}, null for our own.
    rights = models.JSONField("rights stated", default=dict, blank=True)

    price = models.ForeignKey("billing.Price", models.PROTECT, related_name="+")
    ceiling_ms = models.PositiveIntegerField("maximum billed length (ms)")
    ceiling_micros = models.BigIntegerField("maximum charge (micros)")
    hold = models.OneToOneField("billing.Hold", models.PROTECT, related_name="+")

    state = models.CharField(max_length=12, choices=RenderState.choices, default=RenderState.QUEUED)
    state_since = models.DateTimeField()
    deadline_at = models.DateTimeField("overdue at", null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    # While a provider has it: the seconds that half of such videos and nine in ten took there, by our own last ones,
    # when it is later than those, and when that was told.
    usual_half = models.PositiveIntegerField("half took (s)", null=True, blank=True)
    usual_most = models.PositiveIntegerField("nine in ten took (s)", null=True, blank=True)
    late_at = models.DateTimeField("late at", null=True, blank=True)
    late_told_at = models.DateTimeField("told to be late at", null=True, blank=True)
    give_up_at = models.DateTimeField("given up at, as its customer wished", null=True, blank=True)
    # People who asked on its page to be told of its end.
    mail_to = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="+")

    video = models.FileField(max_length=200, null=True, blank=True)
    poster = models.FileField(max_length=200, null=True, blank=True)
    video_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    video_sha256 = models.CharField(max_length=64, blank=True)
    measured_ms = models.PositiveIntegerField("measured length (ms)", null=True, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    seed = models.PositiveBigIntegerField(null=True, blank=True)
    nsfw_content = models.BooleanField("NSFW content", null=True, blank=True)
    # While it is withheld its files stay here, and nobody is given them: studio/pipeline/content/withhold.py.
    withheld_at = models.DateTimeField(null=True, blank=True)
    withheld_for = models.CharField(max_length=10, blank=True, choices=WithheldFor.choices)
    withheld_why = models.CharField("reason, told its customer", max_length=150, blank=True)

    delete_at = models.DateTimeField("delete files at", null=True, blank=True)
    files_deleted_at = models.DateTimeField(null=True, blank=True)
    purge_at = models.DateTimeField("in the bin until", null=True, blank=True)
    charge_micros = models.BigIntegerField(null=True, blank=True)
    returned_micros = models.BigIntegerField("returned charge (micros)", default=0)
    returned_at = models.DateTimeField("charge returned at", null=True, blank=True)
    returned_reason = models.CharField("reason for the return", max_length=150, blank=True)
    failure_code = models.CharField(max_length=60, blank=True)
    failure_message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RenderQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="render_by_workspace"),
            models.Index(fields=["project", "-id"], name="render_by_project"),
            models.Index(
                fields=["workspace", "reference"], condition=~models.Q(reference=""), name="render_by_reference"
            ),
            # Both are null once a render has ended. By its state SQLite could not see that a question fits an index.
            models.Index(fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="render_due"),
            models.Index(fields=["deadline_at"], condition=models.Q(deadline_at__isnull=False), name="render_overdue"),
            # What lives, by its state: the first page of the admin site counts it.
            models.Index(
                fields=["state", "state_since"], condition=models.Q(deadline_at__isnull=False), name="render_living"
            ),
            # What the limits of drafts count; see studio/pipeline/request/limits.py.
            models.Index(fields=["workspace"], condition=models.Q(next_try_at__isnull=False), name="render_waiting"),
            models.Index(fields=["workspace", "created_at"], condition=models.Q(ceiling_micros=0), name="render_free"),
            models.Index(
                fields=["late_at"],
                condition=models.Q(late_at__isnull=False, late_told_at__isnull=True),
                name="render_late",
            ),
            models.Index(fields=["give_up_at"], condition=models.Q(give_up_at__isnull=False), name="render_give_up"),
            models.Index(fields=["delete_at"], condition=models.Q(delete_at__isnull=False), name="render_to_delete"),
            models.Index(fields=["purge_at"], condition=models.Q(purge_at__isnull=False), name="render_to_purge"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "idempotency_key"], name="render_asked_once"),
            models.CheckConstraint(condition=models.Q(state__in=RenderState.values), name="render_state_known"),
            models.CheckConstraint(
                condition=~models.Q(state="ready")
                | models.Q(charge_micros__isnull=False, measured_ms__isnull=False, video__isnull=False),
                name="render_ready_means_charged",
            ),
            models.CheckConstraint(
                condition=models.Q(charge_micros__isnull=True)
                | models.Q(charge_micros__gte=0, charge_micros__lte=models.F("ceiling_micros")),
                name="render_charge_under_ceiling",
            ),
            models.CheckConstraint(
                condition=models.Q(withheld_at__isnull=True, withheld_for="")
                | models.Q(withheld_at__isnull=False, withheld_for__in=WithheldFor.values),
                name="render_withheld_for_something",
            ),
            models.CheckConstraint(
                condition=models.Q(returned_micros=0, returned_at__isnull=True)
                | models.Q(returned_micros=models.F("charge_micros"), returned_at__isnull=False),
                name="render_returned_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def sound(self) -> Upload:
        """Its voice, once it has one: everything behind the queue works with it."""
        assert self.voice is not None  # noqa: S101 -- studio/pipeline/spoken.py lets it into the queue with one
        return self.voice

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def is_whole(self) -> bool:
        return self.parts_total is not None

    @property
    def unconfirmed(self) -> bool:
        """Whether it was sent, and nobody has confirmed yet that it was taken."""
        return self.state == RenderState.SUBMITTING and self.tries > 1

    @property
    def late(self) -> bool:
        """Whether its provider has had it for longer than nine in ten."""
        return self.state == RenderState.RENDERING and self.late_at is not None and self.late_at <= timezone.now()

    @property
    def given_out(self) -> bool:
        """Whether it has a file that people are given."""
        return bool(self.video) and self.withheld_at is None

    @property
    def still(self) -> FieldFile | None:
        """Its poster, as far as people are given it."""
        return self.poster if self.poster and self.withheld_at is None else None

    @property
    def paid_micros(self) -> int:
        """What the customer has paid for it in the end: nothing before it is charged, or after it was given back."""
        return (self.charge_micros or 0) - self.returned_micros


class RenderEvent(models.Model):
    """One line of a render's history, written with the change it speaks of."""

    render = models.ForeignKey(Render, models.CASCADE, related_name="events")
    from_state = models.CharField(max_length=12, blank=True)
    to_state = models.CharField(max_length=12)
    reason = models.CharField(max_length=200)
    detail = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.from_state or 'asked'} to {self.to_state}: {self.reason}"
