"""The money pages of a workspace, relative to ``/w/<slug>/``."""

from __future__ import annotations

from django.urls import path

from billing.views import auto_topups, balance, budgets, promotions, statement, topups, usage

urlpatterns = [
    path("balance/", balance.balance, name="balance"),
    path("balance/top-up/", topups.topup_new, name="topup_new"),
    path("balance/top-ups/", topups.topup_list, name="topups"),
    path("balance/top-ups/<slug:topup>/", topups.topup, name="topup"),
    path("balance/top-ups/<slug:topup>/status/", topups.topup_status, name="topup_status"),
    path("balance/top-ups/<slug:topup>/receipt/", topups.topup_receipt, name="topup_receipt"),
    path("balance/top-ups/<slug:topup>/confirm/", topups.topup_confirm, name="topup_confirm"),
    path("balance/automatic/", auto_topups.auto_topup_rules, name="auto_topup"),
    path("balance/automatic/card/", auto_topups.card_new, name="card_new"),
    path("balance/automatic/card/<slug:card>/", auto_topups.card_back, name="card_back"),
    path("balance/portal/", auto_topups.billing_portal, name="billing_portal"),
    path("budgets/", budgets.budget_list, name="budgets"),
    path("budgets/lock/", budgets.spend_lock, name="spend_lock"),
    path("promotion/", promotions.redeem, name="promotion"),
    path("statement/", statement.statement, name="statement"),
    path("statement/check/", statement.statement_check, name="statement_check"),
    path("statement/file.csv", statement.statement_file, name="statement_file"),
    path("usage/", usage.usage, name="usage"),
    path("usage/summary/", usage.summary_choice, name="summary_choice"),
]
