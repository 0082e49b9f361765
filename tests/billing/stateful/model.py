"""The ledger as a person would tell it, in plain Python: what ``ledger_machine`` holds the real one against."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from avatarsite.workspaces.models import Workspace
from billing.errors import InsufficientCredit, WalletFrozen

START = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class ModelLot:
    order: int
    key: str
    category: str
    priority: int
    granted: int
    expires_at: datetime | None
    remaining: int
    held: int = 0

    @property
    def free(self) -> int:
        return self.remaining - self.held

    @property
    def burns(self) -> tuple[int, float, str, int]:
        expiry = self.expires_at.timestamp() if self.expires_at else float("inf")
        return self.priority, expiry, self.category, self.order


@dataclass(eq=False)
class ModelHold:
    wallet: ModelWallet
    key: str
    subject: str
    amount: int
    shares: list[tuple[ModelLot, int]]
    state: str = "open"
    settled: int | None = None
    returned: int = 0


@dataclass(eq=False)
class ModelCharge:
    """One settle transfer."""

    wallet: ModelWallet
    key: str
    lot: ModelLot
    amount: int
    reversed: bool = False


@dataclass(eq=False)
class ModelWallet:
    workspace: Workspace
    lots: list[ModelLot] = field(default_factory=list)
    holds: list[ModelHold] = field(default_factory=list)
    frozen: bool = False

    @property
    def posted(self) -> int:
        return sum(lot.remaining for lot in self.lots)

    @property
    def held(self) -> int:
        return sum(hold.amount for hold in self.holds if hold.state == "open")


class Model:
    """What the ledger should say, by the rules as a person would tell them."""

    def __init__(self, wallets: list[ModelWallet]) -> None:
        self.wallets = wallets
        self.platform: Counter[str] = Counter()
        self.now = START

    def lapsed(self, lot: ModelLot) -> bool:
        return lot.expires_at is not None and lot.expires_at <= self.now

    def sweep(self, wallet: ModelWallet) -> int:
        due = [lot for lot in wallet.lots if self.lapsed(lot) and lot.free]
        for lot in due:
            self.platform["breakage"] += lot.free
            lot.remaining = lot.held
        return len(due)

    def burn(self, wallet: ModelWallet, amount: int) -> list[tuple[ModelLot, int]] | None:
        shares = []
        for lot in sorted(wallet.lots, key=lambda lot: lot.burns):
            if amount and lot.free and not self.lapsed(lot):
                shares.append((lot, min(lot.free, amount)))
                amount -= shares[-1][1]
        return None if amount else shares

    def place(self, wallet: ModelWallet, amount: int) -> list[tuple[ModelLot, int]] | type[Exception]:
        if wallet.frozen:
            return WalletFrozen
        shares = self.burn(wallet, amount)
        if shares is None:
            # A refusal looks again after booking what has lapsed.
            self.sweep(wallet)
            return InsufficientCredit
        for lot, share in shares:
            lot.held += share
        return shares

    def close(self, hold: ModelHold, state: str, amount: int) -> list[ModelCharge]:
        charges = []
        hold.state, hold.settled, left = state, amount, amount
        for lot, share in hold.shares:
            paid = min(share, left)
            left -= paid
            lot.held -= share
            lot.remaining -= paid
            if paid:
                charges.append(ModelCharge(hold.wallet, hold.key, lot, paid))
        self.platform["revenue"] += amount
        if any(self.lapsed(lot) for lot, _ in hold.shares):
            self.sweep(hold.wallet)
        return charges
