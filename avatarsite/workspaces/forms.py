"""The forms of people and workspaces; allauth's own, in our words."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, cast

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from avatarsite.amounts import AmountField
from avatarsite.legal.rights import OF_A_PROGRAM
from avatarsite.workspaces.access import scopes_within
from avatarsite.workspaces.create import NAME_LENGTH
from avatarsite.workspaces.emails import delete_unconfirmed
from avatarsite.workspaces.errors import TokenRefused
from avatarsite.workspaces.invitations import invitations, pending
from avatarsite.workspaces.models import INVITED_ROLES, JOINING_ROLES, Role, Scope, User
from avatarsite.workspaces.tokens import NAME_LENGTH as TOKEN_NAME_LENGTH
from avatarsite.workspaces.tokens import revoke_all_of, working_tokens_of

PASSWORD_HINT = "At least 10 characters. A few words that only you would put together work well."  # noqa: S105
ONE_TIME = {"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}


class InOurWords(forms.BaseForm):
    """Labels and hints in place of allauth's placeholders, which vanish when one types."""

    labels: ClassVar[dict[str, str]] = {}
    hints: ClassVar[dict[str, str]] = {}
    attributes: ClassVar[dict[str, dict[str, str]]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = self.labels.get(name, field.label)
            field.help_text = self.hints.get(name, field.help_text)
            field.widget.attrs.pop("placeholder", None)
            field.widget.attrs.update(self.attributes.get(name, {}))


class SignInForm(InOurWords, account.LoginForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, str]] = {"login": "E-mail address"}


class SignUpForm(InOurWords, account.SignupForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, str]] = {"email": "E-mail address"}
    hints: ClassVar[dict[str, str]] = {"password1": PASSWORD_HINT}
    field_order = ["name", "email", "password1"]
    account_already_exists: bool

    name = forms.CharField(
        label="Your name", max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )

    def validate_unique_email(self, value: str) -> str:
        delete_unconfirmed(value)
        return str(super().validate_unique_email(value))

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """All or nothing; an address that somebody else took this very moment is answered like any taken address."""
        if self.account_already_exists:
            # As much work as a new account takes, so that the time tells nobody who has one.
            make_password(self.cleaned_data["password1"])
        try:
            with transaction.atomic():
                saved: tuple[User | None, HttpResponse | None] = super().try_save(request)
        except IntegrityError:
            if not User.objects.filter(email=self.cleaned_data["email"]).exists():
                raise
            self.account_already_exists = True
            saved = super().try_save(request)
        return saved

    def save(self, request: HttpRequest) -> User:
        """Who signs up by the link of an invitation is in the workspace with the same step."""
        user: User = super().save(request)
        invitation = pending.open_invitation(request)
        if invitation and invitation.email == user.email:
            member = invitations.accept(user, invitation.token_hash)
            pending.arrive(request, member.workspace)
        return user


class AddEmailForm(InOurWords, account.AddEmailForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, str]] = {"email": "New e-mail address"}


class EndsTokens(forms.Form):
    """A new password signs every other browser out; programs only on wish, for they would stand still."""

    user: User
    revoke_tokens = forms.BooleanField(
        required=False,
        label="Revoke my API tokens, too",
        help_text="Choose it if somebody may have been in your account. Programs that use them stop working at once.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.user is None or not working_tokens_of(self.user).exists():
            del self.fields["revoke_tokens"]

    def save(self) -> None:
        super().save()  # type: ignore[misc]
        if self.cleaned_data.get("revoke_tokens"):
            revoke_all_of(self.user)


class ChangePasswordForm(InOurWords, EndsTokens, account.ChangePasswordForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, str]] = {"oldpassword": "Present password", "password1": "New password"}
    hints: ClassVar[dict[str, str]] = {"password1": PASSWORD_HINT}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]


class SetPasswordForm(InOurWords, account.SetPasswordForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, str]] = {"password1": "New password"}
    hints: ClassVar[dict[str, str]] = {"password1": PASSWORD_HINT}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]


class AddPasskeyForm(InOurWords, webauthn.AddWebAuthnForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, str]] = {"name": "Name", "passwordless": "It signs me in by itself"}
    hints: ClassVar[dict[str, str]] = {
        "name": "To tell it from others, such as “My laptop”.",
        "passwordless": "Otherwise it is asked for beside the password.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["passwordless"].initial = True


class ResetPasswordForm(InOurWords, account.ResetPasswordForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, str]] = {"email": "E-mail address"}
    users: list[User]

    def clean_email(self) -> str:
        """Only an address that is theirs opens an account, not one that they mistyped as their next."""
        email = str(super().clean_email())
        self.users = [user for user in self.users if user.email == email.lower()]
        return email


class ResetPasswordKeyForm(InOurWords, EndsTokens, account.ResetPasswordKeyForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, str]] = {"password1": "New password"}
    hints: ClassVar[dict[str, str]] = {"password1": PASSWORD_HINT}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]


class ReauthenticateForm(InOurWords, account.ReauthenticateForm):  # type: ignore[misc]
    pass


class CodeForm(InOurWords, mfa.AuthenticateForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, str]] = {"code": "Code"}
    hints: ClassVar[dict[str, str]] = {"code": "Six digits from your authenticator app, or one of your recovery codes."}
    attributes: ClassVar[dict[str, dict[str, str]]] = {"code": ONE_TIME}


class ReauthenticateCodeForm(InOurWords, mfa.ReauthenticateForm):  # type: ignore[misc]
    labels = CodeForm.labels
    hints = CodeForm.hints
    attributes = CodeForm.attributes


class ActivateTwoFactorForm(InOurWords, totp.ActivateTOTPForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, str]] = {"code": "Code from the app"}
    hints: ClassVar[dict[str, str]] = {"code": "Six digits. They change every 30 seconds."}
    attributes: ClassVar[dict[str, dict[str, str]]] = {"code": {**ONE_TIME, "inputmode": "numeric"}}


class PersonForm(forms.ModelForm[User]):
    class Meta:
        model = User
        fields = ("name", "mail_finished", "mail_endpoint", "mail_summary")
        labels = {
            "name": "Your name",
            "mail_finished": "Mail me when my videos are finished, and about comments on them",
            "mail_endpoint": "Mail me when a webhook stops",
            "mail_summary": "Mail me the summary of each month",
        }
        help_texts = {
            "name": "Shown to the people you share a workspace with.",
            "mail_finished": "One mail for what was asked for together, when it took longer than 45 seconds.",
            "mail_endpoint": "To owners, admins and developers: its address takes nothing any more.",
            "mail_summary": "Of the workspaces where you get it. Mails about money and about signing in always come.",
        }
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}


class WorkspaceForm(forms.Form):
    name = forms.CharField(
        label="Name",
        max_length=NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        error_messages={"required": "Give the workspace a name."},
    )


class InvitationForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address",
        error_messages={
            "required": "Whom do you want to invite? Write their e-mail address.",
            "invalid": "This is not an e-mail address. Write one such as ada@example.org.",
        },
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        label="Role",
        choices=INVITED_ROLES,
        initial=Role.MEMBER,
        error_messages={"invalid_choice": "Choose one of the roles that are offered."},
    )


class DomainForm(forms.Form):
    name = forms.CharField(
        label="Mail domain",
        max_length=253,
        help_text="What stands behind the @ of your people’s addresses.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
        error_messages={"required": "Which domain? Write what stands behind the @, such as acme.example."},
    )
    role = forms.ChoiceField(
        label="They become",
        choices=JOINING_ROLES,
        initial=Role.MEMBER,
        error_messages={"invalid_choice": "Choose one of the roles that are offered."},
    )


class RoleForm(forms.Form):
    role = forms.ChoiceField(
        choices=Role.choices,
        error_messages={
            "required": "Choose a role.",
            "invalid_choice": "Choose one of the roles that are offered.",
        },
    )


SCOPES_IN_WORDS = {
    Scope.READ: "Read: see everything of the workspace",
    Scope.RENDER: "Render: read, upload, and make, stop and delete videos",
    Scope.BILLING: "Billing: see the balance, transactions and usage, and nothing else",
    Scope.WEBHOOKS: "Webhooks: read, and manage webhook endpoints",
    Scope.ADMIN: "Admin: all of these, and the settings of the workspace",
}


def ask_above_field() -> AmountField:
    return AmountField(
        label="Ask me above, in dollars",
        min_value=0,
        max_value=Decimal(1_000_000),
        decimal_places=6,
        required=False,
        help_text="What costs more waits for a person’s yes. Empty: it never asks.",
        error_messages={"invalid": "Write dollars such as 2 or 0.50; empty is never."},
    )


def micros_asked(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount * 1_000_000)


class TokenForm(forms.Form):
    """A token to be made."""

    name = forms.CharField(
        label="Name",
        max_length=TOKEN_NAME_LENGTH,
        help_text="Where it is used, such as “Shop, production”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Give the token a name that says where it is used."},
    )
    kind = forms.ChoiceField(
        label="Kind",
        choices=[
            ("live", "Live: makes videos and spends credit"),
            ("test", "Test: draft videos only, and no money moves"),
        ],
        initial="live",
        widget=forms.RadioSelect,
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        initial=[Scope.RENDER.value],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one. A token that may do nothing is of no use."},
    )
    days = forms.TypedChoiceField(
        label="Works for",
        choices=[
            ("", "until it is revoked"),
            (7, "7 days"),
            (30, "30 days"),
            (90, "90 days"),
            (365, "a year"),
        ],
        coerce=int,
        empty_value=None,
        required=False,
    )
    monthly_cap = AmountField(
        label="Monthly cap in dollars",
        min_value=Decimal("0.01"),
        max_value=Decimal(1_000_000),
        decimal_places=2,
        cents=True,
        required=False,
        help_text="The most that its videos may cost in a calendar month.",
        error_messages={
            "invalid": "Write dollars such as 20 or 12.50; empty is no cap.",
            "min_value": "A cap of nothing would refuse everything. Give at least $0.01, or no cap.",
        },
    )

    ask_above = ask_above_field()
    rights = forms.BooleanField(
        label=OF_A_PROGRAM,
        required=False,
        help_text="Without it each request for a paid video of a new face or voice has to say “rights”: true. Code "
        "that speaks a provider’s own protocol can’t say so.",
    )

    def __init__(self, *args: Any, role: str, **kwargs: Any) -> None:
        """``role`` is that of whoever makes it: scopes that reach further are not offered."""
        super().__init__(*args, **kwargs)
        within = scopes_within(list(Scope), role)
        choices = [(scope.value, words) for scope, words in SCOPES_IN_WORDS.items() if scope in within]
        cast(forms.MultipleChoiceField, self.fields["scopes"]).choices = choices

    def wish(self) -> dict[str, Any]:
        """What ``tokens.make_token`` takes, of a form that is valid."""
        asked = self.cleaned_data
        cap: Decimal | None = asked["monthly_cap"]
        return {
            "name": asked["name"],
            "rights": asked["rights"],
            "scopes": asked["scopes"],
            "test": asked["kind"] == "test",
            "expires_at": timezone.now() + timedelta(days=asked["days"]) if asked["days"] else None,
            "monthly_cap_micros": int(cap * 1_000_000) if cap is not None else None,
            "ask_above_micros": micros_asked(asked["ask_above"]),
        }


class AskForm(forms.Form):
    ask_above = ask_above_field()


class RotationForm(forms.Form):
    overlap = forms.ChoiceField(
        label="The old one works",
        choices=[("0", "no longer"), ("1", "for an hour more"), ("24", "for a day more"), ("168", "for a week more")],
        initial="24",
    )

    def wish(self) -> timedelta:
        """Raises TokenRefused without a choice."""
        if not self.is_valid():
            raise TokenRefused("overlap", "Choose how long the old token goes on working.")
        return timedelta(hours=int(self.cleaned_data["overlap"]))
