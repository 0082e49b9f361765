"""Tries of an address: what anybody may ask for without signing in is asked for so often and no more."""

from __future__ import annotations

from django.core.cache import cache

from avatarsite.errors import DomainError


class TooManyTries(DomainError):
    """From one address more came than is let in meanwhile."""

    def __init__(self, message: str, seconds: int) -> None:
        minutes = -(-seconds // 60)
        remedy = f"Try again in {minutes} minute{'' if minutes == 1 else 's'}."
        super().__init__("rate_limited", message, remedy=remedy, retry_after=seconds)


def count_try(what: str, address: str, *, most: int, seconds: int, refusal: str) -> None:
    """Count one try; raises TooManyTries, with the sentence ``refusal``, once there were ``most`` within ``seconds``.

    Shared by all web processes if the cache is (REDIS_URL); else each process counts its own.
    """
    key = f"tries:{what}:{address}"
    cache.add(key, 0, seconds)
    try:
        tries = cache.incr(key)
    except ValueError:  # it ended just now
        return
    if tries > most:
        raise TooManyTries(refusal, seconds)
