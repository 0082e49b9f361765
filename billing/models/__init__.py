from billing.models.books import Books
from billing.models.budgets import PERCENTS, Budget, BudgetNotice, BudgetPeriod, Period, SpendLock
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
from billing.models.promotions import PromotionCode, PromotionUse
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
from billing.models.summaries import MonthlySummary, SummaryChoice, UsageDay
from billing.models.usage import Usage

__all__ = [
    "OPENING_KINDS",
    "PERCENTS",
    "AccountKind",
    "AutoTopUp",
    "Books",
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
    "MonthlySummary",
    "Origin",
    "Period",
    "Price",
    "PromotionCode",
    "PromotionUse",
    "Refund",
    "RefundState",
    "SpendLock",
    "StripeCustomer",
    "SummaryChoice",
    "TopUp",
    "TopUpState",
    "Transfer",
    "TransferKind",
    "Usage",
    "UsageDay",
]
