"""Outages of the studio's parts: which may be away, in which words that is said, and which a ready site has."""

from __future__ import annotations

from avatarsite.monitoring.readiness import register_part
from avatarsite.outages.answers import Outage, means_outage
from studio.media.sandbox.client import SandboxGone
from studio.storage.local import why_away
from studio.storage.types import StoreFailed


def register_outages() -> None:
    means_outage(StoreFailed, Outage("file storage"))
    means_outage(SandboxGone, Outage("judge of uploaded files"))
    register_part("storage", why_away)
