"""Clawback of bought credit out of a wallet: for refunds, disputes and debts.

Taken is what is free of paid credit: first of the lot that the payment bought, then of other paid lots in burn order.
Bonus credit was not bought and stays, and what an open hold has taken stays held. No wallet ever falls below zero;
what can't be taken is owed (``billing/debts/receivables.py``).
"""

from __future__ import annotations

import uuid

from django.db import transaction
from django.db.models import F

from avatarsite.workspaces.models import User, Workspace
from billing.ledger import accounts, posting
from billing.models import CreditLot, LedgerAccount, LotCategory


def lock_wallet(workspace: Workspace) -> LedgerAccount:
    """The wallet, ours alone until the transaction ends, for amounts that are decided by reading."""
    return LedgerAccount.objects.select_for_update().get(pk=accounts.wallet(workspace).pk)


def claw_back(  # noqa: PLR0913 -- they are the columns of the rows
    workspace: Workspace,
    amount_micros: int,
    *,
    to: LedgerAccount,
    kind: str,
    key: str,
    subject: str,
    memo: str,
    first: CreditLot | None = None,
    actor: User | None = None,
) -> int:
    """Claw back what is free of ``amount_micros``, one transfer for each lot. Returns how many micro-dollars that was.

    The lots share one journal, so that the statement shows them as one line. Once per key is the caller's.
    """
    missing, journal = amount_micros, uuid.uuid4()
    with transaction.atomic():
        wallet = lock_wallet(workspace)
        for lot in _paid_lots(wallet, first):
            share = min(lot.remaining - lot.held, missing)
            if share <= 0:
                continue
            posting.post(
                kind=kind,
                debit=wallet,
                credit=to,
                amount_micros=share,
                key=f"{key}:{lot.pk}",
                memo=memo,
                subject=subject,
                lot=lot,
                actor=actor,
                journal=journal,
            )
            missing -= share
    return amount_micros - missing


def free_of(lot: CreditLot) -> int:
    """What of a lot is neither spent nor held, in micro-dollars."""
    return lot.remaining - lot.held


def _paid_lots(wallet: LedgerAccount, first: CreditLot | None) -> list[CreditLot]:
    lots = CreditLot.objects.filter(account=wallet, category=LotCategory.PAID, remaining__gt=F("held"))
    return sorted(
        lots.order_by("priority", F("expires_at").asc(nulls_last=True), "pk"),
        key=lambda lot: first is None or lot.pk != first.pk,
    )
