"""Forms of the acts that staff do to one row."""

from __future__ import annotations

from django import forms

REASON_LENGTH = 150


class ActForm(forms.Form):
    """``token`` is made with the empty form, so that the same form sent twice acts once."""

    token = forms.UUIDField(
        widget=forms.HiddenInput, error_messages={"required": "This form came without its token; open it again."}
    )


class InternalReasonForm(ActForm):
    reason = forms.CharField(max_length=REASON_LENGTH, help_text="Kept in the audit log; the customer does not see it.")


class ToldReasonForm(ActForm):
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        help_text="The customer reads this, too.",
        error_messages={"required": "Write why; the customer reads it, too."},
    )
