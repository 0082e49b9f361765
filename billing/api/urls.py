"""Routes of money, relative to ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from billing.api import budgets, problems, views

__all__ = ["problems", "urlpatterns"]  # importing the problems declares them

urlpatterns = [
    path("balance", views.Balance.as_view(), name="api_balance"),
    path("transactions", views.Transactions.as_view(), name="api_transactions"),
    path("budgets", budgets.Budgets.as_view(), name="api_budgets"),
    path("budgets/<str:scope>/<slug:period>", budgets.OneBudget.as_view(), name="api_budget"),
    path("spending-locks", budgets.SpendingLocks.as_view(), name="api_spending_locks"),
    path("spending-locks/<str:scope>", budgets.OneSpendingLock.as_view(), name="api_spending_lock"),
    path("usage", views.Usage.as_view(), name="api_usage"),
]
