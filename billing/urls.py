"""The money pages of a workspace, relative to ``/w/<slug>/``."""

from __future__ import annotations

from django.urls import path

from billing import topup_urls
from billing.views import balance, budgets, promotions, statement, usage

urlpatterns = [
    path("balance/", balance.balance, name="balance"),
    *topup_urls.urlpatterns,
    path("budgets/", budgets.caps, name="budgets"),
    path("promotion/", promotions.redeem, name="promotion"),
    path("statement/", statement.statement, name="statement"),
    path("statement/check/", statement.statement_check, name="statement_check"),
    path("statement/file.csv", statement.statement_file, name="statement_file"),
    path("usage/", usage.usage, name="usage"),
    path("usage/summary/", usage.summary_choice, name="summary_choice"),
]
