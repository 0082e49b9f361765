"""Routes of AI/ML API."""

from __future__ import annotations

from django.urls import path

from studio.gateway.aimlapi import views

urlpatterns = [
    path("v2/video/generations", views.generations, name="gateway_aimlapi"),
    path("v2/billing", views.balance, name="gateway_aimlapi_balance"),
    path("v1/models", views.models, name="gateway_aimlapi_models"),
]
