"""Account of a person who wants to go: undone for two weeks, then every workspace is left, and nothing names them.

What only they are in is closed with them. Nobody leaves others without an owner: that is said before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.legal.models import Acceptance
from avatarsite.mail.messages import write_mail
from avatarsite.mail.models import MailMessage
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import Kind
from avatarsite.workspaces.errors import CannotClose
from avatarsite.workspaces.leaving import end_access
from avatarsite.workspaces.members import one_at_a_time
from avatarsite.workspaces.models import ApiToken, Invitation, Member, PastMember, Role, User, Workspace
from studio.lifecycle import closing
from studio.lifecycle.closing import GRACE
from studio.lifecycle.models import CLOSING, DEPARTING, Closing, ClosingState, Departure, DepartureState
from studio.misuse.models import MisuseReport

LEASE = timedelta(minutes=15)
LOOK_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Ties:
    """What becomes of somebody's workspaces: closed with them, left, or in the way until somebody else owns them."""

    closes: list[Member]
    leaves: list[Member]
    against: list[str]


def ties_of(user: User) -> Ties:
    found = Ties([], [], [])
    members = Member.objects.filter(user=user, workspace__closed_at=None).select_related("workspace", "user")
    for member in members.order_by("pk"):
        others = Member.objects.filter(workspace=member.workspace).exclude(pk=member.pk)
        if member.role != Role.OWNER or others.filter(role=Role.OWNER, user__is_active=True).exists():
            found.leaves.append(member)
        elif count := others.count():
            people = "one other person" if count == 1 else f"{count} other people"
            whom = f"{member.workspace} has {people} and no owner but you."
            found.against.append(f"{whom} Hand it over to one of them, or close it, first.")
        elif member.workspace.suspended_at and not member.workspace.closes_at:
            found.against.append(f"{member.workspace} is suspended. Write to the people who run this site first.")
        else:
            found.closes.append(member)
    return found


def open_departure(user: User) -> Departure | None:
    return Departure.objects.filter(user=user, state__in=DEPARTING).first()


def begin(user: User) -> Departure:
    """From now on it ends in two weeks; workspaces of theirs alone are shut at once, and so are all their tokens.

    Raises CannotClose with what stands against it.
    """
    if user.is_staff or user.is_superuser:
        raise CannotClose("An account of staff is closed by a superuser, in the admin site.")
    now = timezone.now()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if open_departure(user):
            raise CannotClose("Your account is being closed already.")
        ties = ties_of(user)
        if ties.against:
            raise CannotClose(" ".join(ties.against))
        departure = Departure.objects.create(user=user, ends_at=now + GRACE, next_try_at=now)
        for member in ties.closes:
            if member.workspace.suspended_at is None:
                closing.begin(member, until=departure.ends_at)
        ApiToken.objects.filter(maker__user=user, revoked_at=None).update(revoked_at=now)
        what = f"{user.email} is leaving; that can be undone until {departure.ends_at:%-d %B %Y}"
        record("account.closing", what, target=user.email, by=user)
        _mail(departure, "begun", user.email)
        jobs.enqueue("studio.move_departure", departure_pk=departure.pk)
    return departure


def undo(departure: Departure) -> bool:
    """The account stays, and so do the workspaces that were shut with it. False if it is too late."""
    now = timezone.now()
    with transaction.atomic():
        found = Departure.objects.filter(pk=departure.pk, state=DepartureState.GRACE, ends_at__gt=now)
        if not found.update(state=DepartureState.UNDONE, next_try_at=None, ended_at=now):
            return False
        theirs = Closing.objects.filter(asked_by=departure.user, ends_at=departure.ends_at, state=ClosingState.GRACE)
        for one in theirs.select_related("workspace"):
            closing.have_back(one, by=departure.user)
        record("account.kept", f"{departure.user.email} stays", target=departure.user.email, by=departure.user)
    return True


def move_departure(departure_pk: int) -> None:
    """Do what is next for one that is due."""
    departure = Departure.objects.select_related("user").filter(pk=departure_pk, state__in=DEPARTING).first()
    if departure is None or not departure.claim(LEASE):
        return
    if departure.ends_at > timezone.now():
        departure.put_off(departure.ends_at - timezone.now(), tries=0)
        return
    if waits := _why_not_yet(departure):
        departure.put_off(LOOK_AGAIN, tries=0, why=waits[:500])
        return
    _erase(departure)


def _why_not_yet(departure: Departure) -> str:
    """What has to end before; a workspace that came meanwhile is shut now. From now on nobody signs in."""
    ties = ties_of(departure.user)
    if ties.against:
        return " ".join(ties.against)
    if departure.state == DepartureState.GRACE:
        departure.write(state=DepartureState.WAITING)
    for member in ties.closes:
        if member.workspace.suspended_at is None:
            closing.begin(member, until=timezone.now())
    User.objects.filter(pk=departure.user_id).update(is_active=False)
    theirs = Closing.objects.filter(asked_by=departure.user, state__in=CLOSING).select_related("workspace")
    return " ".join(f"{one.workspace} is not closed yet." for one in theirs)


def _erase(departure: Departure) -> None:
    """Leave every workspace, and take the name off all that has to stay."""
    user, email = departure.user, departure.user.email
    with transaction.atomic():
        if not departure.finish(state=DepartureState.GONE, ended_at=timezone.now(), why=""):
            return
        for workspace in Workspace.objects.filter(memberships__user=user).order_by("pk"):
            with one_at_a_time(workspace):
                member = Member.objects.select_related("user", "workspace").get(workspace=workspace, user=user)
                end_access(member, by=user, how="has closed their account")
                member.delete()
        MailMessage.objects.filter(to=email).delete()
        Invitation.objects.filter(email=email).delete()
        PastMember.objects.filter(user=user).delete()
        MisuseReport.objects.filter(email=email).update(email="")
        EmailAddress.objects.filter(user=user).delete()
        Authenticator.objects.filter(user=user).delete()
        UserSession.objects.filter(user=user).delete()
        Acceptance.objects.filter(user=user).update(address=None)
        record("account.closed", f"The account {user.pk} is closed", target=str(user.pk), by=None)
        _mail(departure, "done", email)
        user.email, user.name, user.is_active = f"closed-{user.pk}@account.invalid", "", False
        user.set_unusable_password()
        user.save(update_fields=["email", "name", "is_active", "password"])


def _mail(departure: Departure, what: str, to: str) -> None:
    link = settings.SITE_URL + reverse("account_close")
    about = f"{departure.pk}:{what}"
    write_mail(
        "account_closing", about, to, "studio/mail/account", {"departure": departure, "what": what, "link": link}
    )


KIND = Kind(
    "departure",
    Departure.objects.filter(state__in=DEPARTING).all,
    task="studio.move_departure",
    argument="departure_pk",
)
