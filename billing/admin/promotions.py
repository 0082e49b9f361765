"""Promotion codes for staff: made here, looked at with all their uses, and stopped. What a code gave is never taken."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone

from avatarsite.admin.acts import form_page, row_url
from avatarsite.admin.base import ModelAdmin, TabularInline, Work
from avatarsite.admin.read_only import ReadOnly, customer
from avatarsite.amounts import AmountField
from avatarsite.workspaces.models import User
from billing.admin.base import dollars
from billing.models import PromotionCode, PromotionUse
from billing.models.ledger import MEMO_LENGTH
from billing.models.promotions import CODE_LENGTH
from billing.money import micros_of, usd
from billing.promotions import promotions


class CodeForm(forms.ModelForm[PromotionCode]):
    """A new code. What it gives is fixed from then on; until when and how often can be changed."""

    code = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=CODE_LENGTH,
        required=False,
        help_text="Letters, digits, dots and dashes; case does not matter. Empty: one that nobody can guess is made.",
        error_messages={"invalid": "The code may have letters, digits, dots, dashes and underscores only."},
    )
    amount = AmountField(label="Credit in dollars", min_value=Decimal("0.01"), max_digits=15, decimal_places=6)

    class Meta:
        model = PromotionCode
        fields = ("code", "reason", "credit_days", "starts_at", "ends_at", "most")
        help_texts = {
            "reason": "The customer reads this on the statement, and so does whoever asks why it was given.",
            "credit_days": "Counted from the moment at which it is redeemed. Empty: the credit never ends.",
            "starts_at": "In UTC.",
            "ends_at": "In UTC. Empty: until it is stopped.",
            "most": "By all workspaces together. Empty: no limit. Each workspace and each person redeems it once.",
        }

    def clean_code(self) -> str:
        word = str(self.cleaned_data["code"]).strip().upper() or promotions.new_word()
        if PromotionCode.objects.filter(code=word).exists():
            raise forms.ValidationError(f"There is a code {word} already; choose another word.")
        return word

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        try:
            self.instance.amount_micros = micros_of(amount)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        return amount

    def clean_credit_days(self) -> int | None:
        return _at_least_one(self.cleaned_data["credit_days"], "The credit lasts at least one day; empty is for ever.")

    def clean_most(self) -> int | None:
        return _at_least_one(self.cleaned_data["most"], "It can be redeemed at least once; empty is without limit.")

    def clean(self) -> dict[str, Any]:
        facts: dict[str, Any] = super().clean() or {}
        _refuse_early_end(self, facts.get("starts_at"), facts.get("ends_at"))
        return facts


class CodeChangeForm(forms.ModelForm[PromotionCode]):
    class Meta:
        model = PromotionCode
        fields = ("ends_at", "most")

    def clean_most(self) -> int | None:
        most: int | None = self.cleaned_data["most"]
        if most is not None and most < max(self.instance.redeemed, 1):
            raise forms.ValidationError(
                f"It was redeemed {self.instance.redeemed} times already; write that or more, or stop the code."
            )
        return most

    def clean(self) -> dict[str, Any]:
        facts: dict[str, Any] = super().clean() or {}
        _refuse_early_end(self, self.instance.starts_at, facts.get("ends_at"))
        return facts


def _at_least_one(number: int | None, sentence: str) -> int | None:
    if number == 0:
        raise forms.ValidationError(sentence)
    return number


def _refuse_early_end(form: forms.BaseForm, starts_at: Any, ends_at: Any) -> None:
    if starts_at and ends_at and ends_at <= starts_at:
        form.add_error("ends_at", "It ends before it starts; choose a later moment.")


class StopForm(forms.Form):
    reason = forms.CharField(max_length=MEMO_LENGTH, help_text="For the history of this code; customers don't see it.")


class UseInline(ReadOnly, TabularInline[PromotionUse, PromotionCode]):
    model = PromotionUse
    fields = readonly_fields = ("workspace", "user", "lot", "created_at")
    extra = 0
    max_num = 0
    ordering = ("-pk",)
    verbose_name_plural = "redeemed by (the newest hundred)"

    def get_queryset(self, request: HttpRequest) -> Any:
        newest = PromotionUse.objects.order_by("-pk").values("pk")
        code_id = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        shown = newest.filter(code_id=code_id)[:100] if code_id and code_id.isdecimal() else newest.none()
        found = super().get_queryset(request).select_related("workspace", "user", "lot")
        return found.filter(pk__in=[row["pk"] for row in shown])


@admin.register(PromotionCode)
class PromotionCodeAdmin(ModelAdmin[PromotionCode]):
    work = Work.MONEY
    place = 55
    list_display = (
        "code",
        dollars("amount_micros", "Credit"),
        "state",
        "redeemed",
        "at_most",
        "ends",
        "says",
        "made_by",
    )
    list_filter = (("stopped_at", admin.EmptyFieldListFilter), "starts_at")
    list_select_related = ("made_by",)
    search_fields = ("code", "reason", "uses__user__email", *customer("uses__workspace"))
    ordering = ("-pk",)
    inlines = (UseInline,)
    change_form_template = "admin/billing/promotioncode/change_form.html"
    readonly_fields = ("code", "credit", "given", "reason", "credit_days", "starts_at", "redeemed", "state", "made_by")

    @admin.display(description="State")
    def state(self, code: PromotionCode) -> str:
        return promotions.state_of(code, timezone.now())

    @admin.display(description="At most", ordering="most", empty_value="no limit")
    def at_most(self, code: PromotionCode) -> int | None:
        return code.most

    @admin.display(description="Ends", ordering="ends_at", empty_value="when it is stopped")
    def ends(self, code: PromotionCode) -> datetime | None:
        return code.ends_at

    @admin.display(description="On the statement", ordering="reason")
    def says(self, code: PromotionCode) -> str:
        return code.reason

    @admin.display(description="Credit")
    def credit(self, code: PromotionCode) -> str:
        return usd(code.amount_micros)

    @admin.display(description="Given so far")
    def given(self, code: PromotionCode) -> str:
        return usd(code.amount_micros * code.redeemed)

    def get_form(
        self, request: HttpRequest, obj: PromotionCode | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = CodeChangeForm if obj else CodeForm
        return super().get_form(request, obj, change, **kwargs | {"form": form})

    def get_readonly_fields(self, request: HttpRequest, obj: PromotionCode | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_fields(self, request: HttpRequest, obj: PromotionCode | None = None) -> Any:
        if obj:
            return (*self.readonly_fields, "ends_at", "most")
        return ("code", "amount", "reason", "credit_days", "starts_at", "ends_at", "most")

    def get_inlines(self, request: HttpRequest, obj: PromotionCode | None) -> Any:
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: PromotionCode, form: Any, change: bool) -> None:
        if not change:
            obj.made_by = cast("User", request.user)
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        stop = path(
            "<path:object_id>/stop/", self.admin_site.admin_view(self.stop_view), name="billing_promotioncode_stop"
        )
        return [stop, *super().get_urls()]

    def stop_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        code = self.get_object(request, object_id)
        if code is None:
            raise Http404
        if not self.has_change_permission(request, code):
            raise PermissionDenied
        form = StopForm(request.POST or None)
        if form.is_valid():
            self._stop(request, code, form.cleaned_data["reason"])
            return HttpResponseRedirect(row_url(code))
        several = "workspace" if code.redeemed == 1 else "workspaces"
        message = (
            "Nobody can redeem it from then on. "
            f"What it has given stays with the {code.redeemed} {several} that redeemed it."
        )
        return form_page(
            self, request, form, title=f"Stop the code {code}", sentences=[message], act="Stop this code", row=code
        )

    def _stop(self, request: HttpRequest, code: PromotionCode, reason: str) -> None:
        with transaction.atomic():
            stopped = promotions.stop(code)
            if stopped:
                self.log_change(request, code, f"Stopped: {reason}", why=reason)
        message = f"Nobody can redeem {code} from now on." if stopped else f"{code} was stopped before."
        self.message_user(request, message, messages.SUCCESS if stopped else messages.WARNING)
