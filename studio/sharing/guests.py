"""Guests of a share link: whether they have given its password, and how often it was watched."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password
from django.core.cache import cache
from django.core.signing import BadSignature, TimestampSigner
from django.db.models import F
from django.utils import timezone

from avatarsite.errors import DomainError
from avatarsite.outages.by_the_way import by_the_way
from studio.models import ShareLink

TRIES, WINDOW = 10, 600  # wrong passwords of one address at one link, and the seconds that they count for
PASS_SECONDS = 12 * 3600
_signer = TimestampSigner(salt="studio.sharing.guests")


class TooManyTries(DomainError):
    def __init__(self) -> None:
        message = "Too many wrong passwords were tried from your address."
        super().__init__("rate_limited", message, remedy="Try again in ten minutes.", retry_after=WINDOW)


def let_in(link: ShareLink, typed: str, address: str) -> str | None:
    """The pass of a guest who knows the password, for a cookie; None for a wrong one. Raises TooManyTries."""
    key = f"share-tries:{link.pk}:{address}"
    if cache.get(key, 0) >= TRIES:
        raise TooManyTries
    if check_password(typed, link.password):
        return _signer.sign(_passport(link))
    cache.add(key, 0, WINDOW)
    cache.incr(key)
    return None


def is_let_in(link: ShareLink, given: str) -> bool:
    """Whether the link asks for no password, or ``given`` is a pass that ``let_in`` wrote for it."""
    if not link.password:
        return True
    try:
        return _signer.unsign(given, max_age=PASS_SECONDS) == _passport(link)
    except BadSignature:
        return False


def count_view(link: ShareLink) -> None:
    with by_the_way():
        ShareLink.objects.filter(pk=link.pk).update(views=F("views") + 1, last_viewed_at=timezone.now())


def _passport(link: ShareLink) -> str:
    """A pass of an earlier password is none."""
    return f"{link.pk}:{link.password[-12:]}"
