"""Budgets by day, week and month: who may spend how much, what is left of it, and who is locked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from avatarsite.amounts import AmountField, written
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from billing.budgets import budgets
from billing.budgets.budgets import WORKSPACE, Standing
from billing.labels import KINDS, Named, in_words, list_of
from billing.models import Period
from billing.money import MAX_MICROS, MICROS, dollars_of, micros_of, usd

UNPROCESSABLE = 422
# By scope and period what was typed, and the sentence why not.
Refused = dict[tuple[str, str], tuple[str, str]]
TITLES = {"project": "Projects", "member": "People", "token": "API tokens"}


class BudgetForm(forms.Form):
    scope = forms.CharField(max_length=60)
    period = forms.ChoiceField(choices=Period.choices, required=False)
    amount = AmountField(
        label="Dollars",
        required=False,
        min_value=0,
        max_value=MAX_MICROS // MICROS,
        decimal_places=6,
        error_messages={"invalid": "Write dollars such as 20 or 12.50; empty is no cap."},
    )

    def clean_period(self) -> str:
        return self.cleaned_data["period"] or Period.MONTH

    def clean_amount(self) -> int | None:
        amount = self.cleaned_data["amount"]
        return None if amount is None else micros_of(amount)


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """Something that may have a budget, and how it stands; ``wrong`` is what was typed and refused."""

    scope: str
    named: Named
    standing: Standing | None
    wrong: str = ""
    error: str = ""
    period: str = Period.MONTH
    locked: bool = False
    shorter: tuple[BudgetRow, ...] = ()

    @property
    def anchor(self) -> str:
        anchor = self.scope.replace(":", "-")
        return anchor if self.period == Period.MONTH else f"{anchor}-{self.period}"

    @property
    def is_open(self) -> bool:
        """Whether the shorter ones are shown at once."""
        return any(row.standing or row.error for row in self.shorter)

    @property
    def value(self) -> str:
        if self.wrong or self.standing is None:
            return self.wrong
        return written(dollars_of(self.standing.cap_micros))


@workspace_view(Action.BELONG, post=Action.MANAGE_BILLING)
@require_http_methods(["GET", "HEAD", "POST"])
def budget_list(request: WorkspaceRequest) -> HttpResponse:
    form = BudgetForm(request.POST) if request.method == "POST" else None
    if form is None:
        return _page(request)
    rows = _rows(request)
    scope = form.data.get("scope", "")
    row = next((row for row in (rows[WORKSPACE], *_all(rows)) if row.scope == scope), None)
    if row is None:
        messages.error(request, "There is nothing of this name to cap here any more.")
        return _page(request, status=UNPROCESSABLE)
    if not form.is_valid():
        sentence = " ".join(str(error) for errors in form.errors.values() for error in errors)
        at = (scope, str(form.data.get("period") or Period.MONTH))
        return _page(request, wrong={at: (form.data.get("amount", ""), sentence)}, status=UNPROCESSABLE)
    amount, period = form.cleaned_data["amount"], form.cleaned_data["period"]
    budgets.set_budget(request.workspace, scope, amount, user=request.user, period=period)
    whose = in_words(scope, row.named.label)
    word = "cap" if period == Period.MONTH else f"{Period(period).label} cap"
    message = (
        f"{usd(amount)} a {period} for {whose}." if amount is not None else f"There is no {word} on {whose} any more."
    )
    messages.success(request, message)
    return redirect("budgets", workspace=request.workspace.slug)


@workspace_view(Action.BELONG, post=Action.MANAGE_BILLING)
@require_POST
def spend_lock(request: WorkspaceRequest) -> HttpResponse:
    """Lock something of the workspace, or open it again."""
    scope, rows = request.POST.get("scope", ""), _rows(request)
    row = next((row for row in (rows[WORKSPACE], *_all(rows)) if row.scope == scope), None)
    if row is None:
        messages.error(request, "There is nothing of this name to lock here any more.")
    elif request.POST.get("to") == "locked":
        budgets.lock(request.workspace, scope, user=request.user)
        messages.success(request, f"Locked: nothing that costs is let in for {in_words(scope, row.named.label)}.")
    else:
        budgets.unlock(request.workspace, scope, user=request.user)
        messages.success(request, f"Open again: {in_words(scope, row.named.label)}.")
    return redirect("budgets", workspace=request.workspace.slug)


def _page(request: WorkspaceRequest, *, wrong: Refused | None = None, status: int = 200) -> HttpResponse:
    rows = _rows(request, wrong or {})
    _, renews_at = budgets.month_of(timezone.now())
    context = {
        "whole": rows[WORKSPACE],
        "groups": [(TITLES[kind], kind, rows[kind]) for kind in KINDS if rows[kind]],
        "renews_at": renews_at,
    }
    return render(request, "billing/budgets.html", context, status=status)


def _all(rows: dict[str, Any]) -> list[BudgetRow]:
    return [row for kind in KINDS for row in rows[kind]]


def _rows(request: WorkspaceRequest, wrong: Refused | None = None) -> dict[str, Any]:
    """The workspace's own row, and those of each kind: what there is now, and what has a budget from before."""
    standing = {(each.scope, each.period): each for each in budgets.standings(request.workspace)}
    locked, refused = set(budgets.locked_in(request.workspace)), wrong or {}

    def of(scope: str, named: Named, period: str, **more: Any) -> BudgetRow:
        at = (scope, period)
        return BudgetRow(scope, named, standing.get(at), *refused.get(at, ("", "")), period=period, **more)

    def row(scope: str, named: Named) -> BudgetRow:
        shorter = tuple(of(scope, named, period) for period in (Period.DAY, Period.WEEK))
        return of(scope, named, Period.MONTH, locked=scope in locked, shorter=shorter)

    found: dict[str, Any] = {WORKSPACE: row(WORKSPACE, Named(request.workspace.name))}
    for kind in KINDS:
        here = list_of(request.workspace, kind)
        had = ((scope, each) for (scope, _), each in standing.items() if scope.startswith(f"{kind}:"))
        gone = {scope: Named(each.label, each.url) for scope, each in had}
        found[kind] = [row(scope, named) for scope, named in (here | gone | here).items()]
    return found
