"""Routes of Runware: one address takes all tasks."""

from __future__ import annotations

from django.urls import path

from studio.gateway.runware import views

urlpatterns = [path("v1", views.tasks, name="gateway_runware")]
