"""fal: a queue with webhooks. Each submit is a new job, so a lost answer is searched for, and never asked for again."""

from __future__ import annotations

from studio.providers.fal.adapter import FalProvider

__all__ = ["FalProvider"]
