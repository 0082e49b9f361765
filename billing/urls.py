"""The money pages of a workspace, relative to ``/w/<slug>/``."""

from __future__ import annotations

from django.urls import path

from billing import views

urlpatterns = [
    path("balance/", views.balance, name="balance"),
]
