"""Budgets of a workspace, a project, a member and an API token, by day, week and month; and their locks.

What a hold takes is reserved in the hold's own transaction, by a conditional UPDATE of each period's row with a CHECK
behind it. Whoever calls has moved the wallet's account before and so owns every counter of its workspace: no two
requests reserve at once, and none can be refused for room that another gives back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.db import raw
from avatarsite.db.raw import Session
from avatarsite.workspaces.models import ApiToken, User, Workspace
from billing.budgets import notices
from billing.errors import BudgetReached, SpendingLocked
from billing.labels import KINDS, name_of, names_of
from billing.ledger import accounts
from billing.models import Budget, BudgetPeriod, Hold, Period, SpendLock
from billing.money import MAX_MICROS, usd

__all__ = ["BudgetReached", "Parties", "Standing", "refusal_of", "set_budget", "standings"]
WORKSPACE = "workspace"


class BudgetFullError(Exception):
    """A budget has no room. The caller's savepoint takes back what was written; ``budget_reached_error`` tells it."""

    def __init__(self, scope: str, period: str, cap_micros: int, spent_micros: int, reserved_micros: int) -> None:
        super().__init__(scope)
        self.scope, self.period, self.cap_micros = scope, period, cap_micros
        self.spent_micros, self.reserved_micros = spent_micros, reserved_micros


class ScopeLockedError(BudgetFullError):
    """Somebody has locked the scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope, Period.MONTH, 0, 0, 0)


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


def window_of(period: str, moment: datetime) -> tuple[datetime, datetime]:
    """The first moment of the day, week or month, in UTC, and that of the next."""
    if period == Period.MONTH:
        return month_of(moment)
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == Period.DAY:
        return day, day + timedelta(days=1)
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=7)


# The rows of the periods that a moment is in; its parameters are ``_starts``.
_NOW = "({p}period = 'day' AND {p}starts_at = %s OR {p}period = 'week' AND {p}starts_at = %s \
OR {p}period = 'month' AND {p}starts_at = %s)"

_HERE = _NOW.format(p="")


def _starts(sql: Session, moment: datetime) -> list[Any]:
    return [sql.stamp(window_of(period, moment)[0]) for period in (Period.DAY, Period.WEEK, Period.MONTH)]


# --- In the transaction of a hold ---------------------------------------------------------------------------------


def reserve(  # noqa: PLR0913 -- whose hold it is, and how much of what
    sql: Session, workspace: Workspace, parties: Parties, amount: int, now: datetime, *, hold_id: int
) -> None:
    """Reserve ``amount`` micro-dollars of every budget that bears on a hold.

    BudgetFullError where one is full; ScopeLockedError where somebody has locked one of them.
    """
    scopes, starts = parties.scopes, _starts(sql, now)
    marks = ", ".join(["%s"] * len(scopes))
    for (locked,) in sql.run(_LOCKED.format(marks=marks), [workspace.pk, *scopes]):
        raise ScopeLockedError(locked)
    found = sql.run(_BUDGETS.format(marks=marks, now=_NOW.format(p="p.")), [*starts, workspace.pk, *scopes])
    if not found:
        return
    for scope, period, cap, period_id in found:
        if period_id is None:
            _open(sql, workspace, scope, cap, period, now, but_for=hold_id)
    taken = sql.run(_TAKE.format(marks=marks, now=_HERE), [amount, workspace.pk, *starts, *scopes, amount])
    if len(taken) < len(found):
        # Those that had room have taken it already, and are not the reason.
        had_room = {tuple(row[:2]) for row in taken}
        rows = sql.run(_FULL.format(marks=marks, now=_HERE), [workspace.pk, *starts, *scopes, amount])
        full = next(row for row in rows if tuple(row[:2]) not in had_room)
        raise BudgetFullError(*full)
    for scope, period, *used in taken:
        notices.note_use(sql, workspace, scope, window_of(period, now)[0], notices.Use(*used), period)


_LOCKED = "SELECT scope FROM billing_spendlock WHERE workspace_id = %s AND scope IN ({marks}) ORDER BY scope LIMIT 1"
_BUDGETS = """
SELECT b.scope, b.period, b.cap_micros, p.id FROM billing_budget b
LEFT JOIN billing_budgetperiod p
ON p.workspace_id = b.workspace_id AND p.scope = b.scope AND p.period = b.period AND {now}
WHERE b.workspace_id = %s AND b.scope IN ({marks})
"""
_TAKE = """
UPDATE billing_budgetperiod SET reserved_micros = reserved_micros + %s
WHERE workspace_id = %s AND {now} AND scope IN ({marks})
AND cap_micros - spent_micros - reserved_micros >= %s
RETURNING scope, period, cap_micros, spent_micros, reserved_micros, told_percent
"""
_FULL = """
SELECT scope, period, cap_micros, spent_micros, reserved_micros FROM billing_budgetperiod
WHERE workspace_id = %s AND {now} AND scope IN ({marks})
AND cap_micros - spent_micros - reserved_micros < %s
ORDER BY cap_micros - spent_micros - reserved_micros, starts_at, scope
"""


def settle(sql: Session, hold: Hold, charged: int) -> None:
    """Turn what a hold has reserved into what it has spent, in the periods in which it was placed."""
    _count(sql, hold, reserved=-hold.amount_micros, spent=charged)


def take_off(sql: Session, hold: Hold, returned: int) -> None:
    """Count what is given back of a charge as not spent, in the periods in which its hold was placed."""
    _count(sql, hold, reserved=0, spent=-returned)


def _count(sql: Session, hold: Hold, *, reserved: int, spent: int) -> None:
    scopes = Parties(hold.project, hold.member, hold.token).scopes
    marks = ", ".join(["%s"] * len(scopes))
    starts = _starts(sql, hold.created_at)
    sql.change(_COUNT_ON.format(marks=marks, now=_HERE), [reserved, spent, hold.account_id, *starts, *scopes])


_COUNT_ON = """
UPDATE billing_budgetperiod SET reserved_micros = reserved_micros + %s, spent_micros = spent_micros + %s
WHERE workspace_id = (SELECT workspace_id FROM billing_ledgeraccount WHERE id = %s) AND {now}
AND scope IN ({marks})
"""


def _open(  # noqa: PLR0913, PLR0917 -- the row, and what it counts
    sql: Session, workspace: Workspace, scope: str, cap: int, period: str, now: datetime, *, but_for: int = 0
) -> None:
    """A period's row, counting what its holds have taken already, ``but_for`` the one that is being placed."""
    kind, _, name = scope.partition(":")
    mine, names = (f"AND h.{kind} = %s", [name]) if kind in KINDS else ("", [])
    first, following = map(sql.stamp, window_of(period, now))
    code = accounts.wallet_code(workspace)
    ((spent, reserved),) = sql.run(_COUNT.format(mine=mine), [code, first, following, but_for, *names])
    spent, reserved = int(spent), int(reserved)
    beyond = max(spent + reserved - cap, 0)
    percent = notices.level(cap, spent + reserved)
    sql.change(_OPEN, [workspace.pk, scope, period, first, following, cap, beyond, spent, reserved, percent])


_COUNT = """
SELECT COALESCE(SUM(COALESCE(h.settled_micros, 0) - h.returned_micros), 0),
       COALESCE(SUM(CASE WHEN h.state = 'open' THEN h.amount_micros ELSE 0 END), 0)
FROM billing_hold h JOIN billing_ledgeraccount a ON a.id = h.account_id
WHERE a.code = %s AND h.created_at >= %s AND h.created_at < %s AND h.id <> %s {mine}
"""
_OPEN = """
INSERT INTO billing_budgetperiod (
    workspace_id, scope, period, starts_at, ends_at, cap_micros, beyond_micros, spent_micros, reserved_micros,
    told_percent
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


# --- Setting a budget -------------------------------------------------------------------------------------------------


def set_budget(
    workspace: Workspace, scope: str, amount_micros: int | None, *, user: User | None, period: str = Period.MONTH
) -> Budget | None:
    """Set what ``scope`` may spend in a period, from this one on; None takes the budget away. Idempotent.

    One below what is used already refuses everything new until the period ends. Raises ValueError with a sentence for
    a scope or an amount that can't be.
    """
    _checked(scope)
    if amount_micros is not None and not 0 <= amount_micros <= MAX_MICROS:
        raise ValueError(f"The cap is {usd(amount_micros)} a {period}; it must be $0 to {usd(MAX_MICROS)}.")
    of_scope: dict[str, Any] = {"workspace": workspace, "scope": scope, "period": Period(period)}
    wallet = accounts.wallet(workspace)
    with raw.atomically() as sql:
        _own_the_wallet(sql, wallet.pk)
        now = timezone.now()
        if amount_micros is None:
            Budget.objects.filter(**of_scope).delete()
            BudgetPeriod.objects.filter(**of_scope, ends_at__gt=now).delete()
            sync_token_cap(workspace, scope, None, period)
            _record(workspace, scope, "no more", user, period)
            return None
        budget, _ = Budget.objects.update_or_create(
            **of_scope, defaults={"cap_micros": amount_micros, "set_by": user, "set_at": now}
        )
        _change_period(sql, workspace, scope, amount_micros, period, now)
        sync_token_cap(workspace, scope, amount_micros, period)
        _record(workspace, scope, usd(amount_micros), user, period)
    return budget


def _own_the_wallet(sql: Session, wallet_id: int) -> None:
    """For the lock: who places or closes a hold moves this row first, and so sees what is set or waits for it."""
    sql.change("UPDATE billing_ledgeraccount SET capped = TRUE WHERE id = %s", [wallet_id])


def _record(workspace: Workspace, scope: str, cap: str, user: User | None, period: str) -> None:
    what = f"The {Period(period).label} cap of {scope} is {cap}"
    record("budget.set", what, workspace=workspace, target=scope, by=user)


def _change_period(  # noqa: PLR0913, PLR0917 -- the row
    sql: Session, workspace: Workspace, scope: str, cap: int, period: str, now: datetime
) -> None:
    first, _ = window_of(period, now)
    row = BudgetPeriod.objects.filter(workspace=workspace, scope=scope, period=period, starts_at=first).first()
    if row is None:
        _open(sql, workspace, scope, cap, period, now)
        return
    row.cap_micros, row.beyond_micros = cap, max(row.used_micros - cap, 0)
    # Who sets the budget sees how full it is, and needs no mail about it.
    row.told_percent = max(row.told_percent, notices.level(cap, row.used_micros))
    row.save(update_fields=["cap_micros", "beyond_micros", "told_percent"])


# --- Locks ------------------------------------------------------------------------------------------------------------


def lock(workspace: Workspace, scope: str, *, user: User | None) -> SpendLock:
    """Let ``scope`` spend nothing until it is unlocked; what is being made goes on. Idempotent. ValueError."""
    _checked(scope)
    wallet = accounts.wallet(workspace)
    with raw.atomically() as sql:
        _own_the_wallet(sql, wallet.pk)
        fresh = {"locked_by": user, "locked_at": timezone.now()}
        found, is_new = SpendLock.objects.get_or_create(workspace=workspace, scope=scope, defaults=fresh)
        if is_new:
            record("budget.locked", f"{scope} was locked", workspace=workspace, target=scope, by=user)
    return found


def unlock(workspace: Workspace, scope: str, *, user: User | None) -> None:
    """Let it spend again, within its caps. Idempotent."""
    with transaction.atomic():
        if SpendLock.objects.filter(workspace=workspace, scope=scope).delete()[0]:
            record("budget.unlocked", f"{scope} was unlocked", workspace=workspace, target=scope, by=user)


def locked_in(workspace: Workspace, scopes: Sequence[str] | None = None) -> list[str]:
    """The scopes that are locked: all, or those that bear on ``scopes``."""
    rows = SpendLock.objects.filter(workspace=workspace).order_by("scope")
    if scopes is not None:
        rows = rows.filter(scope__in=[WORKSPACE, *scopes])
    return list(rows.values_list("scope", flat=True))


# --- A token's budget stands on its own row, too ----------------------------------------------------------------------


def sync_token_cap(workspace: Workspace, scope: str, cap_micros: int | None, period: str = Period.MONTH) -> None:
    """Copy a token's monthly budget to the rows of its lineage, which say it to people; what binds is the budget."""
    kind, _, lineage = scope.partition(":")
    if kind == "token" and period == Period.MONTH:
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
    """A budget and what is left of it in this period; all amounts are micro-dollars."""

    scope: str
    label: str
    url: str
    cap_micros: int
    spent_micros: int
    reserved_micros: int
    renews_at: datetime
    period: str = Period.MONTH

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
    now = timezone.now()
    rows = Budget.objects.filter(workspace=workspace).order_by("scope", "period")
    if scopes is not None:
        rows = rows.filter(scope__in=[WORKSPACE, *scopes])
    caps = list(rows.values_list("scope", "period", "cap_micros"))
    if not caps:
        return []
    here = {scope for scope, _, _ in caps}
    windows = {period: window_of(period, now) for period in Period.values}
    periods = BudgetPeriod.objects.filter(workspace=workspace, ends_at__gt=now, starts_at__lte=now, scope__in=here)
    used = {(scope, period): (spent, held) for scope, period, spent, held in periods.values_list(*_USED)}
    names = names_of(workspace, here)
    found = []
    for scope, period, cap in caps:
        named = names.get(scope)
        label, url = (named.label, named.url) if named else (scope, "")
        spent, held = used.get((scope, period), (0, 0))
        found.append(Standing(scope, label, url, cap, spent, held, windows[period][1], period))
    return sorted(found, key=lambda standing: -standing.percent)


_USED = ("scope", "period", "spent_micros", "reserved_micros")


def refusal_of(workspace: Workspace, scopes: Sequence[str], amount_micros: int) -> BudgetReached | None:
    """Why a hold of ``amount_micros`` would be refused now by a lock or the budget with the least room; None if not."""
    if amount_micros and (locked := locked_in(workspace, scopes)):
        return budget_reached_error(workspace, ScopeLockedError(locked[0]), amount_micros)
    full = [standing for standing in standings(workspace, scopes) if standing.left_micros < amount_micros]
    if not full or not amount_micros:
        return None
    return budget_reached_error(workspace, min(full, key=lambda standing: standing.left_micros), amount_micros)


def budget_reached_error(workspace: Workspace, full: Standing | BudgetFullError, amount_micros: int) -> BudgetReached:
    whose = name_of(workspace, full.scope)
    if isinstance(full, ScopeLockedError):
        return SpendingLocked(scope=full.scope, whose=whose, needed_micros=amount_micros)
    starts_at, renews_at = window_of(full.period, timezone.now())
    return BudgetReached(
        scope=full.scope,
        whose=whose,
        period=full.period,
        word=Period(full.period).label,
        needed_micros=amount_micros,
        cap_micros=full.cap_micros,
        spent_micros=full.spent_micros,
        reserved_micros=full.reserved_micros,
        starts_at=starts_at,
        renews_at=renews_at,
    )
