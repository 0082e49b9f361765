"""Low-balance notice: once each time that what is available falls below the wallet's mark.

``place_hold`` sees it fall, for nothing, and queues ``billing.check_low_balance``; the sweep sees what was dropped.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.events import publish
from billing.ledger import accounts
from billing.models import LedgerAccount
from billing.topups import mail

logger = logging.getLogger(__name__)


def check_low_balance(workspace: Workspace) -> bool:
    """Publish a low balance, if it is still low and was not told since it was last above. Safe to repeat."""
    with transaction.atomic():
        wallet = LedgerAccount.objects.select_for_update().get(pk=accounts.wallet(workspace).pk)
        mark = accounts.low_mark_of(wallet.low_mark)
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
