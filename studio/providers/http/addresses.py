"""Which addresses may get our key, and which may be fetched from at all."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import urllib.request
from dataclasses import dataclass

import httpx

from studio.providers.types import Failure, Fault, ProviderError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")
PORTS = {"https": 443, "http": 80}
# Names that no public resolver answers.
PRIVATE_NAMES = ("localhost", "local", "internal", "lan", "home", "test", "invalid", "example", "home.arpa")


class AddressRefused(ProviderError):
    """A link that a provider gave us, and that we will not follow."""

    def __init__(self, url: str, why: str) -> None:
        parsed = _parsed(url)
        host = parsed.host if parsed else url[:100]
        super().__init__(Failure(Fault.PROVIDER, "address_refused", f"The link to {host} is not followed: {why}"))


@dataclass(frozen=True, slots=True)
class Bases:
    """The addresses of one provider, as configured. They are the operator's, so they are trusted as they are."""

    urls: tuple[str, ...]

    def may_get_key(self, url: str) -> bool:
        """Whether ``url`` is at one of the configured origins: the same scheme, host and port."""
        origin = _origin(url)
        return origin is not None and origin in {_origin(base) for base in self.urls}

    @property
    def on_this_machine(self) -> bool:
        return any(is_loopback(base) for base in self.urls)

    async def addresses_of(self, url: str) -> list[str]:
        """The IP addresses that a file may be fetched from, to be connected to as they are; empty for "as named".

        Looking a name up twice could give two answers, so whoever checks it must also connect to what was checked.
        Raises AddressRefused.
        """
        parsed = _parsed(url)
        if parsed is None or parsed.scheme not in PORTS or not parsed.host:
            raise AddressRefused(url, "it is not a web address.")
        if parsed.userinfo:
            raise AddressRefused(url, "it carries a user name.")
        is_ours = parsed.host in {base.host for base in map(_parsed, self.urls) if base}
        if parsed.scheme == "http" and not is_ours and not self.on_this_machine:
            raise AddressRefused(url, "it is not https.")
        if is_ours or _goes_through_a_proxy(parsed):
            return []
        allowed = [str(found) for found in await _look_up(parsed) if self._may_fetch(found)]
        if not allowed:
            raise AddressRefused(url, "it does not lead to a public address.")
        return allowed

    def _may_fetch(self, address: Address) -> bool:
        return is_public(address) or (address.is_loopback and self.on_this_machine)


async def public_addresses_of(url: str, trusted: Bases, *, plain: bool = False) -> list[str]:
    """The IP addresses that a customer's file may be sent to, to be connected to directly and as they are.

    Stricter than for a provider's links: https alone unless ``plain``, and no proxy is taken to look the name up in our
    place. What the operator trusts is looked up and connected to as it is. Raises AddressRefused, or ProviderError for
    an unknown name.
    """
    parsed = _parsed(url)
    if parsed is None or not parsed.host or parsed.scheme not in PORTS:
        raise AddressRefused(url, "it is not a web address.")
    if parsed.userinfo:
        raise AddressRefused(url, "it carries a user name.")
    is_trusted = trusted.may_get_key(url)
    if parsed.scheme != "https" and not is_trusted and not plain:
        raise AddressRefused(url, "it is not https.")
    allowed = [str(found) for found in await _look_up(parsed) if is_trusted or is_public(found)]
    if not allowed:
        raise AddressRefused(url, "it does not lead to a public address.")
    return allowed


def is_public(address: Address) -> bool:
    inner = _inner(address)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def is_loopback(url: str) -> bool:
    parsed = _parsed(url)
    if parsed is None:
        return False
    literal = _literal(parsed.host)
    return literal.is_loopback if literal else parsed.host == "localhost"


def is_public_by_name(url: str) -> bool:
    """Whether somebody elsewhere can be expected to reach this address of ours, without looking its name up."""
    parsed = _parsed(url)
    if parsed is None or not parsed.host:
        return False
    literal = _literal(parsed.host)
    if literal is not None:
        return is_public(literal)
    return "." in parsed.host and not parsed.host.endswith(tuple(f".{name}" for name in PRIVATE_NAMES))


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, if it is only a wrapping."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


async def _look_up(url: httpx.URL) -> list[Address]:
    literal = _literal(url.host)
    if literal is not None:
        return [literal]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.host, url.port or PORTS[url.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        failure = Failure(Fault.PROVIDER, "no_such_host", f"{url.host} could not be looked up: {error}", retryable=True)
        raise ProviderError(failure) from error
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _goes_through_a_proxy(url: httpx.URL) -> bool:
    """A proxy looks names up by itself, and what it may reach is its owner's to say."""
    is_proxied = any(kind in urllib.request.getproxies() for kind in (url.scheme, "all"))
    return is_proxied and not urllib.request.proxy_bypass(url.host) and _literal(url.host) is None


def _origin(url: str) -> tuple[str, str, int] | None:
    parsed = _parsed(url)
    if parsed is None or parsed.scheme not in PORTS or parsed.userinfo:
        return None
    return parsed.scheme, parsed.host, parsed.port or PORTS[parsed.scheme]


def _parsed(url: str) -> httpx.URL | None:
    """Read as the client that connects will read it, so that the two can't differ."""
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        return None


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
