"""Audit entries of people's own accounts: signing in, passwords, addresses and second factors."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from django.dispatch import Signal, receiver

from avatarsite.audit.record import record

SENTENCES: dict[Signal, tuple[str, str]] = {
    account.user_logged_in: ("account.signed_in", "{} signed in"),
    account.user_signed_up: ("account.signed_up", "{} signed up"),
    account.password_set: ("account.password_set", "{} set a password"),
    account.password_changed: ("account.password_changed", "{} changed their password"),
    account.password_reset: ("account.password_reset", "{} chose a new password by the mailed link"),
    account.email_changed: ("account.email_changed", "{} changed their e-mail address"),
    mfa.authenticator_added: ("account.factor_added", "{} added a second factor"),
    mfa.authenticator_removed: ("account.factor_removed", "{} removed a second factor"),
    mfa.authenticator_reset: ("account.factor_reset", "{} made new recovery codes"),
}


@receiver(list(SENTENCES), dispatch_uid="audit.accounts")
def _note(signal: Signal, user: Any, **_: Any) -> None:
    event, sentence = SENTENCES[signal]
    record(event, sentence.format(user.email), target=user.email, by=user)
