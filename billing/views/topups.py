"""Views of top-ups: buying credit, and seeing it arrive."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from avatarsite.amounts import AmountField, AmountInput, read_amount
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from billing.models import Origin, TopUp, TopUpState
from billing.money import micros_of, usd
from billing.stripe.client import StripeProblem
from billing.topups import auto_topup, checkout, refresh
from billing.topups.checkout import CENT_MICROS, MAX_CENTS, MIN_CENTS, PACKS_CENTS
from billing.views.context import UNPROCESSABLE, address_of, place_in, topup_context

PAGE_SIZE = 100
OWN = "own"


class TopUpForm(forms.Form):
    """A pack, or an amount of one's own."""

    pack = forms.ChoiceField(
        choices=[*((str(cents), usd(cents * CENT_MICROS)) for cents in PACKS_CENTS), (OWN, "Another amount")],
        error_messages={"required": "Choose how much to buy.", "invalid_choice": "Choose how much to buy."},
    )
    amount = AmountField(
        label="Dollars",
        required=False,
        cents=True,
        max_digits=12,
        widget=AmountInput(attrs={"placeholder": "12.50"}),
        error_messages={"invalid": "Write how many dollars, such as 20 or 12.50."},
    )
    next = forms.CharField(required=False, widget=forms.HiddenInput)
    save_card = forms.BooleanField(
        label="Save the card for automatic top-up",
        required=False,
        help_text="Nothing is bought by itself until you switch that on.",
    )

    def clean(self) -> dict[str, Any]:
        facts: dict[str, Any] = super().clean() or {}
        if facts.get("pack") != OWN:
            facts["cents"] = int(facts.get("pack") or 0)
            # What stands in the field of the other choice is not asked for.
            self.errors.pop("amount", None)
            return facts
        amount = facts.get("amount")
        if amount is None and "amount" not in self.errors:
            self.add_error("amount", "Write how many dollars, such as 20 or 12.50.")
        if amount is not None:
            try:
                facts["cents"] = checkout.cents_of(amount)
            except ValueError as error:
                self.add_error("amount", str(error))
        return facts


@workspace_view(Action.MANAGE_BILLING)
@require_http_methods(["GET", "HEAD", "POST"])
def topup_new(request: WorkspaceRequest) -> HttpResponse:
    form = TopUpForm(request.POST if request.method == "POST" else None, initial=_start(request))
    if request.method == "POST" and form.is_valid():
        try:
            top_up = checkout.start_top_up(
                request.workspace,
                request.user,
                amount_cents=form.cleaned_data["cents"],
                save_card=form.cleaned_data["save_card"],
                return_url=address_of(request, "topup", topup="{top_up}"),
                back_to=place_in(request.workspace, form.cleaned_data["next"]),
            )
            return HttpResponseRedirect(top_up.session_url)
        except StripeProblem as error:
            form.add_error(None, str(error))
    status = UNPROCESSABLE if form.errors else 200
    back_to = place_in(request.workspace, form["next"].value() or "")
    context = {
        **topup_context(request.workspace),
        "form": form,
        "back_to": back_to,
        "missing_micros": _missing(request),
        "least_micros": MIN_CENTS * CENT_MICROS,
    }
    return render(request, "billing/topup_new.html", context, status=status)


def _missing(request: WorkspaceRequest) -> int | None:
    """What the page that sent them here lacks, as its link says; nonsense is nothing."""
    try:
        return max(micros_of(read_amount(request.GET.get("amount", ""))), 0) or None
    except ValueError:
        return None


def _start(request: WorkspaceRequest) -> dict[str, str]:
    missing = _missing(request)
    if missing is None:
        return {"pack": str(PACKS_CENTS[1]), "next": request.GET.get("next", "")}
    cents = min(max(-(-missing // CENT_MICROS), MIN_CENTS), MAX_CENTS)
    return {"pack": OWN, "amount": f"{cents / 100:.2f}", "next": request.GET.get("next", "")}


@workspace_view(Action.BELONG)
@require_safe
def topup_list(request: WorkspaceRequest) -> HttpResponse:
    rows = TopUp.objects.filter(workspace=request.workspace).select_related("user", "lot")
    # A page that was opened and left is no news once it can't be paid any more.
    shown = rows.exclude(state=TopUpState.EXPIRED).prefetch_related("refunds", "disputes").order_by("-created_at")
    return render(request, "billing/topups.html", {**topup_context(request.workspace), "top_ups": shown[:PAGE_SIZE]})


@workspace_view(Action.BELONG)
@require_safe
def topup(request: WorkspaceRequest, topup: str) -> HttpResponse:
    """The page to which Stripe sends people back. It asks Stripe itself and does not wait for the webhook."""
    top_up = refresh.refresh(_mine(request, topup))
    if _goes_back(request, top_up):
        return redirect(top_up.back_to)
    went_back = "back" in request.GET and top_up.state == TopUpState.OPEN
    return render(
        request, "billing/topup.html", {**topup_context(request.workspace), "top_up": top_up, "went_back": went_back}
    )


def _goes_back(request: WorkspaceRequest, top_up: TopUp) -> bool:
    """Whoever bought it goes on where it was missing, once; later this is the page of the top-up."""
    if top_up.state != TopUpState.PAID or not top_up.back_to or top_up.user != request.user:
        return False
    if not TopUp.objects.filter(pk=top_up.pk).exclude(back_to="").update(back_to=""):
        return False
    messages.success(request, f"{usd(top_up.amount_micros)} of credit is here. Go on where you were.")
    return True


@workspace_view(Action.BELONG)
@require_safe
def topup_status(request: WorkspaceRequest, topup: str) -> HttpResponse:
    """The part of that page which asks again by itself."""
    top_up = refresh.refresh(_mine(request, topup))
    if _goes_back(request, top_up):
        return HttpResponseClientRedirect(top_up.back_to)
    return render(request, "billing/partials/topup_status.html", {**topup_context(request.workspace), "top_up": top_up})


def _mine(request: WorkspaceRequest, topup: str) -> TopUp:
    rows = TopUp.objects.select_related("customer", "workspace", "user", "lot")
    return get_object_or_404(rows, pk=topup, workspace=request.workspace)


@workspace_view(Action.MANAGE_BILLING)
@require_safe
def topup_receipt(request: WorkspaceRequest, topup: str) -> HttpResponse:
    """Stripe's receipt or invoice: its address is good for a while only, so it's asked for anew."""
    top_up = _mine(request, topup)
    try:
        address = refresh.receipt_url(top_up)
    except StripeProblem as error:
        messages.error(request, str(error))
        return redirect("topup", workspace=request.workspace.slug, topup=top_up.pk)
    if not address:
        raise Http404
    return HttpResponseRedirect(address)


@workspace_view(Action.MANAGE_BILLING)
@require_POST
def topup_confirm(request: WorkspaceRequest, topup: str) -> HttpResponse:
    """Take the person to their bank, which has asked for them."""
    top_up = _mine(request, topup)
    if top_up.state != TopUpState.NEEDS_ACTION or top_up.origin != Origin.AUTOMATIC:
        return redirect("topup", workspace=request.workspace.slug, topup=top_up.pk)
    back = address_of(request, "topup", topup=top_up.pk)
    try:
        return HttpResponseRedirect(auto_topup.start_confirmation(top_up, visit=uuid.uuid4().hex, return_url=back))
    except StripeProblem as error:
        messages.error(request, str(error))
        return redirect("topup", workspace=request.workspace.slug, topup=top_up.pk)
