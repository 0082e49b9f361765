"""Receivables: paid credit that was refunded or disputed after it had been spent.

``receivable:<workspace>`` is debited with what is owed and credited with what is collected. While something is owed
the wallet is frozen; free paid credit, such as the next top-up, pays it first, and staff may give it up
(``billing/debts/write_offs.py``).
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import BigIntegerField, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from avatarsite.workspaces.models import Workspace
from billing.debts.clawback import claw_back, lock_wallet
from billing.ledger import accounts, posting
from billing.models import LedgerAccount, Transfer, TransferKind

logger = logging.getLogger(__name__)

PREFIX = "receivable:"
COLLECTED, WRITTEN_OFF = "collect:", "forgive:"


def receivable(workspace: Workspace) -> LedgerAccount:
    return accounts.platform(f"{PREFIX}{workspace.pk}")


def owed_micros(workspace: Workspace) -> int:
    """What the workspace owes now; 0 when nothing. Reading it writes nothing."""
    account = LedgerAccount.objects.filter(code=f"{PREFIX}{workspace.pk}").first()
    return _balance(account) if account else 0


def _balance(account: LedgerAccount) -> int:
    # A query for each side: for "this side or that" SQLite reads the whole ledger.
    return _moved(debit=account) - _moved(credit=account)


def _moved(**side: LedgerAccount) -> int:
    return int(Transfer.objects.filter(**side).aggregate(sum=Sum("amount_micros", default=0))["sum"])


def settle_receivable(workspace: Workspace) -> int:
    """Bring what is owed and what was collected for it together. Returns what is owed after it. Safe to repeat.

    When a debt turned out to be none (a refund failed, a dispute was won), what was collected for it goes back to the
    lots that it came from, and what was given up is no longer; when there is one, free paid credit pays it.
    """
    account = receivable(workspace)
    with transaction.atomic():
        wallet = lock_wallet(workspace)
        owed = _balance(account)
        while owed < 0 and (collected := _newest_collected(account)):
            posting.reverse(collected, reason="Given back: it is not owed after all")
            owed += collected.amount_micros
        if owed < 0:
            owed += _reduce_write_off(account, -owed)
        if owed:
            wallet.refresh_from_db()
            owed -= claw_back(
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


def _newest_collected(account: LedgerAccount) -> Transfer | None:
    open_ones = Transfer.objects.filter(credit=account, key__startswith=COLLECTED, reversals=None)
    return open_ones.select_related("debit", "credit", "lot", "hold").order_by("-pk").first()


def _reduce_write_off(account: LedgerAccount, amount_micros: int) -> int:
    """Take back a part of what was given up: it was never owed. Not by a reversal, which would take back the whole."""
    given_up = Transfer.objects.filter(credit=account, key__startswith=WRITTEN_OFF)
    if not given_up.exists():
        raise RuntimeError(f"{account} owes less than nothing; run manage.py verify_ledger.")
    posting.post(
        kind=TransferKind.WRITE_OFF,
        debit=account,
        credit=accounts.platform(accounts.WRITE_OFF),
        amount_micros=amount_micros,
        key=f"un{WRITTEN_OFF}{account.pk}:{Transfer.objects.filter(debit=account).count() + 1}",
        memo="It was not owed after all, so it was not given up either",
    )
    return amount_micros


def in_debt() -> list[Workspace]:
    """Workspaces that owe something, for the sweep."""
    debts = LedgerAccount.objects.filter(code__startswith=PREFIX).annotate(
        owed=_sum_of("debit") - _sum_of("credit"),
    )
    codes = debts.filter(owed__gt=0).values_list("code", flat=True)
    return list(Workspace.objects.filter(pk__in=[code.removeprefix(PREFIX) for code in codes]))


def _sum_of(side: str) -> Coalesce:
    moved = Transfer.objects.filter(**{side: OuterRef("pk")}).values(side).annotate(sum=Sum("amount_micros"))
    return Coalesce(Subquery(moved.values("sum")), 0, output_field=BigIntegerField())
