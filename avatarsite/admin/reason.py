"""An action of the admin site that asks for a reason before it acts on the chosen rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString

REASON_LENGTH = 150


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text="The customer reads this, too.",
        error_messages={"required": "Write why; the customer reads it, too."},
    )


def ask_reason(  # noqa: PLR0913 -- they are what the page shows
    page: admin.ModelAdmin[Any],
    request: HttpRequest,
    rows: Sequence[models.Model],
    *,
    action: str,
    act: str,
    told: Sequence[str],
) -> str | HttpResponse:
    """The reason that came with the request, or the page that asks for it. ``told`` is a sentence for each row."""
    form = ReasonForm(request.POST if "reason" in request.POST else None)
    if form.is_valid():
        return str(form.cleaned_data["reason"])
    context = {
        **page.admin_site.each_context(request),
        "title": act,
        "opts": page.opts,
        "list_url": reverse(admin_urlname(page.opts, SafeString("changelist"))),
        "rows": list(zip(rows, told, strict=True)),
        "act": act,
        "action": action,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "select_across": request.POST.get("select_across", "0"),
        "form": form,
    }
    return render(request, "admin/reason.html", context, status=400 if form.errors else 200)
