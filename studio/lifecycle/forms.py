from __future__ import annotations

from typing import Any

from django import forms

from avatarsite.workspaces.models import User
from studio.videos.retention import MAX_DAYS


class RetentionForm(forms.Form):
    days = forms.IntegerField(
        label="Delete videos and uploads after this many days",
        min_value=1,
        max_value=MAX_DAYS,
        required=False,
        help_text="Empty: they are kept until somebody deletes them.",
        error_messages={
            "invalid": "Write a number of days such as 30, or nothing to keep all.",
            "min_value": "Write at least 1 day, or nothing to keep all.",
            "max_value": f"Write at most {MAX_DAYS} days, or nothing to keep all.",
        },
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


class ConfirmForm(forms.Form):
    """What is about to go is typed, and the password with it, where there is one."""

    typed = forms.CharField(
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}),
        error_messages={"required": "Type it, so that nothing is closed by mistake."},
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": "Type your password."},
    )

    def __init__(self, *args: Any, user: User, expected: str, label: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user, self._expected = user, expected
        self.fields["typed"].label = label
        if not user.has_usable_password():
            del self.fields["password"]

    def clean_typed(self) -> str:
        typed = str(self.cleaned_data["typed"])
        if typed.strip().casefold() != self._expected.casefold():
            raise forms.ValidationError(f"This is not the same. Type “{self._expected}”.")
        return typed

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if not self._user.check_password(password):
            raise forms.ValidationError("This is not your password.")
        return password
