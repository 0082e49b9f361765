"""Usage page: by day, model, provider, project, person and token."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from billing.labels import Named, names_of
from billing.statements import monthly_mail
from billing.usage import charts, daily
from billing.usage.daily import UsageTable, Used

DAYS = (7, 30, 90)
# How a page groups: its word, the dimension that is counted, and what the empty name is called.
GROUPS: dict[str, tuple[str, str, str]] = {
    "model": ("Model", "offer", "Unknown model"),
    "provider": ("Provider", "offer", "Unknown provider"),
    "project": ("Project", "project", "No project"),
    "member": ("Person", "member", "Nobody by name"),
    "token": ("API token", "token", "Dashboard"),
}


@dataclass(frozen=True, slots=True)
class UsedBy:
    """One line of a table: what a model, a project, a person … used."""

    named: Named
    used: Used
    percent: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    by: str
    title: str
    lines: list[UsedBy]


@workspace_view(Action.BELONG)
@require_safe
def usage(request: WorkspaceRequest) -> HttpResponse:
    days = next((number for number in DAYS if str(number) == request.GET.get("days")), 30)
    by = request.GET.get("by", "")
    by = by if by in GROUPS else "model"
    today = timezone.now().astimezone(UTC).date()
    table = daily.used(request.workspace, today - timedelta(days=days - 1), today)
    names = names_of(request.workspace, _texts(table))
    series = _series(table, by, names)
    context = {
        "days": days,
        "choices": DAYS,
        "by": by,
        "groups": [(key, title) for key, (title, _, _) in GROUPS.items()],
        "total": table.total,
        "chart": charts.stacked(table.days, {label: _amounts(cells) for label, (_, cells) in series.items()}),
        "chart_rows": _rows(table.days, series),
        "labels": list(series),
        "breakdowns": [_breakdown(table, key, names) for key in GROUPS],
        "summary_wanted": monthly_mail.wanted_by(request.member),
    }
    return render(request, "billing/usage.html", context)


@workspace_view(Action.BELONG)
@require_POST
def summary_choice(request: WorkspaceRequest) -> HttpResponse:
    wanted = request.POST.get("wanted") == "yes"
    monthly_mail.choose(request.member, wanted=wanted)
    message = "You will get the monthly summary by e-mail." if wanted else "You will get no monthly summary any more."
    messages.success(request, message)
    return redirect("usage", workspace=request.workspace.slug)


def _texts(table: UsageTable) -> list[str]:
    texts = [f"{dimension}:{name}" for dimension, cells in table.cells.items() for name in cells if name]
    return [*texts, *(f"provider:{name.partition(':')[0]}" for name in table.cells["offer"])]


def _name(by: str, name: str, names: dict[str, Named]) -> Named:
    _, dimension, nothing = GROUPS[by]
    if not name:
        return Named(nothing)
    if by == "provider":
        provider = name.partition(":")[0]
        return names.get(f"provider:{provider}", Named(provider))
    return names.get(f"{dimension}:{name}", Named(name))


Series = dict[str, tuple[Named, dict[date, Used]]]


def _series(table: UsageTable, by: str, names: dict[str, Named]) -> Series:
    """What each label used by day, the greatest first; several offers may have one label."""
    cells: dict[str, dict[date, Used]] = defaultdict(dict)
    found: dict[str, Named] = {}
    for name, days in table.cells[GROUPS[by][1]].items():
        named = _name(by, name, names)
        # Two projects may share a name, and are still two.
        key = named.label if found.get(named.label, named) == named else f"{named.label} ({name})"
        found.setdefault(key, named)
        for day, amount in days.items():
            cells[key][day] = cells[key].get(day, Used()) + amount
    order = sorted(cells, key=lambda key: (-sum(each.amount_micros for each in cells[key].values()), key))
    return {key: (found[key], cells[key]) for key in order}


def _amounts(cells: dict[date, Used]) -> dict[date, int]:
    return {day: each.amount_micros for day, each in cells.items()}


def _rows(days: list[date], series: Series) -> list[dict[str, Any]]:
    """The chart as a table: the days on which something was used, newest first."""
    rows = []
    for day in reversed(days):
        used = [cells.get(day, Used()) for _, cells in series.values()]
        total = sum(used, Used())
        if total.measured_ms or total.amount_micros:
            rows.append({"day": day, "cells": [each.amount_micros for each in used], "total": total})
    return rows


def _breakdown(table: UsageTable, by: str, names: dict[str, Named]) -> Breakdown:
    series = _series(table, by, names)
    most = max((sum(_amounts(cells).values()) for _, cells in series.values()), default=0)
    lines = []
    for key, (named, cells) in series.items():
        total = sum(cells.values(), Used())
        percent = total.amount_micros * 100 // most if most else 0
        lines.append(UsedBy(Named(key, named.url), total, percent))
    return Breakdown(by, GROUPS[by][0], lines)
