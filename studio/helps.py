"""Help after a failure: what can be done about it, by its code."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from studio.providers.types import Fault


class Step(StrEnum):
    """What can help after a failure: the same again, other files or words, or another model."""

    RETRY = "retry"
    CHANGE = "change"
    OTHER_MODEL = "other_model"


class Help(NamedTuple):
    step: Step
    remedy: str


_AGAIN = Help(
    Step.RETRY, "Try again: it goes to the cheapest provider that works now, and again costs nothing if it fails."
)
_ELSEWHERE = Help(Step.OTHER_MODEL, "Choose another model, or try again later.")
HELPS: dict[str, Help] = {
    Fault.INPUT: Help(Step.CHANGE, "Use another portrait or another recording; the same ones would be refused again."),
    Fault.MODERATION: Help(Step.CHANGE, "Use another portrait, voice or prompt; the same ones would be refused again."),
    Fault.RATE_LIMIT: Help(Step.RETRY, "Try again in a few minutes, or choose another model."),
    Fault.QUOTA: _ELSEWHERE,
    Fault.AUTH: _ELSEWHERE,
    "given_up": Help(Step.RETRY, "Try again, or choose another model, which may be faster."),
    "voice_gone": Help(Step.CHANGE, "Use another voice."),
    "voice_longer": Help(Step.CHANGE, "Ask for it anew: the price of the whole voice is shown first."),
}


def help_of(code: str) -> Help:
    """What helps after a failure of this code."""
    return HELPS.get(code, _AGAIN)
