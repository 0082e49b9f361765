"""The routes of the host that FAL_QUEUE_RUN_HOST names."""

from __future__ import annotations

from studio.gateway.fal.urls import queue as urlpatterns

__all__ = ["urlpatterns"]
