"""Notices of 50, 80 and 100 % of a month's budget: once a month each, to owners, admins and their programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone

from avatarsite.db import raw
from avatarsite.db.raw import Session
from avatarsite.workspaces.models import Workspace
from billing.budgets.mail import mail_budget_notice
from billing.errors import BudgetReached, SpendingLocked
from billing.events import publish
from billing.labels import name_of
from billing.models import PERCENTS


class Use(NamedTuple):
    """A month's row after a hold has taken its part; micro-dollars."""

    cap_micros: int
    spent_micros: int
    reserved_micros: int
    told_percent: int


def level(cap_micros: int, used_micros: int) -> int:
    """The highest of the percents that are told which ``used_micros`` has come to, or 0."""
    return max((percent for percent in PERCENTS if used_micros * 100 >= cap_micros * percent), default=0)


def note_use(  # noqa: PLR0913, PLR0917 -- the row of the period
    sql: Session, workspace: Workspace, scope: str, starts_at: datetime, use: Use, period: str
) -> None:
    """Write the notice that is due after a hold, in the hold's transaction; nearly always none is."""
    reached = level(use.cap_micros, use.spent_micros + use.reserved_micros)
    if reached <= use.told_percent:
        return
    sql.change(_TOLD, [reached, workspace.pk, scope, period, sql.stamp(starts_at)])
    _note(sql, workspace, scope, starts_at, reached, use, period=period)


_TOLD = """
UPDATE billing_budgetperiod SET told_percent = %s
WHERE workspace_id = %s AND scope = %s AND period = %s AND starts_at = %s
"""


def note_refusal(workspace: Workspace, refusal: BudgetReached) -> None:
    """That a budget has refused something is the notice of 100 %, too. Its own transaction: the refused one is gone."""
    if isinstance(refusal, SpendingLocked):  # whoever locked it knows
        return
    use = Use(refusal.cap_micros, refusal.spent_micros, refusal.reserved_micros, 0)
    with raw.atomically() as sql:
        of_period: dict[str, Any] = {"period": refusal.period, "refused": refusal.needed_micros}
        _note(sql, workspace, refusal.scope, refusal.starts_at, PERCENTS[-1], use, **of_period)


def _note(  # noqa: PLR0913, PLR0917 -- the columns of the row
    sql: Session,
    workspace: Workspace,
    scope: str,
    starts_at: datetime,
    percent: int,
    use: Use,
    *,
    period: str,
    refused: int | None = None,
) -> None:
    facts = [use.cap_micros, use.spent_micros, use.reserved_micros, refused, sql.stamp(timezone.now())]
    written = sql.run(_NOTE, [workspace.pk, scope, period, sql.stamp(starts_at), percent, *facts])
    if written:
        micros = {**use._asdict(), "refused_micros": refused}
        mail_budget_notice(workspace, scope, name_of(workspace, scope), percent, (period, starts_at), micros)
        said = {"period": period, "starts_at": starts_at} | _facts(scope, starts_at, percent, use, refused)
        publish(workspace, "budget.reached", subject=scope, data=said)


def _facts(scope: str, starts_at: datetime, percent: int, use: Use, refused: int | None) -> dict[str, Any]:
    """What customers' programs are told; ``refused_micros`` is what a request asked for beyond the cap, or None."""
    return {
        "scope": scope,
        "percent": percent,
        "month": f"{starts_at:%Y-%m}",
        "cap_micros": use.cap_micros,
        "spent_micros": use.spent_micros,
        "held_micros": use.reserved_micros,
        "refused_micros": refused,
    }


_NOTE = """
INSERT INTO billing_budgetnotice (
    workspace_id, scope, period, starts_at, percent, cap_micros, spent_micros, reserved_micros, refused_micros,
    created_at
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (workspace_id, scope, period, starts_at, percent) DO NOTHING RETURNING id
"""
