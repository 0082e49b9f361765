"""Errors of billing, in sentences for whoever asked."""

from __future__ import annotations

from datetime import UTC, datetime

from avatarsite.errors import DomainError
from billing.money import usd, usd_at_most, usd_balance, usd_held


class KeyConflict(Exception):
    """A key that was used before came again with other arguments. Nothing was written."""

    def __init__(self, key: str, difference: str) -> None:
        super().__init__(f"The key {key} was used before, {difference}. Nothing was written; use a new key.")
        self.key = key


class InsufficientCredit(DomainError):
    """The wallet has too little available credit. All amounts are micro-dollars."""

    def __init__(self, *, needed_micros: int, available_micros: int) -> None:
        self.needed_micros = needed_micros
        self.available_micros = available_micros
        self.missing_micros = max(needed_micros - available_micros, 0)
        needed, available = usd_at_most(needed_micros), usd_balance(available_micros)
        found = f"This needs {needed} and {available} is available: add {usd_at_most(self.missing_micros)}."
        super().__init__("insufficient_credit", found)


class WalletFrozen(DomainError):
    """The operator has frozen the wallet: nothing new is held, what is open is still settled or released."""

    def __init__(self, reason: str) -> None:
        message = f"This workspace's credit is frozen ({reason or 'no reason given'}). Write to support."
        super().__init__("wallet_frozen", message)
        self.reason = reason


class HoldAlreadyClosed(Exception):
    """The hold was closed the other way before: settled is never released, and released is never settled."""

    def __init__(self, key: str, state: str, settled_micros: int) -> None:
        outcome = f"settled at {usd(settled_micros)}" if state == "settled" else "released"
        super().__init__(f"The hold {key} was {outcome} before and stays so.")
        self.key = key
        self.state = state


class CannotReverse(Exception):
    """This transfer can't be taken back by a reversal; the sentence says what to do instead."""


class PriceMissing(LookupError):
    """The price book has no price for an offer."""

    def __init__(self, offer: str) -> None:
        super().__init__(f"The price book has no price for {offer}; run manage.py seed, or add one.")
        self.offer = offer


class BudgetReached(DomainError):
    """A budget has too little room. All amounts are micro-dollars; ``sentence`` says which, and until when."""

    def __init__(  # noqa: PLR0913 -- they are what whoever asked has to know
        self,
        *,
        scope: str,
        whose: str,
        needed_micros: int,
        cap_micros: int,
        spent_micros: int,
        reserved_micros: int,
        starts_at: datetime,
        renews_at: datetime,
        period: str = "month",
        word: str = "monthly",
    ) -> None:
        self.scope, self.whose, self.period, self.word = scope, whose, period, word
        self.needed_micros = needed_micros
        self.cap_micros = cap_micros
        self.spent_micros = spent_micros
        self.reserved_micros = reserved_micros
        self.starts_at, self.renews_at = starts_at, renews_at
        self.left_micros = max(cap_micros - spent_micros - reserved_micros, 0)
        self.missing_micros = needed_micros - self.left_micros
        self.sentence = (
            f"This needs {usd_at_most(needed_micros)}, and the {word} cap of {whose} has "
            f"{usd_balance(self.left_micros)} left: of {usd(cap_micros)}, {usd(spent_micros)} is spent and "
            f"{usd_held(reserved_micros)} held. It renews on {renews_at:%-d %B}; an owner or admin can raise it before."
        )
        super().__init__("budget_reached", self.sentence)


class SpendingLocked(BudgetReached):
    """Somebody has locked whoever asks, or the whole workspace: nothing that costs is let in."""

    def __init__(self, *, scope: str, whose: str, needed_micros: int) -> None:
        now = datetime.now(UTC)
        super().__init__(
            scope=scope,
            whose=whose,
            needed_micros=needed_micros,
            cap_micros=0,
            spent_micros=0,
            reserved_micros=0,
            starts_at=now,
            renews_at=now,
        )
        self.sentence = f"{whose[:1].upper()}{whose[1:]} is locked and spends nothing until an owner or admin opens it."
        DomainError.__init__(self, "spending_locked", self.sentence)
