"""Guard of providers' addresses: which may get our key, and which may be fetched from at all.

``avatarsite/http/public_addresses.py`` is the judge.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from avatarsite.http import public_addresses
from avatarsite.http.networks import Address
from avatarsite.http.public_addresses import is_loopback, is_public, is_public_by_name
from studio.providers.http.asking import unanswered
from studio.providers.types import Failure, Fault, ProviderError

__all__ = ["AddressRefused", "Bases", "in_our_words", "is_loopback", "is_public", "is_public_by_name"]


class AddressRefused(ProviderError):
    """A link that a provider gave us, and that we will not follow."""

    def __init__(self, url: str, why: str) -> None:
        sentence = public_addresses.AddressRefused(url, why).of_link
        super().__init__(Failure(Fault.PROVIDER, "address_refused", sentence))


@dataclass(frozen=True, slots=True)
class Bases:
    """The addresses of one provider, as configured. They are the operator's, so they are trusted as they are."""

    urls: tuple[str, ...]

    def may_get_key(self, url: str) -> bool:
        """Whether ``url`` is at one of the configured origins: the same scheme, host and port."""
        origin = public_addresses.origin_of(url)
        return origin is not None and origin in {public_addresses.origin_of(base) for base in self.urls}

    @property
    def on_this_machine(self) -> bool:
        return any(is_loopback(base) for base in self.urls)

    async def addresses_of(self, url: str) -> list[str]:
        """The IP addresses that a file may be fetched from, to be connected to as they are; empty for "as named".

        Looking a name up twice could give two answers, so whoever checks it must also connect to what was checked.
        Raises AddressRefused.
        """
        with in_our_words(url):
            named = public_addresses.web_address(url)
            is_ours = named.host in {base.host for base in map(public_addresses.parsed, self.urls) if base}
            if named.scheme == "http" and not is_ours and not self.on_this_machine:
                raise AddressRefused(url, "it is not https.")
            if is_ours or _goes_through_a_proxy(named):
                return []
            allowed = [str(found) for found in await public_addresses.look_up(named) if self._may_fetch(found)]
        if not allowed:
            raise AddressRefused(url, "it does not lead to a public address.")
        return allowed

    def _may_fetch(self, address: Address) -> bool:
        return is_public(address) or (address.is_loopback and self.on_this_machine)


@contextmanager
def in_our_words(url: str) -> Iterator[None]:
    """What the site raises of an address, as ProviderError."""
    try:
        yield
    except public_addresses.AddressRefused as refusal:
        raise AddressRefused(url, refusal.why) from refusal
    except public_addresses.UnknownHost as error:
        raise unanswered(error) from error


def _goes_through_a_proxy(url: httpx.URL) -> bool:
    """A proxy looks names up by itself, and what it may reach is its owner's to say."""
    is_proxied = any(kind in urllib.request.getproxies() for kind in (url.scheme, "all"))
    return is_proxied and not urllib.request.proxy_bypass(url.host) and public_addresses.as_literal(url.host) is None
