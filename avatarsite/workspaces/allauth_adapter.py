"""What allauth asks of us: names, mails, and which address counts as confirmed."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib import messages
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.urls import reverse

from avatarsite.ids import new_id
from avatarsite.mail.messages import absolute, write_mail
from avatarsite.service.switches import SIGN_UP, is_on
from avatarsite.workspaces import suspension
from avatarsite.workspaces.create import tidy_name
from avatarsite.workspaces.encryption import Unreadable, decrypt, encrypt
from avatarsite.workspaces.invitations import pending
from avatarsite.workspaces.models import User

MAIL_SENT_TO = "mail_sent_to"  # in the session
log = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, str]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": "This account is switched off. Write to the people who run this site.",
        "duplicate_email": "That is your e-mail address already.",
        "email_password_mismatch": "No account has this e-mail address and password. Check both and try again.",
        "email_taken": "Another account uses this e-mail address.",
        "enter_current_password": "This is not your present password.",
        "incorrect_code": "This code is not right, or it is too old. Codes change every 30 seconds.",
        "incorrect_password": "This is not your password.",
        "too_many_login_attempts": "Too many attempts. Wait five minutes, then try again.",
        "rate_limited": "Too many attempts. Wait a few minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return is_on(SIGN_UP) and bool(super().is_open_for_signup(request))

    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:
        user.name = tidy_name(form.cleaned_data.get("name", ""), limit=120)
        saved: User = super().save_user(request, user, form, commit=commit)
        return saved

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        """Who came by the mailed link of an open invitation has shown that mail to its address reaches them."""
        invitation = pending.open_invitation(request)
        return invitation is not None and invitation.email == email.lower()

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Refuse an address that another account signed up with but hasn't confirmed; allauth looks past those."""
        others = User.objects.exclude(pk=email_address.user_id)
        if others.filter(email=email_address.email).exists():
            messages.error(request, f"Another account uses {email_address.email}. Choose a different address.")
            return False
        return bool(super().confirm_email(request, email_address))

    def pre_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse | None:
        answer: HttpResponse | None = super().pre_login(request, user, **more)
        workspace = None if answer else suspension.kept_out_of(user)
        if workspace is None:
            return answer
        return render(request, "account/suspended.html", {"suspended": workspace}, status=403)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("invitation") if pending.open_invitation(request) else str(resolve_url("home"))

    get_signup_redirect_url = get_login_redirect_url

    def respond_email_verification_sent(self, request: HttpRequest, user: User | None) -> HttpResponse:
        """The next page names the address: as it was typed, so that it tells nobody who has an account."""
        typed = request.POST.get("email") or request.POST.get("login") or (user.email if user else "")
        request.session[MAIL_SENT_TO] = typed.strip().lower()
        answer: HttpResponse = super().respond_email_verification_sent(request, user)
        return answer

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return absolute(request, reverse("account_confirm_email", args=[emailconfirmation.key]))

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return absolute(self.request, path.replace("UID-KEY", key))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Owe the mail: nobody waits for a mail server here, and how long it took tells nobody who has an account."""
        links = {
            "site_url": absolute(self.request, "/").rstrip("/"),
            "signup_url": absolute(self.request, reverse("account_signup")),
            "forgot_url": absolute(self.request, reverse("account_reset_password")),
        }
        with transaction.atomic():
            kind = template_prefix.rpartition("/")[2]
            write_mail(kind, new_id("acc"), email, template_prefix, {**context, **links}, secret=True)


class TwoFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seeds of second factors are encrypted in the database."""

    error_messages: ClassVar[dict[str, str]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code is not right, or it is too old. Codes change every 30 seconds.",
    }

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002 -- as allauth asks
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return f"Passkey {count + 1}" if count else "My passkey"

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """The seed. One that can't be read is answered with a made-up one: no code fits it, and nothing breaks."""
        try:
            return decrypt(encrypted_text)
        except Unreadable:
            log.exception("The seed of a second factor can't be read.")
            made_up: str = generate_totp_secret()
            return made_up
