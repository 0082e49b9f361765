"""Admin pages of the ledger. Money is read-only here: it moves only by domain calls, such as "Grant credit"."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, time
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse

from avatarsite.admin.acts import back_url, form_page, log_once, row_url
from avatarsite.admin.base import Work
from avatarsite.admin.columns import age, late, overdue
from avatarsite.admin.read_only import customer
from avatarsite.amounts import AmountField
from avatarsite.workspaces.models import User, Workspace
from billing.admin.base import ReadOnlyAdmin, dollars
from billing.admin.stripe import freeze_view
from billing.errors import KeyConflict
from billing.ledger import posting
from billing.models import AccountKind, CreditLot, Hold, LedgerAccount, Price, Transfer, Usage
from billing.models.ledger import MEMO_LENGTH
from billing.money import dollars_of, micros_of, usd, usd_a_second, usd_balance, usd_held
from billing.prices import price_book
from billing.prices.price_changes import DAYS, PriceChange, PricePreview, confirm_price, preview_price


class GrantForm(forms.Form):
    """``token`` is made with the empty form, so that the same form sent twice grants once."""

    amount = AmountField(label="Amount in dollars", min_value=0, max_digits=15, decimal_places=6)
    reason = forms.CharField(max_length=MEMO_LENGTH, help_text="The customer reads this on the statement.")
    ends_on = forms.DateField(
        label="Ends after",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The last day on which the credit can be spent, in UTC. Empty: it never ends.",
    )
    token = forms.UUIDField(
        widget=forms.HiddenInput, error_messages={"required": "This form came without its token; open it again."}
    )

    def grant(self, workspace: Workspace, actor: User) -> CreditLot | None:
        """The lot, or None with the refusal's sentence on the form."""
        facts, last_day = self.cleaned_data, self.cleaned_data["ends_on"]
        try:
            return posting.grant(
                workspace,
                micros_of(facts["amount"]),
                key=self.key,
                reason=facts["reason"],
                actor=actor,
                expires_at=datetime.combine(last_day, time.max, UTC) if last_day else None,
            )
        except KeyConflict:
            self.add_error(None, "This form was sent before with other values and has granted those. Open a new one.")
        except ValueError as error:
            self.add_error(None, str(error))
        return None

    @property
    def key(self) -> str:
        return f"grant:admin:{self.cleaned_data['token']}"


# What may be the first thing that happens to a wallet, and the permission that it takes.
FIRST_ACTS = {"grant": "billing.grant_credit", "freeze": "billing.change_ledgeraccount"}


@admin.register(LedgerAccount)
class LedgerAccountAdmin(ReadOnlyAdmin[LedgerAccount]):
    work = Work.MONEY
    place = 10
    title = "Wallets and accounts"
    list_display = (
        "code",
        "workspace",
        dollars("posted", "Posted"),
        dollars("held", "Held"),
        age("frozen_at", "frozen for"),
        age(),
    )
    money_of_a_row = (dollars("floor", "Minimum balance"), dollars("low_mark", "Automatic top-up below"))
    list_filter = ("kind", ("frozen_at", admin.EmptyFieldListFilter))
    list_select_related = ("workspace",)
    search_fields = ("code", *customer())
    change_form_template = "admin/billing/ledgeraccount/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        grant = path(
            "<path:object_id>/grant/", self.admin_site.admin_view(self.grant_view), name="billing_ledgeraccount_grant"
        )
        freeze = path(
            "<path:object_id>/freeze/",
            self.admin_site.admin_view(self.freeze_view),
            name="billing_ledgeraccount_freeze",
        )
        first = path(
            "<path:workspace>/first/<slug:act>/",
            self.admin_site.admin_view(self.first_view),
            name="billing_ledgeraccount_first",
        )
        return [first, grant, freeze, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        account = self.get_object(request, object_id)
        is_wallet = account is not None and account.kind == AccountKind.WALLET
        may_grant = is_wallet and _may_grant(request)
        more = {"may_grant": may_grant, "may_freeze": may_grant or (is_wallet and _may_freeze(request))}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def first_view(self, request: HttpRequest, workspace: str, act: str) -> HttpResponse:
        """To an act on the wallet of a workspace that may have none yet: it is made then."""
        if act not in FIRST_ACTS or not request.user.has_perm(FIRST_ACTS[act]):
            raise PermissionDenied
        owner = get_object_or_404(Workspace, pk=workspace)
        back = reverse("admin:workspaces_workspace_change", args=[owner.pk])
        page = reverse(f"admin:billing_ledgeraccount_{act}", args=[posting.wallet(owner).pk])
        return HttpResponseRedirect(f"{page}?back={back}")

    def freeze_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return freeze_view(self, request, object_id)

    def grant_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not _may_grant(request):
            raise PermissionDenied
        account = self.get_object(request, object_id)
        workspace = account.workspace if account else None
        if account is None or workspace is None:
            raise Http404
        form = GrantForm(request.POST or None, initial={"token": uuid.uuid4()})
        lot = self._grant(request, form, account, workspace) if form.is_valid() else None
        if lot:
            available = usd_balance(posting.balance(workspace).available_micros)
            message = f"Granted {usd(lot.granted)} to {workspace}; {available} is available."
            self.message_user(request, message, messages.SUCCESS)
            return HttpResponseRedirect(back_url(request, account))
        balance = posting.balance(workspace)
        message = f"{usd_balance(balance.available_micros)} is available, {usd_held(balance.held_micros)} is on hold."
        title = f"Grant credit to {workspace}"
        return form_page(self, request, form, title=title, sentences=[message], act="Grant credit", row=account)

    def _grant(
        self, request: HttpRequest, form: GrantForm, account: LedgerAccount, workspace: Workspace
    ) -> CreditLot | None:
        with transaction.atomic():
            lot = form.grant(workspace, cast("User", request.user))
            if lot:
                log_once(self, request, account, f"Granted {usd(lot.granted)}: {lot.memo}", form.key, why=lot.memo)
        return lot


def _may_freeze(request: HttpRequest) -> bool:
    return cast("User", request.user).has_perm("billing.change_ledgeraccount")


class PriceForm(forms.Form):
    """``fingerprint`` is of the preview that the operator has seen; without one, the form only asks for it."""

    cost = AmountField(label="Cost in dollars a second", min_value=0, max_digits=15, decimal_places=6)
    price = AmountField(label="Price in dollars a second", min_value=0, max_digits=15, decimal_places=6)
    source = forms.CharField(max_length=MEMO_LENGTH, help_text="Where the cost comes from.")
    derived = forms.BooleanField(label="Worked out by us, not stated by the provider", required=False)
    fingerprint = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def change(self, offer: str) -> PriceChange:
        facts = self.cleaned_data
        return PriceChange(
            offer, micros_of(facts["cost"]), micros_of(facts["price"]), facts["source"], facts["derived"]
        )


def _may_grant(request: HttpRequest) -> bool:
    return cast("User", request.user).has_perm("billing.grant_credit")


@admin.register(CreditLot)
class CreditLotAdmin(ReadOnlyAdmin[CreditLot]):
    work = Work.MONEY
    place = 60
    list_display = (
        "id",
        "account",
        "category",
        dollars("granted", "Granted"),
        dollars("remaining", "Remaining"),
        dollars("held", "Held"),
        "expires_at",
        "memo",
        age(),
    )
    list_filter = ("category",)
    list_select_related = ("account",)
    search_fields = ("source_key", "account__code", "memo", *customer("account__workspace"))


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin[Hold]):
    work = Work.MONEY
    place = 70
    list_display = (
        "key",
        "subject",
        "state",
        dollars("amount_micros", "Held"),
        dollars("settled_micros", "Settled"),
        age("closed_at", "closed"),
        age(),
    )
    list_filter = (overdue(late("deadline_at")), "state")
    search_fields = ("key", "subject", "account__code", *customer("account__workspace"))


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin[Transfer]):
    work = Work.MONEY
    place = 80
    list_display = (
        "kind",
        "debit",
        "credit",
        dollars("amount_micros", "Amount"),
        dollars("owner_balance", "Balance after"),
        "subject",
        "memo",
        "actor",
        age(),
    )
    list_filter = ("kind",)
    list_select_related = ("debit", "credit", "actor")
    search_fields = ("key", "subject", "debit__code", "credit__code", *customer("owner__workspace"))
    ordering = ("-id",)


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin[Price]):
    work = Work.MONEY
    place = 50
    list_display = (
        "offer",
        dollars("cost_micros_per_second", "Cost per second"),
        dollars("price_micros_per_second", "Price per second"),
        "unit",
        "source",
        "created_by",
        age("effective_from", "for"),
    )
    list_filter = ("derived",)
    list_select_related = ("created_by",)
    search_fields = ("offer", "source")
    ordering = ("offer", "-effective_from")
    change_form_template = "admin/billing/price/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        new = path("<path:object_id>/new/", self.admin_site.admin_view(self.new_view), name="billing_price_new")
        return [new, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        more = {"may_change_price": _may_price(request), "offer_history": _history(row.offer) if row else []}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def new_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a new price of the offer, preview it, and set it once the preview is confirmed."""
        if not _may_price(request):
            raise PermissionDenied
        offer = get_object_or_404(Price, pk=object_id).offer
        form = PriceForm(request.POST or None, initial=_prefilled(price_book.price_of(offer)))
        preview = self._preview(form, offer) if form.is_valid() else None
        if preview and form.cleaned_data["fingerprint"] and "confirm" in request.POST:
            price = self._confirm(request, form, preview)
            if price:
                return HttpResponseRedirect(row_url(price))
        price = price_book.price_of(offer)
        message = (
            f"{offer} costs {usd_a_second(price.cost_micros_per_second)} and sells for "
            f"{usd_a_second(price.price_micros_per_second)} a second. Videos that were asked for before a change keep "
            "their price."
        )
        return form_page(
            self,
            request,
            form,
            title=f"New price of {offer}",
            sentences=[message],
            act="New price",
            row=price,
            template="admin/billing/price/new.html",
            history=_history(offer),
            preview=preview,
            days=DAYS,
        )

    def _preview(self, form: PriceForm, offer: str) -> PricePreview | None:
        try:
            return preview_price(form.change(offer))
        except ValueError as error:
            form.add_error(None, str(error))
        return None

    def _confirm(self, request: HttpRequest, form: PriceForm, preview: PricePreview) -> Price | None:
        change = preview.change
        try:
            with transaction.atomic():
                price = confirm_price(change, form.cleaned_data["fingerprint"], actor=cast("User", request.user))
                sells, costs = (
                    usd_a_second(each) for each in (change.price_micros_per_second, change.cost_micros_per_second)
                )
                prices = f"{sells} a second at a cost of {costs}"
                self.log_addition(
                    request, price, f"Set {prices}, after {usd_a_second(preview.current.price_micros_per_second)}"
                )
        except ValueError as error:
            form.add_error(None, str(error))
            return None
        self.message_user(request, f"From now on {change.offer} sells for {prices}.", messages.SUCCESS)
        return price


def _may_price(request: HttpRequest) -> bool:
    return cast("User", request.user).has_perm("billing.add_price")


def _history(offer: str) -> list[Price]:
    """Every price that the offer has had, newest first."""
    return list(Price.objects.filter(offer=offer).select_related("created_by").order_by("-effective_from"))


def _prefilled(price: Price) -> dict[str, Any]:
    return {
        "cost": dollars_of(price.cost_micros_per_second),
        "price": dollars_of(price.price_micros_per_second),
        "source": price.source,
    }


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin[Usage]):
    work = Work.MONEY
    place = 90
    list_display = (
        "subject",
        "workspace",
        "offer",
        "measured_ms",
        dollars("amount_micros", "Charged"),
        dollars("cost_micros", "Estimated cost"),
        dollars("write_off_micros", "Written off"),
        age(),
    )
    money_of_a_row = (dollars("reported_cost_micros", "Reported cost"),)
    list_select_related = ("workspace",)
    search_fields = ("subject", "offer", *customer())
    ordering = ("-id",)
