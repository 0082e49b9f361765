"""Runware: one address that takes arrays of tasks. Ours is the id, so a task that is sent twice is one job."""

from __future__ import annotations

from studio.providers.runware.adapter import RunwareProvider

__all__ = ["RunwareProvider"]
