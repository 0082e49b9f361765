"""Usual routing of a workspace on the desk."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.read_only import DeletedAlone, customer
from studio.models import UsualRouting
from studio.pipeline.request import usual
from studio.pipeline.request.quote import CHEAPEST, FASTEST
from studio.providers.registry import PROVIDERS


class UsualRoutingForm(forms.ModelForm[UsualRouting]):
    routing = forms.ChoiceField(
        choices=[
            (CHEAPEST, "The cheapest"),
            (FASTEST, "The fastest"),
            *((name, label) for name, (label, _) in PROVIDERS.items() if name != "local"),
        ],
        help_text="Where a request names none. A request that names one gets what it names.",
    )


@admin.register(UsualRouting)
class UsualRoutingAdmin(DeletedAlone, ModelAdmin[UsualRouting]):
    work = Work.CUSTOMERS
    place = 60
    form = UsualRoutingForm
    list_display = ("workspace", "routing", "fallback", "reason")
    list_select_related = ("workspace",)
    search_fields = customer()
    autocomplete_fields = ("workspace",)

    def get_readonly_fields(self, request: HttpRequest, obj: UsualRouting | None = None) -> tuple[str, ...]:
        return ("workspace",) if obj else ()

    def save_model(self, request: HttpRequest, obj: UsualRouting, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        usual.forget(obj.pk)

    def delete_model(self, request: HttpRequest, obj: UsualRouting) -> None:
        workspace_id = obj.workspace_id  # which a deleted row has no more
        super().delete_model(request, obj)
        usual.forget(workspace_id)
