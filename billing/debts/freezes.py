"""Freezes of a wallet by the rules: a payment is disputed or was lost to a dispute, or something is owed.

An operator's own freeze is told by its reason and is never lifted here.
"""

from __future__ import annotations

from django.db import transaction

from avatarsite.workspaces.models import Workspace
from billing.debts.receivables import owed_micros
from billing.ledger import accounts
from billing.models import Dispute, DisputeState

DISPUTED = "a payment is disputed at the bank"
LOST = "a payment was taken back by the bank"
OWED = "a payment was given back after its credit was spent"
OURS = (DISPUTED, LOST, OWED)


def why_frozen(workspace: Workspace) -> str:
    """The reason that the rules give at this moment, or ""."""
    disputes = Dispute.objects.filter(top_up__workspace=workspace, cleared_at=None)
    if disputes.filter(state=DisputeState.OPEN).exists():
        return DISPUTED
    if disputes.filter(state=DisputeState.LOST).exists():
        return LOST
    return OWED if owed_micros(workspace) > 0 else ""


def apply_freeze(workspace: Workspace) -> None:
    """Freeze or unfreeze as the rules say now, in the transaction that changed something. Safe to repeat."""
    reason, wallet = why_frozen(workspace), accounts.wallet(workspace)
    if wallet.frozen_at and wallet.frozen_reason not in OURS:
        return
    if reason == wallet.frozen_reason and bool(reason) == bool(wallet.frozen_at):
        return
    if wallet.frozen_at:
        accounts.unfreeze(workspace)
    if reason:
        accounts.freeze(workspace, reason=reason)


def freeze_by_hand(workspace: Workspace, *, reason: str) -> bool:
    """An operator's own freeze, with a reason that is none of ours. False when the wallet was frozen before."""
    if not reason.strip() or reason.strip() in OURS:
        raise ValueError("The reason is empty, or one that the rules give; write your own.")
    if accounts.wallet(workspace).frozen_at:
        return False
    accounts.freeze(workspace, reason=reason.strip())
    return True


def end_own_freeze(workspace: Workspace) -> bool:
    """End an operator's own freeze; what the rules say counts again. False when there was none."""
    with transaction.atomic():
        wallet = accounts.wallet(workspace)
        if not wallet.frozen_at or wallet.frozen_reason in OURS:
            return False
        accounts.unfreeze(workspace)
        apply_freeze(workspace)
    return True


def told_reason(workspace: Workspace) -> str:
    """What the workspace's people may read of why it is frozen: an operator's own words are for operators."""
    wallet = accounts.wallet(workspace)
    return wallet.frozen_reason if wallet.frozen_at and wallet.frozen_reason in OURS else ""
