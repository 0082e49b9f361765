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
from billing.models.stripe import (
    AutoTopUp,
    CardSetup,
    Dispute,
    DisputeState,
    Origin,
    Refund,
    RefundState,
    StripeCustomer,
    TopUp,
    TopUpState,
)
from billing.models.usage import Usage

__all__ = [
    "OPENING_KINDS",
    "PERCENTS",
    "AccountKind",
    "AutoTopUp",
    "Budget",
    "BudgetNotice",
    "BudgetPeriod",
    "CardSetup",
    "CreditLot",
    "Dispute",
    "DisputeState",
    "Hold",
    "HoldLot",
    "HoldState",
    "LedgerAccount",
    "LotCategory",
    "Origin",
    "Price",
    "Refund",
    "RefundState",
    "StripeCustomer",
    "TopUp",
    "TopUpState",
    "Transfer",
    "TransferKind",
    "Usage",
]
