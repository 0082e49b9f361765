"""The balance and its statement."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from billing.statements import statements
from billing.views.context import topup_context

PAGE_SIZE = 50
# Line numbers are BIGINT; more digits than this are nobody's.
MAX_DIGITS = 18


@workspace_view(Action.BELONG)
@require_safe
def balance(request: WorkspaceRequest) -> HttpResponse:
    return balance_page(request)


def balance_page(request: WorkspaceRequest, *, status: int = 200, **outcome: str) -> HttpResponse:
    """The page, with what became of a form on it in ``outcome``."""
    before = line_number(request.GET.get("before", ""))
    lines = statements.statement(request.workspace, before=before, limit=PAGE_SIZE + 1)
    shown = lines[:PAGE_SIZE]
    context = {
        **topup_context(request.workspace),
        "holds": statements.open_holds(request.workspace),
        "lots": statements.live_lots(request.workspace),
        "lines": shown,
        "came_in": sum(line.amount_micros for line in shown if line.amount_micros > 0),
        "went_out": -sum(line.amount_micros for line in shown if line.amount_micros < 0),
        "before_these": shown[-1].balance_after_micros - shown[-1].amount_micros if shown else 0,
        "older": shown[-1].seq if len(lines) > PAGE_SIZE else None,
        "newest": before is None,
    }
    return render(request, "billing/balance.html", context | outcome, status=status)


def line_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None
