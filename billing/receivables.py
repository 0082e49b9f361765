"""What a workspace owes: paid credit that was refunded or disputed after it had been spent.

``receivable:<workspace>`` is debited with what is owed and credited with what is collected. While something is owed
the wallet is frozen; free paid credit, such as the next top-up, pays it first.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import Q, Sum

from avatarsite.workspaces.models import User, Workspace
from billing import accounts, ledger
from billing.models import LedgerAccount, Transfer, TransferKind
from billing.taking import lock_wallet, take_credit

logger = logging.getLogger(__name__)

COLLECTED = "collect:"


def receivable(workspace: Workspace) -> LedgerAccount:
    return accounts.platform(f"receivable:{workspace.pk}")


def owed_micros(workspace: Workspace) -> int:
    """What the workspace owes now; 0 when nothing."""
    return _balance(receivable(workspace))


def _balance(account: LedgerAccount) -> int:
    sums = Transfer.objects.filter(Q(debit=account) | Q(credit=account)).aggregate(
        owed=Sum("amount_micros", filter=Q(debit=account), default=0),
        paid=Sum("amount_micros", filter=Q(credit=account), default=0),
    )
    return int(sums["owed"]) - int(sums["paid"])


def settle_receivable(workspace: Workspace) -> int:
    """Bring what is owed and what was collected for it together. Returns what is owed after it. Safe to repeat.

    When a debt turned out to be none (a refund failed, a dispute was won), what was collected for it goes back to the
    lots that it came from; when there is one, free paid credit pays it.
    """
    account = receivable(workspace)
    with transaction.atomic():
        wallet = lock_wallet(workspace)
        owed = _balance(account)
        while owed < 0:
            collected = _newest_collected(account)
            ledger.reverse(collected, reason="Given back: it is not owed after all")
            owed += collected.amount_micros
        if owed:
            wallet.refresh_from_db()
            owed -= take_credit(
                workspace,
                owed,
                to=account,
                kind=TransferKind.CLAWBACK,
                # The number of the wallet's next line: what is owed may be paid in parts.
                key=f"{COLLECTED}{wallet.pk}:{wallet.seq + 1}",
                subject="",
                memo="Paid for credit that was refunded or disputed after it was spent",
            )
    return owed


def _newest_collected(account: LedgerAccount) -> Transfer:
    open_ones = Transfer.objects.filter(credit=account, key__startswith=COLLECTED, reversals=None)
    found = open_ones.select_related("debit", "credit", "lot", "hold").order_by("-pk").first()
    if found is None:
        raise RuntimeError(f"{account} owes less than nothing; run manage.py verify_ledger.")
    return found


def forgive(workspace: Workspace, *, reason: str, actor: User | None = None, token: str) -> int:
    """Give up what the workspace owes, as a write-off. Returns how much that was; a repeat with the token adds none."""
    if not reason.strip():
        raise ValueError("The reason is empty; write why this is given up.")
    account = receivable(workspace)
    with transaction.atomic():
        lock_wallet(workspace)
        owed = _balance(account)
        if owed <= 0 or Transfer.objects.filter(key=f"forgive:{token}").exists():
            return 0
        ledger.post(
            kind=TransferKind.WRITE_OFF,
            debit=accounts.platform(accounts.WRITE_OFF),
            credit=account,
            amount_micros=owed,
            key=f"forgive:{token}",
            memo=reason.strip(),
            actor=actor,
        )
    return owed


def in_debt() -> list[Workspace]:
    """Workspaces that owe something, for the sweep."""
    accounts_of_debt = LedgerAccount.objects.filter(code__startswith="receivable:")
    owing = [account for account in accounts_of_debt if _balance(account) > 0]
    return list(Workspace.objects.filter(pk__in=[account.code.removeprefix("receivable:") for account in owing]))
