"""Monthly budgets of a workspace, a project, a member and an API token.

What a hold takes is reserved in the hold's own transaction, by a conditional UPDATE of the month's row with a CHECK
behind it. Whoever calls has moved the wallet's account before and so owns every counter of its workspace: no two
requests reserve at once, and none can be refused for room that another gives back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models.signals import post_save
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.db import raw
from avatarsite.db.raw import Session
from avatarsite.workspaces.models import ApiToken, User, Workspace
from billing.budgets import notices
from billing.errors import BudgetReached
from billing.labels import KINDS, name_of, names_of
from billing.ledger import accounts
from billing.models import Budget, BudgetPeriod, Hold
from billing.money import MAX_MICROS, usd

__all__ = ["BudgetReached", "Parties", "Standing", "refusal_of", "set_budget", "standings"]
WORKSPACE = "workspace"


class BudgetFullError(Exception):
    """A budget has no room. The caller's savepoint takes back what was written; ``budget_reached_error`` tells it."""

    def __init__(self, scope: str, cap_micros: int, spent_micros: int, reserved_micros: int) -> None:
        super().__init__(scope)
        self.scope, self.cap_micros = scope, cap_micros
        self.spent_micros, self.reserved_micros = spent_micros, reserved_micros


@dataclass(frozen=True, slots=True)
class Parties:
    """For whom a hold is: what its budgets are looked up by. Empty where there is none."""

    project: str = ""
    member: str = ""
    token: str = ""

    @classmethod
    def of(cls, scopes: Iterable[str]) -> Parties:
        """From ``["project:prj_…", "member:12"]``; ``workspace`` is always meant. ValueError for what is no scope."""
        found: dict[str, str] = {}
        for scope in scopes:
            if scope == WORKSPACE:
                continue
            kind, _, name = _checked(scope).partition(":")
            if found.setdefault(kind, name) != name:
                raise ValueError(f"A hold is of one {KINDS[kind]}, and two were named: {found[kind]} and {name}.")
        return cls(**found)

    @property
    def scopes(self) -> list[str]:
        named = (("project", self.project), ("member", self.member), ("token", self.token))
        return [WORKSPACE, *(f"{kind}:{name}" for kind, name in named if name)]


def _checked(scope: str) -> str:
    kind, _, name = scope.partition(":")
    if scope != WORKSPACE and (kind not in KINDS or not 0 < len(name) <= 40):
        raise ValueError(f"The scope is {scope!r}; use {WORKSPACE}, or one of {', '.join(KINDS)}, a colon and its id.")
    return scope


def month_of(moment: datetime) -> tuple[datetime, datetime]:
    """The first moment of the month, in UTC, and that of the next."""
    first = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return first, following


# --- In the transaction of a hold ---------------------------------------------------------------------------------


def reserve(  # noqa: PLR0913 -- whose hold it is, and how much of what
    sql: Session, workspace: Workspace, parties: Parties, amount: int, now: datetime, *, hold_id: int
) -> None:
    """Reserve ``amount`` micro-dollars of every budget that bears on a hold. BudgetFullError where one is full."""
    first, following = month_of(now)
    scopes = parties.scopes
    marks = ", ".join(["%s"] * len(scopes))
    found = sql.run(_BUDGETS.format(marks=marks), [sql.stamp(first), workspace.pk, *scopes])
    if not found:
        return
    for scope, cap, period_id in found:
        if period_id is None:
            _open(sql, workspace, scope, cap, (first, following), but_for=hold_id)
    limited = [scope for scope, _, _ in found]
    marks = ", ".join(["%s"] * len(limited))
    taken = sql.run(_TAKE.format(marks=marks), [amount, workspace.pk, sql.stamp(first), *limited, amount])
    if len(taken) < len(limited):
        ((*full,),) = sql.run(_FULL.format(marks=marks), [workspace.pk, sql.stamp(first), *limited, amount])
        raise BudgetFullError(*full)
    for scope, *used in taken:
        notices.note_use(sql, workspace, scope, first, notices.Use(*used))


_BUDGETS = """
SELECT b.scope, b.cap_micros, p.id FROM billing_budget b
LEFT JOIN billing_budgetperiod p ON p.workspace_id = b.workspace_id AND p.scope = b.scope AND p.starts_at = %s
WHERE b.workspace_id = %s AND b.scope IN ({marks})
"""
_TAKE = """
UPDATE billing_budgetperiod SET reserved_micros = reserved_micros + %s
WHERE workspace_id = %s AND starts_at = %s AND scope IN ({marks}) AND cap_micros - spent_micros - reserved_micros >= %s
RETURNING scope, cap_micros, spent_micros, reserved_micros, told_percent
"""
_FULL = """
SELECT scope, cap_micros, spent_micros, reserved_micros FROM billing_budgetperiod
WHERE workspace_id = %s AND starts_at = %s AND scope IN ({marks}) AND cap_micros - spent_micros - reserved_micros < %s
ORDER BY cap_micros - spent_micros - reserved_micros LIMIT 1
"""


def settle(sql: Session, hold: Hold, charged: int) -> None:
    """Turn what a hold has reserved into what it has spent, in the month in which it was placed."""
    _count(sql, hold, reserved=-hold.amount_micros, spent=charged)


def take_off(sql: Session, hold: Hold, returned: int) -> None:
    """Count what is given back of a charge as not spent, in the month in which its hold was placed."""
    _count(sql, hold, reserved=0, spent=-returned)


def _count(sql: Session, hold: Hold, *, reserved: int, spent: int) -> None:
    scopes = Parties(hold.project, hold.member, hold.token).scopes
    marks = ", ".join(["%s"] * len(scopes))
    first, _ = month_of(hold.created_at)
    sql.change(
        _COUNT_ON.format(marks=marks),
        [reserved, spent, hold.account_id, sql.stamp(first), *scopes],
    )


_COUNT_ON = """
UPDATE billing_budgetperiod SET reserved_micros = reserved_micros + %s, spent_micros = spent_micros + %s
WHERE workspace_id = (SELECT workspace_id FROM billing_ledgeraccount WHERE id = %s) AND starts_at = %s
AND scope IN ({marks})
"""


def _open(  # noqa: PLR0913 -- the row, and what it counts
    sql: Session, workspace: Workspace, scope: str, cap: int, month: tuple[datetime, datetime], *, but_for: int = 0
) -> None:
    """A month's row, counting what its holds have taken already, ``but_for`` the one that is being placed."""
    kind, _, name = scope.partition(":")
    mine, names = (f"AND h.{kind} = %s", [name]) if kind in KINDS else ("", [])
    first, following = map(sql.stamp, month)
    code = accounts.wallet_code(workspace)
    ((spent, reserved),) = sql.run(_COUNT.format(mine=mine), [code, first, following, but_for, *names])
    spent, reserved = int(spent), int(reserved)
    beyond = max(spent + reserved - cap, 0)
    percent = notices.level(cap, spent + reserved)
    sql.change(_OPEN, [workspace.pk, scope, first, following, cap, beyond, spent, reserved, percent])


_COUNT = """
SELECT COALESCE(SUM(COALESCE(h.settled_micros, 0) - h.returned_micros), 0),
       COALESCE(SUM(CASE WHEN h.state = 'open' THEN h.amount_micros ELSE 0 END), 0)
FROM billing_hold h JOIN billing_ledgeraccount a ON a.id = h.account_id
WHERE a.code = %s AND h.created_at >= %s AND h.created_at < %s AND h.id <> %s {mine}
"""
_OPEN = """
INSERT INTO billing_budgetperiod (
    workspace_id, scope, starts_at, ends_at, cap_micros, beyond_micros, spent_micros, reserved_micros, told_percent
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


# --- Setting a budget -------------------------------------------------------------------------------------------------


def set_budget(workspace: Workspace, scope: str, amount_micros: int | None, *, user: User | None) -> Budget | None:
    """Set what ``scope`` may spend a month, from this one on; None takes the budget away. Idempotent.

    One below what is used already refuses everything new until the month ends. Raises ValueError with a sentence for
    a scope or an amount that can't be.
    """
    _checked(scope)
    if amount_micros is not None and not 0 <= amount_micros <= MAX_MICROS:
        raise ValueError(f"The cap is {usd(amount_micros)} a month; it must be $0 to {usd(MAX_MICROS)}.")
    wallet = accounts.wallet(workspace)
    with raw.atomically() as sql:
        # For the lock: who places or closes a hold moves this row first, and so sees the budget or waits for it.
        sql.change("UPDATE billing_ledgeraccount SET capped = TRUE WHERE id = %s", [wallet.pk])
        now = timezone.now()
        if amount_micros is None:
            Budget.objects.filter(workspace=workspace, scope=scope).delete()
            BudgetPeriod.objects.filter(workspace=workspace, scope=scope, ends_at__gt=now).delete()
            sync_token_cap(workspace, scope, None)
            _record(workspace, scope, "no more", user)
            return None
        budget, _ = Budget.objects.update_or_create(
            workspace=workspace, scope=scope, defaults={"cap_micros": amount_micros, "set_by": user, "set_at": now}
        )
        _change_period(sql, workspace, scope, amount_micros, now)
        sync_token_cap(workspace, scope, amount_micros)
        _record(workspace, scope, usd(amount_micros), user)
    return budget


def _record(workspace: Workspace, scope: str, cap: str, user: User | None) -> None:
    what = f"The monthly cap of {scope} is {cap}"
    record("budget.set", what, workspace=workspace, target=scope, by=user)


def _change_period(sql: Session, workspace: Workspace, scope: str, cap: int, now: datetime) -> None:
    month = month_of(now)
    period = BudgetPeriod.objects.filter(workspace=workspace, scope=scope, starts_at=month[0]).first()
    if period is None:
        _open(sql, workspace, scope, cap, month)
        return
    period.cap_micros, period.beyond_micros = cap, max(period.used_micros - cap, 0)
    # Who sets the budget sees how full it is, and needs no mail about it.
    period.told_percent = max(period.told_percent, notices.level(cap, period.used_micros))
    period.save(update_fields=["cap_micros", "beyond_micros", "told_percent"])


# --- A token's budget stands on its own row, too ----------------------------------------------------------------------


def sync_token_cap(workspace: Workspace, scope: str, cap_micros: int | None) -> None:
    """Copy a token's budget to the rows of its lineage, which say it to people; what binds is the budget."""
    kind, _, lineage = scope.partition(":")
    if kind == "token":
        ApiToken.objects.filter(workspace=workspace, lineage=lineage).update(monthly_cap_micros=cap_micros)


def watch_for_new_tokens() -> None:
    """A token that is made with a cap has its budget from its first request on; a rotated one keeps its lineage's."""
    post_save.connect(_budget_new_token, sender=ApiToken, dispatch_uid="billing.budget_new_token")


def _budget_new_token(instance: ApiToken, *, created: bool, raw: bool = False, **_: Any) -> None:
    if created and not raw and instance.monthly_cap_micros is not None and instance.lineage == instance.pk:
        set_budget(instance.workspace, f"token:{instance.lineage}", instance.monthly_cap_micros, user=instance.made_by)


# --- What people are told --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget and what is left of it this month; all amounts are micro-dollars."""

    scope: str
    label: str
    url: str
    cap_micros: int
    spent_micros: int
    reserved_micros: int
    renews_at: datetime

    @property
    def used_micros(self) -> int:
        return self.spent_micros + self.reserved_micros

    @property
    def left_micros(self) -> int:
        return max(self.cap_micros - self.used_micros, 0)

    @property
    def percent(self) -> int:
        """Of the budget that is used, at most 100."""
        return min(self.used_micros * 100 // self.cap_micros, 100) if self.cap_micros else 100


def standings(workspace: Workspace, scopes: Sequence[str] | None = None) -> list[Standing]:
    """Every budget of the workspace, or those that bear on ``scopes``, the fullest first."""
    first, following = month_of(timezone.now())
    rows = Budget.objects.filter(workspace=workspace).order_by("scope")
    if scopes is not None:
        rows = rows.filter(scope__in=[WORKSPACE, *scopes])
    caps = dict(rows.values_list("scope", "cap_micros"))
    if not caps:
        return []
    periods = BudgetPeriod.objects.filter(workspace=workspace, starts_at=first, scope__in=caps)
    used = {scope: (spent, held) for scope, spent, held in periods.values_list(*_USED)}
    names = names_of(workspace, caps)
    found = []
    for scope, cap in caps.items():
        named = names.get(scope)
        label, url = (named.label, named.url) if named else (scope, "")
        found.append(Standing(scope, label, url, cap, *used.get(scope, (0, 0)), following))
    return sorted(found, key=lambda standing: -standing.percent)


_USED = ("scope", "spent_micros", "reserved_micros")


def refusal_of(workspace: Workspace, scopes: Sequence[str], amount_micros: int) -> BudgetReached | None:
    """Why a hold of ``amount_micros`` would be refused now by the budget with the least room; None if none would."""
    full = [standing for standing in standings(workspace, scopes) if standing.left_micros < amount_micros]
    if not full or not amount_micros:
        return None
    return budget_reached_error(workspace, min(full, key=lambda standing: standing.left_micros), amount_micros)


def budget_reached_error(workspace: Workspace, full: Standing | BudgetFullError, amount_micros: int) -> BudgetReached:
    starts_at, renews_at = month_of(timezone.now())
    return BudgetReached(
        scope=full.scope,
        whose=name_of(workspace, full.scope),
        needed_micros=amount_micros,
        cap_micros=full.cap_micros,
        spent_micros=full.spent_micros,
        reserved_micros=full.reserved_micros,
        starts_at=starts_at,
        renews_at=renews_at,
    )
