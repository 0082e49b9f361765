"""People, the workspaces that own everything, and who belongs where."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models, transaction

from avatarsite.ids import LENGTH, new_id


def workspace_id() -> str:
    return new_id("ws")


def token_id() -> str:
    return new_id("tok")


class UserManager(DjangoUserManager["User"]):
    """People are known by their e-mail address, kept in lower case.

    Whoever calls create_user is a program of ours (createsuperuser, the demo's seed, a test), so the address counts
    as confirmed. People who sign up are made by allauth and have to confirm theirs.
    """

    def _create_user(self, email: str, password: str | None, **extra: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        with transaction.atomic(using=self._db):
            user.save(using=self._db)
            # By name, because allauth's models need ours first.
            addresses = apps.get_model("account", "EmailAddress").objects.using(self._db)
            addresses.create(user=user, email=user.email, verified=True, primary=True)
        return user

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:  # type: ignore[override]
        return self._create_user(email, password, **extra)

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:  # type: ignore[override]
        return self._create_user(email, password, **{"is_staff": True, "is_superuser": True, **extra})


class User(AbstractUser):
    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=120, blank=True)
    mail_finished = models.BooleanField("mail about finished videos", default=True)
    mail_endpoint = models.BooleanField("mail about webhooks that stop", default=True)
    mail_summary = models.BooleanField("mail with a month’s summary", default=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()  # type: ignore[misc]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email.split("@")[0]


class Workspace(models.Model):
    """The tenant. Everything belongs to one; nothing crosses."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=workspace_id, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)
    suspended_at = models.DateTimeField("suspended or closed at", null=True, blank=True)
    suspended_reason = models.CharField("why, as its people read it", max_length=200, blank=True)
    # While it is being closed by an owner: until when one can have it back.
    closes_at = models.DateTimeField("can be had back until", null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    members: models.ManyToManyField[User, Member] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="workspaces.Member", related_name="workspaces"
    )

    class Meta:
        permissions = [("suspend_workspace", "Can suspend, resume and close a workspace")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(closed_at__isnull=True) | models.Q(suspended_at__isnull=False),
                name="workspace_closed_is_suspended",
            ),
            models.CheckConstraint(
                condition=models.Q(closes_at__isnull=True) | models.Q(suspended_at__isnull=False),
                name="workspace_closing_is_suspended",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    DEVELOPER = "developer", "Developer"
    MEMBER = "member", "Member"
    BILLING = "billing", "Billing manager"
    VIEWER = "viewer", "Viewer"

    def in_a_sentence(self) -> str:
        """``an owner``, ``a member``."""
        word = str(self.label).lower()
        return f"an {word}" if word[0] in "aeiou" else f"a {word}"


# Nobody is invited as an owner: ownership is handed over to somebody who is already there.
INVITED_ROLES = [(role.value, role.label) for role in Role if role != Role.OWNER]


class Member(models.Model):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    # Deleting a person could leave a workspace without an owner; people are switched off (is_active) instead.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="member_once_per_workspace"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="member_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"

    def as_role(self) -> str:
        return Role(self.role).in_a_sentence()


class Invitation(models.Model):
    """An open door for one e-mail address. The link's token is kept as a hash, so a copy of the table opens nothing."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=INVITED_ROLES, default=Role.MEMBER)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField("current link mailed at")
    sends = models.PositiveSmallIntegerField(default=1)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "email"],
                condition=models.Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_open_once_per_email",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=[role for role, _ in INVITED_ROLES]), name="invitation_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.workspace}"

    def as_role(self) -> str:
        return Role(self.role).in_a_sentence()


# Money and people are nobody's who came by themselves.
JOINING_ROLES = [(role.value, role.label) for role in (Role.DEVELOPER, Role.MEMBER, Role.VIEWER)]


class MailDomain(models.Model):
    """A mail domain that an owner has named. Once it is proved, whoever signs in with an address of it joins.

    Only ``avatarsite/workspaces/domains/`` writes here.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="mail_domains")
    name = models.CharField(max_length=253)
    role = models.CharField(max_length=10, choices=JOINING_ROLES, default=Role.MEMBER)
    proof = models.CharField("what its record in DNS says", max_length=60)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField("looked for last", null=True, blank=True)
    proved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="mail_domain_once_per_workspace"),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(proved_at__isnull=False), name="mail_domain_proved_once"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=[role for role, _ in JOINING_ROLES]), name="mail_domain_role_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def as_role(self) -> str:
        return Role(self.role).in_a_sentence()


class PastMember(models.Model):
    """Somebody who has left a workspace or was removed: its mail domain does not let them in again."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="past_member_once")]

    def __str__(self) -> str:
        return f"{self.user} of {self.workspace}"


class Scope(StrEnum):
    """How far a token reaches; ``access.GRANTED`` says what each of them may do."""

    READ = "read"
    RENDER = "render"
    BILLING = "billing"
    WEBHOOKS = "webhooks"
    ADMIN = "admin"


class ApiToken(models.Model):
    """A key of the workspace for programs. It is kept as a hash, so a copy of the table opens nothing.

    Only ``avatarsite/workspaces/tokens.py`` writes here.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=token_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="tokens")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    # Its rights are never more than this member's; it stops with the membership, and a new one doesn't wake it.
    maker = models.ForeignKey(Member, models.SET_NULL, null=True, blank=True, related_name="tokens")
    name = models.CharField(max_length=60)
    prefix = models.CharField("token prefix", max_length=20)
    token_hash = models.CharField("SHA-256 of the secret", max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    test = models.BooleanField("test token", default=False)
    # The id of the first token of a line of rotations, so that its caps and counts outlive a rotation.
    lineage = models.CharField(max_length=LENGTH)
    monthly_cap_micros = models.BigIntegerField(null=True, blank=True)
    # What it may spend at once without a person's yes; empty is any amount.
    ask_above_micros = models.BigIntegerField("asks above (micros)", null=True, blank=True)
    # Version of the wording in which its maker stated the right to all faces and voices that it sends; empty if not.
    rights = models.CharField("rights stated", max_length=20, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField("last used at", null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="token_by_workspace")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(monthly_cap_micros__isnull=True) | models.Q(monthly_cap_micros__gte=0),
                name="token_cap_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(ask_above_micros__isnull=True) | models.Q(ask_above_micros__gte=0),
                name="token_asks_above_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
