"""Low-balance notice: once each time that what is available falls below the wallet's mark.

``place_hold`` sees it fall, for nothing, and queues ``billing.check_low_balance``; the sweep sees what was dropped.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from avatarsite.queue import jobs
from avatarsite.workspaces.models import Workspace
from billing.events import publish
from billing.ledger import accounts
from billing.models import LedgerAccount
from billing.topups import mail

logger = logging.getLogger(__name__)

# For a wallet without a mark of its own.
MARK_MICROS = 2_000_000


def fell_below(left_micros: int, taken_micros: int, mark_micros: int | None) -> bool:
    """Whether taking ``taken_micros`` brought what is left from the mark or above to below it."""
    mark = MARK_MICROS if mark_micros is None else mark_micros
    return left_micros < mark <= left_micros + taken_micros


def nudge(workspace: Workspace) -> None:
    """Have somebody look, within the transaction of the hold."""
    jobs.enqueue("billing.check_low_balance", workspace_id=workspace.pk)


def check_low_balance(workspace: Workspace) -> bool:
    """Publish a low balance, if it is still low and was not told since it was last above. Safe to repeat."""
    with transaction.atomic():
        wallet = LedgerAccount.objects.select_for_update().get(pk=accounts.wallet(workspace).pk)
        mark = MARK_MICROS if wallet.low_mark is None else wallet.low_mark
        available = accounts.balance(workspace).available_micros
        if available >= mark:
            LedgerAccount.objects.filter(pk=wallet.pk).exclude(low_told_at=None).update(low_told_at=None)
            return False
        if wallet.low_told_at:
            return False
        now = timezone.now()
        LedgerAccount.objects.filter(pk=wallet.pk).update(low_told_at=now)
        publish(
            workspace,
            "balance.low",
            subject=f"workspace:{workspace.pk}",
            data={"available_micros": available, "mark_micros": mark},
        )
        mail.mail_low_balance(workspace, available, now)
    logger.info("%s has %d micro-dollars available, below its mark of %d", workspace.pk, available, mark)
    return True
