"""Senders of webhooks, each registered by the app that can read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avatarsite.inbox.models import InboundEvent

ReadId = Callable[[str, Mapping[str, str], Mapping[str, str], bytes], str]
Act = Callable[["InboundEvent"], str]


class EventRejected(Exception):
    """The event was not sent by whom it says, or not like this."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a sender's webhooks mean.

    ``event_id`` reads the sender's id from source, headers, query and body, and believes nothing. ``act`` checks the
    signature, acts, and says what was done; it raises EventRejected for what is not the sender's.
    """

    event_id: ReadId
    act: Act


SOURCES: dict[str, Source] = {}


def register_source(name: str, *, event_id: ReadId, act: Act) -> None:
    """Take webhooks in at ``/hooks/<name>/``."""
    SOURCES[name] = Source(event_id, act)
