from billing.models.budgets import PERCENTS, Budget, BudgetNotice, BudgetPeriod
from billing.models.holds import Hold, HoldLot, HoldState
from billing.models.ledger import (
    OPENING_KINDS,
    AccountKind,
    CreditLot,
    LedgerAccount,
    LotCategory,
    Transfer,
    TransferKind,
)
from billing.models.prices import Price
from billing.models.usage import Usage

__all__ = [
    "OPENING_KINDS",
    "PERCENTS",
    "AccountKind",
    "Budget",
    "BudgetNotice",
    "BudgetPeriod",
    "CreditLot",
    "Hold",
    "HoldLot",
    "HoldState",
    "LedgerAccount",
    "LotCategory",
    "Price",
    "Transfer",
    "TransferKind",
    "Usage",
]
