"""Outages of the studio's parts: which may be away, and in which words that is said."""

from __future__ import annotations

from avatarsite.outages.answers import Outage, means_outage
from studio.media.sandbox.client import SandboxGone
from studio.storage.types import StoreFailed


def register_outages() -> None:
    means_outage(StoreFailed, Outage("file storage"))
    means_outage(SandboxGone, Outage("judge of uploaded files"))
