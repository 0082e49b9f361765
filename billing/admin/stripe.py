"""Stripe's side of money for staff: looked at here, and moved by three forms, each with a reason and an entry."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from avatarsite.admin.acts import acted_before, back_url, form_page, log_once, one_at_a_time, row_url
from avatarsite.admin.base import ModelAdmin, TabularInline, Work
from avatarsite.admin.columns import age, late, overdue
from avatarsite.admin.read_only import ReadOnly, customer
from avatarsite.amounts import AmountField
from avatarsite.workspaces.models import User, Workspace
from billing.admin.base import ReadOnlyAdmin, dollars
from billing.debts import freezes, receivables, write_offs
from billing.ledger import accounts
from billing.models import AutoTopUp, Dispute, LedgerAccount, Refund, StripeCustomer, TopUp, TopUpState
from billing.models.ledger import MEMO_LENGTH
from billing.money import micros_of, usd
from billing.refunds import disputes, refunds, topup_review
from billing.stripe.client import StripeProblem
from billing.topups.checkout import CENT_MICROS
from billing.topups.sweep import resume


def cents(field: str, title: str) -> Any:
    """A column that shows a field of cents as money."""

    @admin.display(description=title, ordering=field)
    def column(row: models.Model) -> str:
        amount = getattr(row, field)
        return "" if amount is None else usd(amount * CENT_MICROS)

    return column


class ReasonForm(forms.Form):
    """``token`` is made with the empty form, so that the same form sent twice acts once."""

    reason = forms.CharField(max_length=MEMO_LENGTH, help_text="Kept with the entry; the customer may read it too.")
    token = forms.UUIDField(
        widget=forms.HiddenInput, error_messages={"required": "This form came without its token; open it again."}
    )


class RefundForm(ReasonForm):
    amount = AmountField(label="Credit in dollars", min_value=0, max_digits=12, decimal_places=2, cents=True)
    forgive_spent = forms.BooleanField(
        label="Give up what was spent",
        required=False,
        help_text="Without it, only what is unspent and not held can be refunded.",
    )
    field_order = ("amount", "forgive_spent", "reason")

    def refund(self, top_up: TopUp, actor: User) -> Refund | None:
        """The refund, or None with the refusal's sentence on the form."""
        facts = self.cleaned_data
        try:
            return refunds.request_refund(
                top_up,
                micros_of(facts["amount"]),
                reason=facts["reason"],
                user=actor,
                token=facts["token"],
                forgive_spent=facts["forgive_spent"],
            )
        except ValueError as error:
            self.add_error(None, str(error))
        return None


CREDIT, CLOSE = "credit", "close"


class ReviewForm(ReasonForm):
    """What can't be done is not offered."""

    act = forms.ChoiceField(label="What to do", widget=forms.RadioSelect)
    field_order = ("act", "reason")

    def __init__(self, *args: Any, found: topup_review.Review | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        possible = {CREDIT: not found.why_no_credit, CLOSE: not found.why_open} if found else {}
        labels = {CREDIT: f"Credit {usd(found.top_up.amount_micros)}" if found else "", CLOSE: "Close without credit"}
        cast("forms.ChoiceField", self.fields["act"]).choices = [
            (act, labels[act]) for act, is_so in possible.items() if is_so
        ]

    def decide(self, top_up: TopUp) -> str:
        """What came of it, in words, or "" with the refusal's sentence on the form."""
        act = {CREDIT: topup_review.credit_reviewed, CLOSE: topup_review.close_reviewed}[self.cleaned_data["act"]]
        try:
            return act(top_up, reason=self.cleaned_data["reason"])
        except (ValueError, StripeProblem) as error:
            self.add_error(None, str(error))
        return ""


class RefundInline(ReadOnly, TabularInline[Refund, TopUp]):
    model = Refund
    fields = readonly_fields = (
        "stripe_id",
        "state",
        cents("amount_cents", "Given back"),
        "reason",
        "user",
        "created_at",
    )
    extra = 0


class DisputeInline(ReadOnly, TabularInline[Dispute, TopUp]):
    model = Dispute
    fields = readonly_fields = ("stripe_id", "state", cents("amount_cents", "Disputed"), "reason", "evidence_due_at")
    extra = 0


@admin.register(TopUp)
class TopUpAdmin(ReadOnlyAdmin[TopUp]):
    work = Work.MONEY
    place = 20
    list_display = (
        "id",
        "workspace",
        "state",
        cents("amount_cents", "Credit"),
        cents("total_cents", "Paid, with tax"),
        "origin",
        "user",
        age("paid_at", "paid"),
        age(),
    )
    list_filter = (overdue(late("next_check_at")), "state", "origin", "livemode", "created_at")
    list_select_related = ("workspace", "user")
    search_fields = ("id", "session_id", "payment_intent_id", "invoice_id", *customer(), "user__email")
    ordering = ("-created_at",)
    actions = ("ask_stripe",)
    exclude = ("session_url",)
    inlines = (RefundInline, DisputeInline)
    change_form_template = "admin/billing/topup/change_form.html"

    @admin.action(description="Ask Stripe how they stand", permissions=["view"])
    def ask_stripe(self, request: HttpRequest, rows: QuerySet[TopUp]) -> None:
        for top_up in rows.select_related("customer", "workspace"):
            try:
                message = f"{top_up}: {resume(top_up)}"
            except StripeProblem as error:
                self.message_user(request, f"{top_up}: {error}", messages.ERROR)
            else:
                self.message_user(request, message)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        refund = path("<path:object_id>/refund/", view(self.refund_view), name="billing_topup_refund")
        review = path("<path:object_id>/review/", view(self.review_view), name="billing_topup_review")
        return [refund, review, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        more = {"may_refund": _may_refund(request), "may_review": _may_review(request)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def refund_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not _may_refund(request):
            raise PermissionDenied
        top_up = self.get_object(request, object_id)
        if top_up is None:
            raise Http404
        most, left = (refunds.refundable_micros(top_up, forgive_spent=spent) for spent in (False, True))
        first = {"token": uuid.uuid4(), "amount": f"{most // CENT_MICROS / 100:.2f}"}
        form = RefundForm(request.POST or None, initial=first)
        refund = form.refund(top_up, cast("User", request.user)) if form.is_valid() else None
        if refund:
            message = f"Refund {refund} of {usd(refund.credit_micros)}: {refund.reason}"
            log_once(self, request, top_up, message, str(refund.token), why=refund.reason)
            self.message_user(request, f"{usd(refund.credit_micros)} is on its way back.", messages.SUCCESS)
            return HttpResponseRedirect(back_url(request, top_up))
        text = f"{usd(most)} of {usd(top_up.amount_micros)} is unspent and not held; {usd(left)} was not refunded yet."
        return form_page(
            self, request, form, title=f"Refund top-up {top_up}", sentences=[text], act="Refund", row=top_up
        )

    def review_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Decide on a top-up that does not look as it should."""
        if not _may_review(request):
            raise PermissionDenied
        top_up = self.get_object(request, object_id)
        if top_up is None:
            raise Http404
        if top_up.state != TopUpState.REVIEW:
            return HttpResponseRedirect(row_url(top_up))
        found, sentences = _reviewed(top_up)
        form = ReviewForm(request.POST or None, initial={"token": uuid.uuid4()}, found=found)
        done = form.decide(top_up) if form.is_valid() else ""
        if done:
            facts = form.cleaned_data
            message = f"{done}: {facts['reason']}"
            log_once(self, request, top_up, message, str(facts["token"]), why=facts["reason"])
            self.message_user(request, f"Top-up {top_up}: {done}.", messages.SUCCESS)
            return HttpResponseRedirect(row_url(top_up))
        return form_page(
            self, request, form, title=f"Decide on top-up {top_up}", sentences=sentences, act="Decide", row=top_up
        )


def _reviewed(top_up: TopUp) -> tuple[topup_review.Review | None, list[str]]:
    """How it stands at Stripe, and that in words."""
    try:
        found = topup_review.review(top_up)
    except StripeProblem as error:
        return None, [str(error)]
    return found, [*found.sentences, *(why for why in (found.why_no_credit, found.why_open) if why)]


def _may_review(request: HttpRequest) -> bool:
    return cast("User", request.user).has_perm("billing.review_topup")


def _may_refund(request: HttpRequest) -> bool:
    return cast("User", request.user).has_perm("billing.refund_topup")


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin[Refund]):
    work = Work.MONEY
    place = 30
    list_display = (
        "id",
        "top_up",
        "state",
        cents("amount_cents", "Given back"),
        dollars("credit_micros", "Credit"),
        dollars("forgiven_micros", "Written off"),
        "reason",
        "user",
        age(),
    )
    list_filter = (overdue(late("next_try_at")), "state", "created_at")
    list_select_related = ("top_up", "user")
    search_fields = ("id", "stripe_id", "top_up__id", *customer("top_up__workspace"), "reason")
    ordering = ("-created_at",)


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin[Dispute]):
    work = Work.MONEY
    place = 40
    list_display = (
        "stripe_id",
        "state",
        cents("amount_cents", "Disputed"),
        "evidence_due_at",
        dollars("credit_micros", "Credit"),
        cents("fee_cents", "Fee"),
        "top_up",
        age("cleared_at", "cleared"),
        age(),
    )
    list_filter = (overdue(disputes.undecided, "Undecided"), "state", "created_at")
    list_select_related = ("top_up",)
    search_fields = ("id", "stripe_id", "top_up__id", *customer("top_up__workspace"), "reason")
    ordering = ("-created_at",)


@admin.register(AutoTopUp)
class AutoTopUpAdmin(ReadOnlyAdmin[AutoTopUp]):
    work = Work.MONEY
    place = 25
    list_display = (
        "workspace",
        "enabled",
        dollars("threshold_micros", "Below"),
        cents("amount_cents", "Buys"),
        cents("ceiling_cents", "Monthly ceiling"),
        "failures",
        "paused_reason",
        "set_by",
    )
    list_filter = ("enabled",)
    list_select_related = ("workspace", "set_by")
    search_fields = customer()
    ordering = ("workspace",)


@admin.register(StripeCustomer)
class StripeCustomerAdmin(ReadOnlyAdmin[StripeCustomer]):
    work = Work.MONEY
    place = 100
    list_display = ("stripe_id", "workspace", "livemode", "email", "card_brand", "card_last4", age())
    list_filter = ("livemode",)
    list_select_related = ("workspace",)
    search_fields = ("stripe_id", "email", *customer())
    ordering = ("-created_at",)


# --- A wallet that is frozen -----------------------------------------------------------------------------------------

WRITE_OFF, LET_GO_ON, UNFREEZE, FREEZE = "forgive", "let_go_on", "unfreeze", "freeze"
LABELS = {
    WRITE_OFF: "Give up what is owed",
    LET_GO_ON: "Let it go on after a dispute that was lost",
    UNFREEZE: "End our own freeze",
    FREEZE: "Freeze it",
}


def _what_can_be_done(request: HttpRequest, workspace: Workspace) -> list[str]:
    user, wallet = cast("User", request.user), accounts.wallet(workspace)
    may_freeze = user.has_perm("billing.change_ledgeraccount")
    ours = bool(wallet.frozen_at) and wallet.frozen_reason not in freezes.OURS
    possible = {
        WRITE_OFF: user.has_perm("billing.grant_credit") and receivables.owed_micros(workspace) > 0,
        LET_GO_ON: may_freeze and disputes.lost_of(workspace).exists(),
        UNFREEZE: may_freeze and ours,
        FREEZE: may_freeze and not wallet.frozen_at,
    }
    return [act for act, is_so in possible.items() if is_so]


def _do(act: str, workspace: Workspace, reason: str, token: str, actor: User) -> str:
    """One call into the domain; what came of it, in words."""
    acts: dict[str, Callable[[], str]] = {
        WRITE_OFF: lambda: usd(write_offs.write_off(workspace, reason=reason, token=token, actor=actor)) + " given up",
        LET_GO_ON: lambda: f"{disputes.let_go_on(workspace)} lost disputes cleared",
        UNFREEZE: lambda: "our freeze ended" if freezes.end_own_freeze(workspace) else "it had no freeze of ours",
        FREEZE: lambda: "frozen" if freezes.freeze_by_hand(workspace, reason=reason) else "it was frozen before",
    }
    return acts[act]()


def freeze_view(page: ModelAdmin[LedgerAccount], request: HttpRequest, object_id: str) -> HttpResponse:
    """What staff can do about a frozen wallet, or one that should be."""
    account = page.get_object(request, object_id)
    workspace = account.workspace if account else None
    if account is None or workspace is None:
        raise Http404
    user = cast("User", request.user)
    if not (user.has_perm("billing.grant_credit") or user.has_perm("billing.change_ledgeraccount")):
        raise PermissionDenied
    form = ReasonForm(request.POST or None, initial={"token": uuid.uuid4()})
    back = HttpResponseRedirect(back_url(request, account))
    if form.data.get("token") and acted_before(account, form.data["token"]):
        return back
    possible = _what_can_be_done(request, workspace)
    form.fields["act"] = forms.ChoiceField(
        label="What to do", choices=[(act, LABELS[act]) for act in possible], widget=forms.RadioSelect
    )
    form.order_fields(("act", "reason"))
    if form.is_valid():
        facts = form.cleaned_data
        try:
            with one_at_a_time(account):
                if facts["act"] not in _what_can_be_done(request, workspace):
                    page.message_user(request, "Somebody was first; nothing was done.", messages.WARNING)
                    return back
                done = _do(facts["act"], workspace, facts["reason"], str(facts["token"]), user)
                message = f"{LABELS[facts['act']]}, {done}: {facts['reason']}"
                log_once(page, request, account, message, str(facts["token"]), why=facts["reason"])
        except ValueError as error:
            form.add_error("reason", str(error))
        else:
            page.message_user(request, f"{workspace}: {done}.", messages.SUCCESS)
            return back
    sentences = [f"Frozen: {account.frozen_reason}." if account.frozen_at else "Not frozen."]
    sentences += [f"{usd(owed)} is owed." for owed in [receivables.owed_micros(workspace)] if owed]
    sentences += (
        [] if possible else ["There is nothing to do here that you may do; an open dispute is answered in Stripe."]
    )
    return form_page(page, request, form, title=f"Freeze of {workspace}", sentences=sentences, act="Do it", row=account)
