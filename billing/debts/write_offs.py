"""Write-offs: a debt given up as goodwill."""

from __future__ import annotations

import logging

from django.db import transaction

from avatarsite.workspaces.models import User, Workspace
from billing.debts.clawback import lock_wallet
from billing.debts.freezes import apply_freeze
from billing.debts.receivables import WRITTEN_OFF, owed_micros, receivable
from billing.ledger import accounts, posting
from billing.models import Transfer, TransferKind
from billing.money import usd

logger = logging.getLogger(__name__)


def write_off(workspace: Workspace, *, reason: str, token: str, actor: User | None = None) -> int:
    """Write off what the workspace owes, and let its wallet go on. Returns how much, in micro-dollars.

    A repeat with the token adds none. Raises ValueError without a reason.
    """
    if not reason.strip():
        raise ValueError("The reason is empty; write why this is given up.")
    with transaction.atomic():
        lock_wallet(workspace)
        owed = owed_micros(workspace)
        if owed <= 0 or Transfer.objects.filter(key=f"{WRITTEN_OFF}{token}").exists():
            return 0
        posting.post(
            kind=TransferKind.WRITE_OFF,
            debit=accounts.platform(accounts.WRITE_OFF),
            credit=receivable(workspace),
            amount_micros=owed,
            key=f"{WRITTEN_OFF}{token}",
            memo=reason.strip(),
            actor=actor,
        )
        apply_freeze(workspace)
    logger.warning("Gave up %s of %s: %s", usd(owed), workspace.pk, reason.strip())
    return owed
