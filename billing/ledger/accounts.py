"""Ledger accounts: wallets of workspaces, and the platform's own; a wallet's balance, and its freeze."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from avatarsite.db import raw
from avatarsite.workspaces.models import Workspace
from billing.models import AccountKind, LedgerAccount

logger = logging.getLogger(__name__)

REVENUE = "revenue"
PROVIDER_COST = "provider_cost"
WRITE_OFF = "write_off"
GRANTS = "grants"
BREAKAGE = "breakage"
STRIPE_CLEARING = "stripe_clearing"
STRIPE_FEES = "stripe_fees"
REFUNDS, DISPUTES = "refunds", "disputes"
PLATFORM_CODES = frozenset(
    {
        REVENUE,
        PROVIDER_COST,
        WRITE_OFF,
        GRANTS,
        BREAKAGE,
        STRIPE_CLEARING,
        STRIPE_FEES,
        REFUNDS,
        DISPUTES,
        "adjustments",
    }
)
# One account for each name that follows: a provider, a customer.
PLATFORM_PREFIXES = ("provider_payable:", "receivable:")


# Below it a wallet's balance is low, where it has no mark of its own.
LOW_MARK_MICROS = 2_000_000


@dataclass(frozen=True, slots=True)
class Balance:
    """A wallet's micro-dollars at this moment.

    ``posted`` is what the statement's newest line says. ``paid`` and ``bonus`` are what of it can still be spent or is
    held; they are less than ``posted`` only between a lot's expiry and the sweep that books it. ``available`` is what a
    new hold could take.
    """

    posted_micros: int = 0
    held_micros: int = 0
    available_micros: int = 0
    paid_micros: int = 0
    bonus_micros: int = 0
    frozen_at: datetime | None = None


def low_mark_of(own_mark: int | None) -> int:
    return LOW_MARK_MICROS if own_mark is None else own_mark


def wallet_code(workspace: Workspace) -> str:
    return f"wallet:{workspace.pk}"


def wallet(workspace: Workspace) -> LedgerAccount:
    """The workspace's wallet; made when it's first asked for."""
    account, _ = LedgerAccount.objects.get_or_create(
        code=wallet_code(workspace), defaults={"kind": AccountKind.WALLET, "workspace": workspace, "tracked": True}
    )
    return account


def platform(code: str) -> LedgerAccount:
    """One of the platform's accounts by its code, made when it's first asked for. ValueError for a code not known."""
    name = next((code.removeprefix(prefix) for prefix in PLATFORM_PREFIXES if code.startswith(prefix)), "")
    if code not in PLATFORM_CODES and not name:
        raise ValueError(f"{code!r} is not a platform account; add it to PLATFORM_CODES if it should be one.")
    account, _ = LedgerAccount.objects.get_or_create(code=code, defaults={"kind": AccountKind.PLATFORM})
    return account


def balance(workspace: Workspace) -> Balance:
    """What the workspace has: one statement, so that its numbers are of one moment. No wallet yet is a zero balance."""
    sql = raw.Session()
    found = sql.run(_BALANCE, [sql.stamp(timezone.now()), wallet_code(workspace)])
    if not found:
        return Balance()
    posted, held, floor, lapsed, paid, bonus = (int(value) for value in found[0][:6])
    return Balance(
        posted_micros=posted,
        held_micros=held,
        available_micros=max(min(posted - held - floor - lapsed, paid + bonus - held), 0),
        paid_micros=paid,
        bonus_micros=bonus,
        frozen_at=_frozen_at(workspace) if found[0][6] else None,
    )


# What of a lot has lapsed can't be spent, except the part that an open hold has taken.
_BALANCE = """
SELECT a.posted, a.held, a.floor,
       COALESCE(SUM(l.remaining - l.live), 0),
       COALESCE(SUM(CASE WHEN l.category = 'paid' THEN l.live ELSE 0 END), 0),
       COALESCE(SUM(CASE WHEN l.category = 'bonus' THEN l.live ELSE 0 END), 0),
       a.frozen_at IS NOT NULL
FROM billing_ledgeraccount a
LEFT JOIN (
    SELECT account_id, category, remaining,
           CASE WHEN expires_at IS NULL OR expires_at > %s THEN remaining ELSE held END AS live
    FROM billing_creditlot WHERE remaining > 0
) l ON l.account_id = a.id
WHERE a.code = %s
GROUP BY a.id, a.posted, a.held, a.floor, a.frozen_at
"""


def _frozen_at(workspace: Workspace) -> datetime | None:
    return LedgerAccount.objects.values_list("frozen_at", flat=True).get(code=wallet_code(workspace))


def freeze(workspace: Workspace, *, reason: str) -> LedgerAccount:
    """Let nothing new be held from the wallet. Open holds go on, and history never changes. Freezing twice is once."""
    account = wallet(workspace)
    if LedgerAccount.objects.filter(pk=account.pk, frozen_at=None).update(
        frozen_at=timezone.now(), frozen_reason=reason
    ):
        logger.warning("Froze %s: %s", account.code, reason)
    account.refresh_from_db()
    return account


def unfreeze(workspace: Workspace) -> LedgerAccount:
    account = wallet(workspace)
    if LedgerAccount.objects.filter(pk=account.pk, frozen_at__isnull=False).update(frozen_at=None, frozen_reason=""):
        logger.warning("Unfroze %s", account.code)
    account.refresh_from_db()
    return account
