"""The routes of the host that FAL_RUN_HOST names."""

from __future__ import annotations

from studio.gateway.fal.urls import run as urlpatterns

__all__ = ["urlpatterns"]
