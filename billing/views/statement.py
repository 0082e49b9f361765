"""The statement: every movement of the workspace's money with its cause, for the eye and for a spreadsheet."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from avatarsite.csv_files import csv_response
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from billing.labels import list_of, names_of
from billing.ledger import posting
from billing.statements import statements
from billing.statements.csv_export import statement_csv
from billing.statements.statements import Narrowing, StatementLine
from billing.verify.statement_check import MAX_SHOWN, check_statement
from billing.views.balance import line_number

PAGE_SIZE = 50
PARTIES = {"project": "Project", "member": "Person", "token": "API token"}
# A check reads every line; one at a time for each workspace is enough for anybody.
CHECK_SECONDS = 120


class NarrowingForm(forms.Form):
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, request: WorkspaceRequest) -> None:
        super().__init__(request.GET)
        for kind, label in PARTIES.items():
            wanted = request.GET.get(kind, "")
            here = {scope.partition(":")[2]: each.label for scope, each in list_of(request.workspace, kind).items()}
            # What is gone by now can still be asked for, by a link from one of its lines.
            if wanted and wanted not in here:
                scope = f"{kind}:{wanted}"
                if gone := names_of(request.workspace, [scope]).get(scope):
                    here[wanted] = gone.label
            choices = [("", "All"), *here.items()]
            self.fields[kind] = forms.ChoiceField(label=label, required=False, choices=choices)

    def clean(self) -> dict[str, Any]:
        facts: dict[str, Any] = super().clean() or {}
        since, until = facts.get("since"), facts.get("until")
        if since and until and until < since:
            self.add_error("until", "The last day is before the first; swap them.")
        if until == date.max:
            self.add_error("until", "This day is too far off; choose an earlier one.")
        return facts

    def narrowing(self) -> Narrowing:
        """What was asked for; what can't be is left out and said on the form."""
        facts = self.cleaned_data if self.is_valid() else {}
        return Narrowing(facts.get("since"), facts.get("until"), *(facts.get(kind) or "" for kind in PARTIES))


@workspace_view(Action.BELONG)
@require_safe
def statement(request: WorkspaceRequest) -> HttpResponse:
    return render(request, "billing/statement.html", _context(request))


@workspace_view(Action.BELONG)
@require_safe
def statement_file(request: WorkspaceRequest) -> HttpResponseBase:
    form = NarrowingForm(request)
    if not form.is_valid():
        return render(request, "billing/statement.html", _context(request), status=422)
    narrowing = form.narrowing()
    span = statements.span_of(request.workspace, narrowing)
    days = "".join(f"-{day.isoformat()}" for day in (narrowing.since, narrowing.until) if day)
    return csv_response(f"statement-{request.workspace.slug}{days}.csv", statement_csv(request.workspace, span))


@workspace_view(Action.BELONG)
@require_POST
def statement_check(request: WorkspaceRequest) -> HttpResponse:
    """Recompute the whole statement and say how that went, on the statement's own page."""
    key = f"billing:check:{request.workspace.pk}"
    if not cache.add(key, 1, CHECK_SECONDS):
        messages.info(request, "This statement is being checked right now. Try again in a moment.")
        return redirect("statement", workspace=request.workspace.slug)
    try:
        checked = check_statement(request.workspace)
    finally:
        cache.delete(key)
    shown = checked.findings[:MAX_SHOWN]
    more = {"checked": checked, "findings": shown, "hidden": len(checked.findings) - len(shown)}
    return render(request, "billing/statement.html", _context(request) | more)


def _context(request: WorkspaceRequest) -> dict[str, Any]:
    form = NarrowingForm(request)
    narrowing = form.narrowing()
    span = statements.span_of(request.workspace, narrowing)
    before = line_number(request.GET.get("before", ""))
    lines = statements.lines_of(span, before=before, limit=PAGE_SIZE + 1)
    shown = lines[:PAGE_SIZE]
    query = request.GET.copy()
    query.pop("before", None)
    return {
        "form": form,
        "narrowing": narrowing,
        "span": span,
        "lines": shown,
        "names": names_of(request.workspace, _texts(shown)),
        "came_in": sum(line.amount_micros for line in shown if line.amount_micros > 0),
        "went_out": -sum(line.amount_micros for line in shown if line.amount_micros < 0),
        "before_these": shown[-1].balance_after_micros - shown[-1].amount_micros if shown else 0,
        "older": shown[-1].seq if len(lines) > PAGE_SIZE else None,
        "newest": before is None,
        "balance": posting.balance(request.workspace),
        "query": query.urlencode(),
    }


def _texts(lines: list[StatementLine]) -> list[str]:
    parties = [f"{kind}:{getattr(line, kind)}" for line in lines for kind in PARTIES if getattr(line, kind)]
    return [*(line.subject for line in lines), *parties]
