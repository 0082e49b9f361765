"""Views of automatic top-up: its rules, the card that pays for it, and Stripe's own portal."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from avatarsite.amounts import AmountField
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from billing.models import CardSetup
from billing.money import dollars_of
from billing.stripe import client, customers
from billing.stripe.client import StripeProblem
from billing.topups import auto_topup
from billing.topups.checkout import CENT_MICROS
from billing.views.context import UNPROCESSABLE, address_of, topup_context


def _in_dollars(label: str, hint: str = "") -> AmountField:
    words = {"invalid": "Write dollars such as 20 or 12.50.", "required": "Write dollars such as 20."}
    return AmountField(label=label, cents=True, max_digits=12, help_text=hint, error_messages=words)


class RulesForm(forms.Form):
    enabled = forms.BooleanField(label="Top up automatically", required=False)
    threshold = _in_dollars("When available credit falls below, in dollars")
    amount = _in_dollars("Buy, in dollars")
    ceiling = _in_dollars("At most in a calendar month, in dollars", "What is on its way counts. Months begin in UTC.")

    def rules(self) -> auto_topup.Rules:
        """Raises ValueError with a sentence that names the field."""
        facts = self.cleaned_data
        threshold = auto_topup.cents_or_refuse("threshold", facts["threshold"])
        amount = auto_topup.cents_or_refuse("amount", facts["amount"])
        ceiling = auto_topup.cents_or_refuse("monthly ceiling", facts["ceiling"])
        return auto_topup.Rules(facts["enabled"], threshold * CENT_MICROS, amount, ceiling)


@workspace_view(Action.MANAGE_BILLING)
@require_http_methods(["GET", "HEAD", "POST"])
def auto_topup_rules(request: WorkspaceRequest) -> HttpResponse:
    rules = auto_topup.rules_of(request.workspace)
    first = {
        "enabled": rules.enabled,
        "threshold": dollars_of(rules.threshold_micros),
        "amount": dollars_of(rules.amount_cents * CENT_MICROS),
        "ceiling": dollars_of(rules.ceiling_cents * CENT_MICROS),
    }
    form = RulesForm(request.POST if request.method == "POST" else None, initial=first)
    if request.method == "POST" and form.is_valid():
        try:
            saved = auto_topup.set_rules(request.workspace, form.rules(), user=request.user)
        except ValueError as error:
            form.add_error(None, str(error))
        else:
            message = "Automatic top-up is on." if saved.enabled else "Automatic top-up is off."
            messages.success(request, message)
            return redirect("auto_topup", workspace=request.workspace.slug)
    committed = auto_topup.this_month_micros(request.workspace)
    context = {**topup_context(request.workspace), "form": form, "rules": rules, "committed_micros": committed}
    return render(request, "billing/auto_topup.html", context, status=UNPROCESSABLE if form.errors else 200)


@workspace_view(Action.MANAGE_BILLING)
@require_POST
def card_new(request: WorkspaceRequest) -> HttpResponse:
    back = address_of(request, "card_back", card="{setup}")
    try:
        address = customers.start_card_setup(request.workspace, request.user, return_url=back)
    except StripeProblem as error:
        messages.error(request, str(error))
        return redirect("auto_topup", workspace=request.workspace.slug)
    return HttpResponseRedirect(address)


@workspace_view(Action.MANAGE_BILLING)
@require_safe
def card_back(request: WorkspaceRequest, card: str) -> HttpResponse:
    """Where Stripe sends people back from saving a card."""
    rows = CardSetup.objects.select_related("customer")
    setup = get_object_or_404(rows, pk=card, workspace=request.workspace)
    try:
        saved = customers.check_card_setup(setup)
    except StripeProblem as error:
        messages.error(request, str(error))
    else:
        message = "The card is saved." if saved else "No card was saved."
        messages.add_message(request, messages.SUCCESS if saved else messages.INFO, message)
    return redirect("auto_topup", workspace=request.workspace.slug)


@workspace_view(Action.MANAGE_BILLING)
@require_POST
def billing_portal(request: WorkspaceRequest) -> HttpResponse:
    """Stripe's own page for cards, addresses, tax numbers and invoices."""
    customer = customers.known_customer(request.workspace)
    if customer is None or not customer.stripe_id:
        messages.info(request, "Stripe has nothing of this workspace yet: it begins with the first top-up.")
        return redirect("topups", workspace=request.workspace.slug)
    back = address_of(request, "topups")
    try:
        return HttpResponseRedirect(client.portal_url(customer, visit=uuid.uuid4().hex, return_url=back))
    except StripeProblem as error:
        messages.error(request, str(error))
        return redirect("topups", workspace=request.workspace.slug)
