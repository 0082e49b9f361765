"""The credit of a workspace that is being closed: what stands against it, and what becomes of the rest."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from avatarsite.workspaces.suspension import asked_to_close, closing
from billing.debts import freezes
from billing.debts.clawback import lock_wallet
from billing.debts.receivables import owed_micros
from billing.ledger import accounts, lots
from billing.models import AutoTopUp, CreditLot, Dispute, DisputeState, Hold, HoldState, LotCategory, TopUp
from billing.models.stripe import UNDER_WAY
from billing.money import usd, usd_balance, usd_held

CLOSED = "the workspace is closed"


def watch_for_closing() -> None:
    asked_to_close.connect(_what_stands_against, dispatch_uid="billing.asked_to_close")
    closing.connect(_close_wallet, dispatch_uid="billing.closing")


def _what_stands_against(workspace: Workspace, *, forfeit: bool, **_: Any) -> list[str]:
    balance, owed = accounts.balance(workspace), owed_micros(workspace)
    top_ups = TopUp.objects.filter(workspace=workspace)
    disputed = Dispute.objects.filter(top_up__in=top_ups, state=DisputeState.OPEN)
    paid = 0 if forfeit else balance.paid_micros
    stands = {
        f"{usd_held(balance.held_micros)} is on hold for videos that are being made: wait for them, or give them up.": (
            Hold.objects.filter(account__code=accounts.wallet_code(workspace), state=HoldState.OPEN).exists()
        ),
        f"{usd_balance(paid)} of paid credit is left: refund it, or say that it lapses.": paid > 0,
        f"{usd(owed)} is owed: have it paid, or give it up.": owed > 0,
        "A top-up is on its way: wait for it, or decide on it.": top_ups.filter(state__in=UNDER_WAY).exists(),
        "A payment is disputed: wait for what the bank says.": disputed.exists(),
    }
    return [sentence for sentence, is_so in stands.items() if is_so]


def _close_wallet(workspace: Workspace, *, forfeit: bool, **_: Any) -> None:
    """Nothing is held or bought any more, and bonus credit lapses; with ``forfeit`` what was paid for does, too."""
    wallet, now = lock_wallet(workspace), timezone.now()
    if not wallet.frozen_at or wallet.frozen_reason in freezes.OURS:
        accounts.unfreeze(workspace)
        accounts.freeze(workspace, reason=CLOSED)
    AutoTopUp.objects.filter(workspace=workspace).update(enabled=False)
    ending = CreditLot.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), account=wallet, effective_at__lt=now)
    (ending if forfeit else ending.filter(category=LotCategory.BONUS)).update(expires_at=now)
    lots.expire_lots_of(wallet.pk, now)
