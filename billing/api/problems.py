"""Billing's refusals as problems: what is missing, in money."""

from __future__ import annotations

from avatarsite.api.problems import Problem, declare, problem_in_words, translates
from billing.api.money import money
from billing.errors import BudgetReached, InsufficientCredit

declare(
    "insufficient_credit", 402, "There is too little credit", "Add at least the missing amount, then send it again."
)
declare(
    "budget_reached", 402, "A cap is used up", "Raise the cap in the dashboard or by /budgets, or wait until it renews."
)
declare("spending_locked", 403, "Whoever asks is locked", "Have an owner or admin open it, by /spending-locks too.")
declare("wallet_frozen", 409, "The credit of this workspace is frozen", "Write to support.")


@translates(InsufficientCredit)
def _insufficient(refusal: InsufficientCredit) -> Problem:
    return problem_in_words(
        refusal,
        needed=money(refusal.needed_micros, "needed"),
        available=money(refusal.available_micros, "available"),
        missing=money(refusal.missing_micros, "missing"),
    )


@translates(BudgetReached)
def _budget(refusal: BudgetReached) -> Problem:
    return problem_in_words(refusal, scope=refusal.scope, missing=money(refusal.missing_micros, "missing"))
