"""Routes of money, relative to ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from billing.api import problems, views

__all__ = ["problems", "urlpatterns"]  # importing the problems declares them

urlpatterns = [
    path("balance", views.Balance.as_view(), name="api_balance"),
    path("transactions", views.Transactions.as_view(), name="api_transactions"),
    path("usage", views.Usage.as_view(), name="api_usage"),
]
