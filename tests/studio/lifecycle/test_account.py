"""A person closes their account: undone for two weeks, then nothing names them but what has to stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.apps import apps
from django.core import mail
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from avatarsite.audit.models import AuditEntry
from avatarsite.legal.acceptance import accept_at_sign_up
from avatarsite.legal.models import Acceptance
from avatarsite.mail.models import MailMessage
from avatarsite.mail.sender import send_due
from avatarsite.workspaces.create import create_workspace
from avatarsite.workspaces.errors import CannotClose
from avatarsite.workspaces.members import remove_member
from avatarsite.workspaces.models import ApiToken, Member, Role, User, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.ledger import posting
from billing.models import Transfer
from billing.verify import verification
from studio.lifecycle import account
from studio.lifecycle.closing import GRACE, move_closing
from studio.lifecycle.models import Closing, ClosingState, Departure, DepartureState
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def move(one: Departure, callbacks: DjangoCaptureOnCommitCallbacks) -> Departure:
    """As the sweep does, with the closings that it waits for."""
    for _ in range(5):
        now = timezone.now()
        Departure.objects.filter(next_try_at__isnull=False).update(next_try_at=now)
        Closing.objects.filter(next_try_at__isnull=False).update(next_try_at=now)
        with callbacks(execute=True):
            account.move_departure(one.pk)
            for closing in Closing.objects.all():
                move_closing(closing.pk)
    one.refresh_from_db()
    return one


def over() -> None:
    now = timezone.now()
    Departure.objects.update(ends_at=now)
    Closing.objects.update(ends_at=now)


def alone(user: User) -> Workspace:
    return Workspace.objects.get(memberships__user=user, memberships__role=Role.OWNER)


def test_who_owns_what_others_work_in_is_told_and_stays(cast: Cast) -> None:
    with pytest.raises(CannotClose) as refusal:
        account.begin(cast.alice)
    told = f"{cast.workspace} has 3 other people and no owner but you. Hand it over to one of them, or close it, first."
    assert refusal.value.sentence == told
    page = cast.browser(cast.alice).get(reverse("account_close")).content.decode()
    assert "Hand it over to one of them" in page
    assert "Close my account" not in page
    assert not Departure.objects.exists()


def test_address_and_password_are_typed(cast: Cast) -> None:
    emil, page = cast.browser(cast.emil), reverse("account_close")
    wrong = ({}, {"typed": cast.emil.email, "password": "x"}, {"typed": "x", "password": PASSWORD})
    assert [emil.post(page, sent).status_code for sent in wrong] == [422, 422, 422]
    assert emil.post(page, {"typed": cast.emil.email, "password": PASSWORD}).status_code == 302
    assert "you can undo it" in emil.get(page).content.decode()
    assert emil.post(page, {"typed": cast.emil.email, "password": PASSWORD}).status_code == 200
    assert Departure.objects.count() == 1


def test_staff_are_not_closed_here(admin_user: User) -> None:
    with pytest.raises(CannotClose):
        account.begin(admin_user)


def test_it_is_undone(cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    Member.objects.filter(workspace=cast.workspace, user=cast.emil).update(role=Role.ADMIN)
    token, _ = make_token(cast.workspace, user=cast.emil, name="His", scopes=["read"])
    one = account.begin(cast.emil)
    own = alone(cast.emil)
    assert own.closes_at == one.ends_at
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert move(one, django_capture_on_commit_callbacks).state == DepartureState.GRACE
    assert one.next_try_at is not None
    assert one.next_try_at > timezone.now() + GRACE - timedelta(minutes=5)
    client = Client()
    signed = client.post(reverse("account_login"), {"login": cast.emil.email, "password": PASSWORD})
    assert signed.status_code == 302
    assert client.post(reverse("account_stay"))["Location"] == reverse("profile")
    own.refresh_from_db()
    assert (own.suspended_at, Closing.objects.get().state) == (None, ClosingState.UNDONE)
    over()
    move(one, django_capture_on_commit_callbacks)
    assert User.objects.get(pk=cast.emil.pk).email == "emil@example.org"
    assert client.post(reverse("account_stay"))["Location"] == reverse("account_close")


def test_nothing_names_them_but_what_has_to_stay(
    cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    emil = cast.emil
    own, email = alone(emil), emil.email
    posting.grant(own, 1_000_000, key="g", reason="A gift", actor=emil)
    RecoveryCodes.activate(emil)
    accept_at_sign_up(emil)
    remove_member(cast.member(cast.alice), cast.member(cast.emil))
    Member.objects.create(workspace=cast.workspace, user=emil, role=Role.ADMIN)
    make_token(cast.workspace, user=emil, name="His", scopes=["read"])
    one = account.begin(emil)
    over()
    move(one, django_capture_on_commit_callbacks)
    emil.refresh_from_db()
    assert (one.state, one.next_try_at, one.why) == (DepartureState.GONE, None, "")
    assert (emil.email, emil.name, emil.is_active) == (f"closed-{emil.pk}@account.invalid", "", False)
    assert not emil.has_usable_password()
    own.refresh_from_db()
    assert (own.closed_at is not None, own.name) == (True, "Closed workspace")
    assert not Member.objects.filter(user=emil).exists()
    assert not ApiToken.objects.filter(made_by=emil, revoked_at=None).exists()
    assert not EmailAddress.objects.filter(user=emil).exists()
    assert not Authenticator.objects.filter(user=emil).exists()
    assert set(Acceptance.objects.filter(user=emil).values_list("address", flat=True)) == {None}
    assert Transfer.objects.filter(actor=emil).exists()
    assert verification.verify() == []
    send_due()
    assert mail.outbox[-1].subject == "Your account is closed"
    # The address stands nowhere any more, but in the audit log and in the last mails.
    assert places_of(email) == {"audit.AuditEntry", "mail.MailMessage"}
    # The last of the workspace that went with it, and of the account.
    subjects = sorted(MailMessage.objects.filter(to=email).values_list("subject", flat=True))
    assert subjects == ["Your account is closed"]
    assert AuditEntry.objects.filter(event="account.closed", target=str(emil.pk)).exists()
    signed = Client().post(reverse("account_login"), {"login": email, "password": PASSWORD})
    assert signed.status_code == 200
    assert "No account has this e-mail address" in signed.content.decode()


def test_every_row_of_a_person_goes_or_is_named_as_one_that_stays() -> None:
    """A model that somebody adds tomorrow, with rows of people in it, is found here."""
    theirs = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and field.related_model is User
        and not field.null
        and not model._meta.proxy
    }
    gone = {
        *("account.EmailAddress.user", "mfa.Authenticator.user", "usersessions.UserSession.user"),
        *("workspaces.Member.user", "workspaces.PastMember.user"),
    }
    assert theirs - gone == {
        "admin.LogEntry.user",  # of staff alone, whom nobody closes here
        "billing.PromotionUse.user",  # so that a code works once
        "legal.Acceptance.user",  # the proof that the terms were accepted, without the address it came from
        "lifecycle.Closing.asked_by",
        "lifecycle.Departure.user",
        "staff.StaffNote.author",
    }


def places_of(text: str) -> set[str]:
    """Every model with a column of text that has it."""
    found = set()
    for model in apps.get_models():
        columns = [
            field.name
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField)
        ]
        wanted = models.Q()
        for column in columns:
            wanted |= models.Q(**{f"{column}__icontains": text})
        if columns and not model._meta.proxy and model._meta.managed and model.objects.filter(wanted).exists():
            found.add(model._meta.label)
    return found


def test_it_waits_for_whoever_would_be_left_without_an_owner(
    cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    """Somebody may have become the last owner since, or have made another workspace."""
    Member.objects.filter(workspace=cast.workspace, user=cast.emil).update(role=Role.OWNER)
    one = account.begin(cast.emil)
    Member.objects.filter(workspace=cast.workspace, user=cast.alice).update(role=Role.ADMIN)
    made = create_workspace(cast.emil, "Made since")
    over()
    assert move(one, django_capture_on_commit_callbacks).state == DepartureState.GRACE
    assert one.why.startswith(f"{cast.workspace} has 3 other people and no owner but you.")
    Member.objects.filter(workspace=cast.workspace, user=cast.alice).update(role=Role.OWNER)
    move(one, django_capture_on_commit_callbacks)
    made.refresh_from_db()
    assert (one.state, made.closed_at is not None) == (DepartureState.GONE, True)
    assert cast.workspace.memberships.count() == 3
