"""Refusals of uploads: what is wrong with which field, in numbers, and what to do about it."""

from __future__ import annotations

import math
from enum import StrEnum

from avatarsite.errors import DomainError


class Refusal(StrEnum):
    """Every reason there is. The API shows these; a new one is a change of the contract."""

    PORTRAIT_EMPTY = "portrait_empty"
    PORTRAIT_TOO_LARGE = "portrait_too_large"  # bytes
    PORTRAIT_NOT_A_PICTURE = "portrait_not_a_picture"
    PORTRAIT_UNREACHABLE = "portrait_unreachable"  # by the address that was named
    PORTRAIT_UNREADABLE = "portrait_unreadable"
    PORTRAIT_OVER_LIMITS = "portrait_over_limits"  # of time or memory
    PORTRAIT_TOO_MANY_PIXELS = "portrait_too_many_pixels"
    PORTRAIT_TOO_SMALL = "portrait_too_small"
    PORTRAIT_TOO_LONG = "portrait_too_long"  # beyond 2.5:1 either way
    PORTRAIT_WRONG_KIND = "portrait_wrong_kind"
    PORTRAIT_IN_USE = "portrait_in_use"
    VOICE_EMPTY = "voice_empty"
    VOICE_TOO_LARGE = "voice_too_large"  # bytes
    VOICE_NOT_A_SOUND = "voice_not_a_sound"
    VOICE_IS_A_VIDEO = "voice_is_a_video"
    VOICE_WITHOUT_SOUND = "voice_without_sound"
    VOICE_CODEC = "voice_codec"
    VOICE_UNREACHABLE = "voice_unreachable"
    VOICE_UNREADABLE = "voice_unreadable"
    VOICE_OVER_LIMITS = "voice_over_limits"  # of time or memory
    VOICE_DAMAGED = "voice_damaged"
    VOICE_CUT_OFF = "voice_cut_off"
    VOICE_NOT_NUMBERS = "voice_not_numbers"
    VOICE_TOO_SLOW = "voice_too_slow"
    VOICE_TOO_SHORT = "voice_too_short"
    VOICE_TOO_LONG = "voice_too_long"
    VOICE_SILENT = "voice_silent"
    VOICE_WRONG_KIND = "voice_wrong_kind"
    VOICE_ELSEWHERE = "voice_elsewhere"
    VOICE_IN_USE = "voice_in_use"


def megabytes(size: int) -> str:
    """Rounded up, so that a file over the limit never reads like the limit: 20, 20.1."""
    return f"{math.ceil(size / 100_000) / 10:g}"


class UploadRefused(DomainError):
    """A file that is not taken. ``field`` is "portrait" or "voice"; ``message`` and ``remedy`` are whole sentences."""

    def __init__(self, code: Refusal, message: str, remedy: str) -> None:
        super().__init__(code, message, field=code.split("_", 1)[0], remedy=remedy)
