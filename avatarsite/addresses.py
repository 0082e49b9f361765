"""Which addresses that somebody else named may be connected to: a customer's, or a provider's link.

A name is looked up once, what it leads to is judged, and whoever asked connects to exactly that (``pinned``): looked up
a second time, it could lead elsewhere. Redirects are never followed unseen.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Origin = tuple[str, str, int]
NAT64 = ipaddress.ip_network("64:ff9b::/96")
PORTS = {"https": 443, "http": 80}
# Names that no public resolver answers.
PRIVATE_NAMES = ("localhost", "local", "internal", "lan", "home", "test", "invalid", "example", "home.arpa")


class AddressRefused(ValueError):
    """An address that is not connected to; ``host`` is whose, ``why`` a sentence's end such as "it is not https."."""

    def __init__(self, url: str, why: str) -> None:
        url_read = parsed(url)
        self.host = url_read.host if url_read else url[:100]
        self.why = why
        super().__init__(f"{self.host} is not connected to: {why}")


class UnknownHost(OSError):
    """A name that leads nowhere, now."""


async def public_addresses_of(url: str, *, trusted: bool = False, plain: bool = False) -> list[str]:
    """The IP addresses that may be connected to, directly and as they are, for an address that a customer named.

    https alone unless ``plain``. What is ``trusted`` by the operator is looked up, and may be anything. Raises
    AddressRefused and UnknownHost.
    """
    url_read = web_address(url)
    if url_read.scheme != "https" and not trusted and not plain:
        raise AddressRefused(url, "it is not https.")
    allowed = [str(found) for found in await look_up(url_read) if trusted or is_public(found)]
    if not allowed:
        raise AddressRefused(url, "it does not lead to a public address.")
    return allowed


def pinned(url: httpx.URL, address: str) -> dict[str, Any]:
    """What ``httpx.Client.build_request`` is told so that ``url`` is asked at ``address`` and nowhere else.

    ``headers`` has the Host; over TLS the certificate still has to fit the name.
    """
    return {
        "url": url.copy_with(host=address),
        "headers": {"Host": url.netloc.decode("ascii")},
        "extensions": {"sni_hostname": url.raw_host.decode("ascii")} if url.scheme == "https" else {},
    }


def web_address(url: str) -> httpx.URL:
    """``url``, read. Raises AddressRefused for what is no address of the web, or carries a user name."""
    url_read = parsed(url)
    if url_read is None or url_read.scheme not in PORTS or not url_read.host:
        raise AddressRefused(url, "it is not a web address.")
    if url_read.userinfo:
        raise AddressRefused(url, "it carries a user name.")
    if url_read.port is not None and not 0 < url_read.port < 65_536:
        raise AddressRefused(url, "there is no such port.")
    return url_read


def is_public(address: Address) -> bool:
    inner = _inner(address)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def is_loopback(url: str) -> bool:
    url_read = parsed(url)
    if url_read is None:
        return False
    literal = as_literal(url_read.host)
    return literal.is_loopback if literal else url_read.host == "localhost"


def is_public_by_name(url: str) -> bool:
    """Whether it can be expected to be reached from anywhere, without looking its name up."""
    url_read = parsed(url)
    if url_read is None or not url_read.host:
        return False
    literal = as_literal(url_read.host)
    if literal is not None:
        return is_public(literal)
    host = url_read.host.removesuffix(".")
    return "." in host and not host.endswith(tuple(f".{name}" for name in PRIVATE_NAMES))


def origin_of(url: str) -> Origin | None:
    url_read = parsed(url)
    if url_read is None or url_read.scheme not in PORTS or url_read.userinfo:
        return None
    return url_read.scheme, url_read.host, url_read.port or PORTS[url_read.scheme]


def is_at_host(url: str, hosts: Iterable[str]) -> bool:
    """Whether ``url`` is at one of ``hosts``: names or numbers, with a port or for all ports."""
    url_read = parsed(url)
    if url_read is None or url_read.scheme not in PORTS or url_read.userinfo:
        return False
    name = f"[{url_read.host}]" if ":" in url_read.host else url_read.host
    return not {name, f"{name}:{url_read.port or PORTS[url_read.scheme]}"}.isdisjoint(host.lower() for host in hosts)


async def look_up(url: httpx.URL) -> list[Address]:
    """Where the name leads, as the system's resolver reads it. Raises UnknownHost."""
    literal = as_literal(url.host)
    if literal is not None:
        return [literal]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.host, url.port or PORTS[url.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UnknownHost(f"{url.host} could not be looked up: {why}.") from error
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def parsed(url: str) -> httpx.URL | None:
    """Read as the client that connects will read it, so that the two can't differ."""
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        return None


def as_literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, if it is only a wrapping."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
