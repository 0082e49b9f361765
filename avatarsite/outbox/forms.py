from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils import timezone

from avatarsite.outbox.event_types import EVERY, KINDS
from avatarsite.outbox.models import URL_LENGTH, Endpoint

CHOICES = [(EVERY, "Everything, also what comes later"), *((kind, kind) for kind in KINDS)]


class EndpointForm(forms.Form):
    url = forms.CharField(
        label="Address",
        max_length=URL_LENGTH,
        help_text="A public https address of your receiver.",
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/avatar-studio", "spellcheck": "false"}),
        error_messages={"required": "Write the address of your receiver, such as https://example.com/hooks."},
    )
    description = forms.CharField(
        label="Name", max_length=120, required=False, help_text="For you; shown in place of the address."
    )
    kinds = forms.MultipleChoiceField(
        label="Events",
        choices=CHOICES,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one kind of event."},
    )

    def __init__(self, data: Any = None, endpoint: Endpoint | None = None) -> None:
        first: dict[str, Any] = {"kinds": [EVERY]}
        if endpoint:
            first = {"kinds": endpoint.kinds, "url": endpoint.url, "description": endpoint.description}
        super().__init__(data, initial=first)


class RotateForm(forms.Form):
    overlap = forms.TypedChoiceField(
        label="The old secret signs, too, for",
        choices=[(86_400, "a day"), (3_600, "an hour"), (604_800, "a week"), (0, "no longer: it has leaked")],
        coerce=int,
    )


class ReplayForm(forms.Form):
    since = forms.DateTimeField(
        label="Every event since (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        error_messages={"required": "Choose a time.", "invalid": "Write a time such as 2027-05-01T12:00."},
    )

    def clean_since(self) -> datetime:
        since: datetime = self.cleaned_data["since"].astimezone(UTC)
        if since > timezone.now():
            raise forms.ValidationError("This time has not come yet. Choose an earlier one.")
        return since
